"""How long do `import tsynth` and `tsynth --help` take?

Each in a process of its own; the raw limit is an interpreter that does nothing.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measure import process


def run() -> dict:
    python = sys.executable
    command = shutil.which("tsynth", path=str(Path(python).parent)) or "tsynth"
    return {
        "rows": [
            {"by": "tsynth", "what": "import", **process(python, "-c", "import tsynth", repeats=9)},
            {"by": "tsynth", "what": "--help", **process(command, "--help", repeats=9)},
        ],
        "limit": {"what": "an interpreter that does nothing", **process(python, "-c", "", repeats=9)},
    }

"""Run every examples/*.py in an empty folder of its own, warnings as errors; show what failed and why."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main() -> int:
    failed = []
    scripts = sorted(EXAMPLES.glob("*.py"))
    for script in scripts:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-W", "error", str(script)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        ending = f"exit {done.returncode}" if done.returncode else "ends well"
        print(f"{script.name}: {ending}", flush=True)
        if done.returncode:
            failed.append(script.name)
            print(done.stdout)
    print(f"{len(scripts) - len(failed)} of {len(scripts)} examples end well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

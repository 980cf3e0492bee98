"""Write constraints.txt: every package of this environment at its version, and torch and opacus with what they bring.

Both are extras and not installed for development, so pip is asked what it would install, without doing it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
OPACUS = "opacus==1.6.0"
# What torch brings on every system; its GPU libraries differ by system, and it pins those itself.
WITH_TORCH = ("fsspec", "mpmath", "networkx", "opt_einsum", "setuptools", "sympy")
HEAD = """\
# The fully resolved set that tsynth is developed and tested with.
# To renew it: delete the lines below, then `rm -r .venv && make constraints`.
"""


def installed() -> dict[str, str]:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json", "--exclude-editable"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {entry["name"]: entry["version"] for entry in json.loads(listing)}


def brought_by_torch() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), TORCH, OPACUS], check=True)
        found = json.loads(report.read_text())["install"]
    named = {entry["metadata"]["name"].lower(): entry["metadata"]["version"] for entry in found}
    return {name: named[name] for name in WITH_TORCH if name in named}


def main() -> None:
    versions = installed() | brought_by_torch()
    versions.pop("tsynth", None)
    lines = [
        f"{name}=={version}" for name, version in versions.items() if name.lower() not in ("torch", "opacus")
    ]
    lines = sorted([*lines, TORCH, OPACUS], key=str.lower)
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write tsynth/__init__.pyi, so that editors and type checkers see what is loaded lazily.

``python tools/write_stub.py --check`` exits 1 where the file is not what it would write.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tsynth
from tsynth import registry

STUB = Path(__file__).resolve().parent.parent / "tsynth" / "__init__.pyi"


def stub() -> str:
    """The stub's text: an import a lazy name, sorted, and the names that are promised."""
    missing = [
        target
        for target in registry.GENERATORS.values()
        if tsynth._LAZY.get(target.partition(":")[2]) != target.partition(":")[0]
    ]
    if missing:
        raise SystemExit(f"tsynth/__init__.py lacks {', '.join(missing)}")
    lines = ["# Written by tools/write_stub.py.", ""]
    by_module: dict[str, list[str]] = {}
    for name, module in tsynth._LAZY.items():
        by_module.setdefault(module, []).append(name)
    for module in sorted(by_module):
        lines += [f"from {module} import {name} as {name}" for name in sorted(by_module[module])]
    lines += ["", "__version__: str", "__all__ = ["]
    lines += [f'    "{name}",' for name in tsynth.__all__]
    return "\n".join([*lines, "]", ""])


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(STUB.read_text(encoding="utf-8") != stub())
    STUB.write_text(stub(), encoding="utf-8", newline="\n")

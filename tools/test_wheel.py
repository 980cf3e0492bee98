"""Build the wheel (through the source archive), install it in a fresh environment, and test it there.

First as a user has it, with the core dependencies alone; then with quick tests of the rooms named below, copied away
so that the source tree is out of reach. Works on every system: `python tools/test_wheel.py [PYTEST ARGUMENT...]`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICK = "not slow and not needs_data and not browser and not source"
# What a wheel can break: reading, files that travel with the package, the command line, workers, compiled loops.
ROOMS = (
    "tests/test_engine.py",
    "tests/cli",
    "tests/compiled",
    "tests/jobs",
    "tests/reports",
    "tests/data/test_inputs.py",
)
# What a user without a frame library sees: the package imports, and no frame library came along.
CORE_ALONE = """
import importlib.util, sys
import tsynth
assert "site-packages" in tsynth.__file__, tsynth.__file__
for name in tsynth.__all__:
    getattr(tsynth, name)
present = [name for name in ("pandas", "polars", "torch", "pytest") if importlib.util.find_spec(name)]
assert not present, f"the core installs {present}"
print("tsynth", tsynth.__version__, "with the core dependencies alone")
"""


def call(*command: str | os.PathLike, cwd: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([os.fspath(part) for part in command], cwd=cwd, env=environment, check=True)


def build(into: Path) -> Path:
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", into, ROOT, cwd=into)
    [wheel] = into.glob("tsynth-*.whl")
    return wheel


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="tsynth-wheel-") as name:
        folder = Path(name).resolve()
        wheel = build(folder)
        home = folder / "environment"
        venv.create(home, with_pip=False)
        scripts = home / ("Scripts" if os.name == "nt" else "bin")
        python = scripts / ("python.exe" if os.name == "nt" else "python")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        pip += ["--constraint", str(ROOT / "constraints.txt")]

        call(*pip, str(wheel), cwd=folder)
        call(python, "-c", CORE_ALONE, cwd=folder)
        call(scripts / "tsynth", "--help", cwd=folder)

        call(*pip, f"{wheel}[testing]", "--group", f"{ROOT / 'pyproject.toml'}:test", cwd=folder)
        away = folder / "away"
        shutil.copytree(ROOT / "tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", away)  # pytest's settings
        wanted = arguments or ROOMS
        call(python, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-m", QUICK, *wanted, cwd=away)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{Path(failure.cmd[0]).name} ended with {failure.returncode}: {' '.join(failure.cmd)}")

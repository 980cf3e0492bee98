"""How a case measures: repeats, peak memory in a fresh process, peers in environments of their own."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".venvs"


def seconds(function: Callable[[], object], *, repeats: int = 5, warm: int = 1) -> dict:
    """The median of `repeats` timed calls, after `warm` untimed ones (compilation, caches of the disk)."""
    for _ in range(warm):
        function()
    runs = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        function()
        runs.append(time.perf_counter() - start)
    return {"seconds": statistics.median(runs), "runs": runs}


def process(*command: str, repeats: int = 5, warm: int = 1) -> dict:
    """As `seconds`, for a command: start, imports and all."""
    return seconds(
        lambda: subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL),
        repeats=repeats,
        warm=warm,
    )


def peak(code: str, *, python: str = sys.executable) -> dict:
    """Run code in a fresh interpreter; its seconds and the most memory it held, in MiB (Linux, macOS)."""
    measured = (
        code + "\nimport resource as _r, sys as _s, json as _j\n"
        "_kib = _r.getrusage(_r.RUSAGE_SELF).ru_maxrss / (1024 if _s.platform == 'darwin' else 1)\n"
        "print(_j.dumps({'peak_mib': round(_kib / 1024, 1)}))\n"
    )
    start = time.perf_counter()
    done = subprocess.run([python, "-c", measured], check=True, capture_output=True, text=True)
    return {"seconds": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}


def peer(name: str) -> str:
    """The interpreter of a peer's own environment, made from `benchmarks/peers/NAME.txt` when asked for."""
    wanted = HERE / "peers" / f"{name}.txt"
    home = ENVIRONMENTS / name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = home / ".made-from"
    text = wanted.read_text(encoding="utf-8")
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == text):
        venv.create(home, with_pip=False, clear=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        subprocess.run([*pip, "--requirement", str(wanted)], check=True)
        stamp.write_text(text, encoding="utf-8")
    return str(python)


def ask_peer(name: str, script: str, *arguments: str) -> dict:
    """Run `benchmarks/peers/SCRIPT` under a peer's interpreter; its last line is one JSON object."""
    command = [peer(name), str(HERE / "peers" / script), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout.splitlines()[-1])

"""The one decorator: it keeps machine code where it can and runs without where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from tsynth.compiled.jit import compiled, uncounted

LOOP = """
import warnings
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as seen:
    from tsynth.compiled.jit import compiled
    import loops
    assert loops.double(2.0) == 4.0
    assert loops.triple(2.0) == 6.0
print(*[w.category.__name__ for w in seen])
"""
MODULE = """
from tsynth.compiled.jit import compiled

@compiled
def double(x):
    return 2 * x

@compiled(error_model="python")
def triple(x):
    return 3 * x
"""


@compiled
def ratio(a, b):
    return a / b


def test_division_by_zero_is_numpys() -> None:
    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))
    assert ratio.py_func(6.0, 3.0) == ratio(6.0, 3.0) == 2.0


def _run(folder: Path, script: str, **environment: str) -> str:
    import tsynth.compiled

    root = Path(tsynth.compiled.__file__).parents[2]
    (folder / "loops.py").write_text(MODULE)
    path = os.pathsep.join([str(folder), str(root)])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_machine_code_is_kept(tmp_path: Path) -> None:
    assert _run(tmp_path, LOOP, NUMBA_CACHE_DIR=str(tmp_path / "kept")) == ""
    assert list((tmp_path / "kept").rglob("*.nbc"))


def test_runs_uncached_with_one_warning_where_no_folder_can_be_written(tmp_path: Path) -> None:
    script = "import numba.core.caching as c\nc.CacheImpl._locator_classes = []\n" + LOOP
    assert _run(tmp_path, script) == "CacheWarning"


def test_runs_with_one_warning_where_writing_fails(tmp_path: Path) -> None:
    full = (
        "import numba.core.caching as c\n"
        "def full(*a, **k): raise OSError(28, 'No space left on device')\n"
        "c.Cache.save_overload = full\n"
    )
    assert _run(tmp_path, full + LOOP) == "CacheWarning"


def test_an_uncounted_function_counts_nothing_and_may_not_make_an_array(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # code out of a cache cannot be looked into

    @uncounted
    def first(pair, i):
        return pair[0][i] + pair[1][i]

    @uncounted
    def makes(a):
        return np.zeros(len(a))

    @compiled
    def total(pair):
        whole, made = 0.0, np.zeros(3)  # the caller may
        for i in range(len(pair[0])):
            whole += first(pair, i)
        return whole, made

    pair = (np.arange(4.0), np.ones(4))
    assert total(pair)[0] == 10.0
    assert first(pair, 2) == 3.0
    assert "NRT_incref" not in first.inspect_llvm(first.signatures[0])
    with pytest.raises(numba.core.errors.NumbaError):
        makes(np.ones(2))

"""The one decorator behind every compiled loop."""

from __future__ import annotations

import errno
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any, overload

import numba

__all__ = ["CacheWarning", "compiled", "uncounted"]

_log = logging.getLogger("tsynth")
_lock = threading.Lock()
_warned = False


class CacheWarning(UserWarning):
    """Machine code cannot be kept on this disk, so every start compiles anew."""


@overload
def compiled(function: Callable[..., Any]) -> Any: ...
@overload
def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a loop with numba, keep the machine code on disk, release the GIL while it runs.

    Use it bare (``@compiled``) or with numba's options (``@compiled(fastmath=True)``). Division by zero gives
    inf or NaN, as in numpy. The plain Python function stays at ``.py_func``, so tests can compare the two.

    Where the folder of the machine code cannot be written (a read-only install and home, a full disk), the
    loop is compiled in memory instead and one `CacheWarning` is given a process; ``NUMBA_CACHE_DIR`` names
    another folder.

    Notes
    -----
    The cache of a loop is renewed when *its own* file changes. One who edits a loop that other files call
    (say `compiled/random.py`) must also delete the ``*.nbi`` files under ``__pycache__``.
    """
    if function is None:
        return lambda loop: compiled(loop, **options)
    options = {"nogil": True, "error_model": "numpy", **options}
    try:
        loop = numba.njit(cache=True, **options)(function)
    except RuntimeError as error:  # numba: "cannot cache function ...: no locator available for file ..."
        if "cannot cache" not in str(error):
            raise
        _warn(str(error))
        return numba.njit(**options)(function)
    _forgive(loop)
    return loop


def uncounted(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """As `compiled`, for functions that allocate nothing: they count no references of the arrays that they are given.

    Without it a function that takes arrays, one by one or in a tuple, counts a reference of each at every call, by an
    atomic addition, and threads that share the arrays wait for each other's counts: it was half the time of a walk over
    rows, and nine tenths of a walk over days, whose inner functions take a dozen arrays and do little with them. numba
    refuses to compile such a function if it makes an array, so this can do no harm. (The option has no page in numba's
    manual; a test says whether it still does what is said here.)
    """
    if function is None:
        return lambda loop: uncounted(loop, **options)
    return compiled(_nrt=False, **options)(function)


def _forgive(loop: Any) -> None:
    """Let a compiled loop run although its machine code could not be written (numba would raise)."""
    cache = getattr(loop, "_cache", None)
    save = getattr(cache, "save_overload", None)
    if save is None:
        return

    def save_or_warn(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except OSError as error:
            _warn(f"{errno.errorcode.get(error.errno or 0, 'OSError')}: {error}")

    cache.save_overload = save_or_warn  # type: ignore[union-attr]


def _warn(reason: str) -> None:
    global _warned
    with _lock:
        if _warned:
            return
        _warned = True
    _log.info("machine code is not kept: %s", reason)
    warnings.warn(
        f"compiled loops cannot be kept on disk ({reason}), so every start compiles anew for some seconds; "
        "set NUMBA_CACHE_DIR to a folder that can be written.",
        CacheWarning,
        stacklevel=4,
    )

"""Every way a command can end: one message that helps, and an exit code.

0 done, 1 a bug, 2 usage, 3 data, 4 artifact or schema, 5 resources, 6 a quality gate, 130 interrupted, 143
terminated.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from tsynth.cli.terminal import say, settings

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Terminated", "ending"]

WHERE_TO_REPORT = "the project's issue tracker"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt it is no Exception, so nothing swallows it on the way."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Turns errors and signals inside into a message on stderr and an exit."""
    from tsynth.errors import TsynthError, UsageError

    with _signals(), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("default")
        warnings.showwarning = _show_warning
        try:
            yield
        except TsynthError as error:
            hint = " (see `tsynth COMMAND --help`)" if type(error) is UsageError and not error.fix else ""
            _end(error.exit_code, f"error: {error}{hint}", error)
        except KeyboardInterrupt as error:
            _end(130, "interrupted; finished parts are kept, run the same command again to resume", error)
        except Terminated as error:
            _end(143, "terminated; finished parts are kept, run the same command again to resume", error)
        except MemoryError as error:
            advice = "close other programs, use a machine with more memory, or give fewer rows or entities"
            _end(5, f"error: there is not enough memory; {advice}.", error)
        except BrokenPipeError:
            # Whoever read our output has gone, as `head` does; that is no error of ours.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            if error.errno in _FULL:
                _end(
                    5,
                    f"error: there is no room left on the disk{_at(error)}; free some and run again.",
                    error,
                )
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                _end(5, f"error: the system does not allow it{_at(error)}: {error.strerror}.", error)
            _bug(error)
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise  # a wrong option: typer says so itself
            _bug(error)


def _at(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _end(code: int, message: str, error: BaseException) -> NoReturn:
    if settings.debug:
        traceback.print_exception(error)
    sys.stderr.write(message + "\n")
    sys.exit(code)


def _bug(error: Exception) -> NoReturn:
    if settings.debug:
        traceback.print_exception(error)
    from tsynth import __version__

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}, line {last.lineno}"
    sys.stderr.write(
        f"error: {type(error).__name__}: {error}\n"
        f"This is a bug in tsynth {__version__} ({place}), not in your data. Please report it in {WHERE_TO_REPORT}"
        + ("" if settings.debug else ", with what the same command prints with --debug")
        + ".\n"
    )
    sys.exit(1)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    from tsynth.errors import TsynthWarning

    if issubclass(category, TsynthWarning):
        say(f"warning: {message}", style="yellow")
    elif settings.debug:
        say(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM raises `Terminated`; a second ^C ends at once, even while a compiled loop runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    old = signal.signal(signal.SIGTERM, terminate)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ours,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, old)
        theirs.close()


def _watch(pipe: socket.socket) -> None:
    """Reads the signals as they arrive; Python's own handlers wait until a compiled loop has ended."""
    seen = 0
    with pipe:
        while found := pipe.recv(16):
            seen += found.count(signal.SIGINT)
            if seen >= 2:
                os._exit(130)

"""Every way a command can end has one message and an exit code; nothing is a traceback unless asked."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time
import warnings

import pytest

from tsynth import errors
from tsynth.cli import terminal
from tsynth.cli.endings import Terminated, ending


@pytest.fixture(autouse=True)
def _settings(monkeypatch):
    monkeypatch.setattr(terminal.settings, "quiet", False)
    monkeypatch.setattr(terminal.settings, "debug", False)


def end_with(error):
    with pytest.raises(SystemExit) as caught, ending():
        raise error
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (errors.UsageError("a wrong word", fix="write another"), 2, "error: a wrong word; write another."),
        (errors.UsageError("a wrong word"), 2, "--help"),
        (errors.DataError("is text", column="amount"), 3, "error: amount: is text."),
        (errors.ArtifactError("is damaged"), 4, "is damaged"),
        (errors.SchemaMismatch(["column 'x' is missing"]), 4, "column 'x' is missing"),
        (errors.ResourceError("the disk is full"), 5, "the disk is full"),
        (errors.GateFailed("too close"), 6, "too close"),
        (KeyboardInterrupt(), 130, "run the same command again to resume"),
        (Terminated(), 143, "run the same command again to resume"),
        (MemoryError(), 5, "not enough memory"),
        (OSError(errno.ENOSPC, "No space left", "x.parquet"), 5, "no room left on the disk (x.parquet)"),
        (OSError(errno.EROFS, "Read-only file system", "x"), 5, "does not allow it (x)"),
        (ZeroDivisionError("division by zero"), 1, "This is a bug in tsynth"),
        (FileNotFoundError(errno.ENOENT, "No such file"), 1, "This is a bug in tsynth"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_a_message_and_a_code(capsys, error, code, words):
    assert end_with(error) == code
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_debug_shows_where_it_arose(capsys, monkeypatch):
    monkeypatch.setattr(terminal.settings, "debug", True)
    assert end_with(errors.DataError("is text")) == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error():
    import subprocess

    code = "from tsynth.cli.endings import ending\nimport sys\nwith ending():\n    raise BrokenPipeError\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_our_warnings_are_sentences_and_others_are_for_debugging(capsys, monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", [])
    with ending():
        warnings.warn(errors.PrivacyWarning("one entity only"), stacklevel=1)
        warnings.warn("numbers became floats", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: one entity only\n"


@pytest.mark.skipif(sys.platform == "win32", reason="raising a signal ends the process there")
def test_sigterm_becomes_an_exit_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGTERM)

    def terminated():
        with ending():
            signal.raise_signal(signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(SystemExit) as caught:
        terminated()
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_left_alone_outside_the_main_thread():
    seen = []

    def inside():
        with ending():
            seen.append(True)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [True]


def test_lines_say_stages_with_an_estimate_where_it_is_long(capsys):
    with terminal.Lines() as lines:
        lines.stage("fitting", estimate=300.0)
        lines.advance()
        lines.done()
        lines.stage("reading", 3, estimate=1.0)
        lines.say("3 rows")
    assert capsys.readouterr().err == "fitting (about 5 min) ...\nreading ...\n  3 rows\n"


def test_bars_follow_stages_without_an_error(capsys):
    with terminal.Bars() as bars:
        bars.stage("fitting", estimate=30)
        bars.stage("sampling", 10)
        bars.advance(4)
        bars.say("[bold] is no markup")
        bars.done()
        bars.advance()
    assert "[bold] is no markup" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "text"), [(0.2, "1 s"), (61, "61 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations_are_said_as_people_say_them(value, text):
    assert terminal.seconds(value) == text

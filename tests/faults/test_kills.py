"""Killed at any write, a worker killed, terminated, interrupted: nothing partial, and resumed to the same rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tsynth.jobs import parts
from tsynth.jobs.run import run
from tsynth.jobs.verify import verify

from .conftest import RUN, check_names

pytestmark = [pytest.mark.slow, pytest.mark.linux]

# What is renamed into place, in order: a probe, the key, the model, three times a part and its record, page,
# card, report, manifest.
STEPS = 13
KILL = """
import os, pathlib, signal
step, real = 0, pathlib.Path.replace
def replace(self, target):
    global step
    step += 1
    if step == {at} and not {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, target)
    if step == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = replace
"""


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_kill_9_at_a_write_leaves_nothing_partial_and_is_resumed(job, child, clean_hash, tmp_path, at):
    out = tmp_path / "out"
    done = child(job(), KILL.format(at=at, after=at % 2 == 0))
    assert done.returncode == -signal.SIGKILL, done.stderr
    check_names(out)
    assert (out / "manifest.json").exists() == (at == STEPS and at % 2 == 0)
    if (
        at % 4 == 0 or at == STEPS
    ):  # a resumed run costs as much as the first: after the model, parts, the pages
        assert run(job()).content_hash == clean_hash
        assert verify(out).files == 6


def test_there_are_as_many_steps_as_are_killed(job, child):
    counted = KILL.format(at=-1, after=False) + "import atexit; atexit.register(lambda: print(step))\n"
    done = child(job(), counted)
    assert (done.returncode, done.stdout.split()) == (0, [str(STEPS)]), done.stderr


def die_once(*arguments):
    """`parts.write` in a worker that is killed at its first try of the second part."""
    folder, part = arguments[2], arguments[3]
    mark = os.path.join(folder, ".work", "died")
    if part.number == 1 and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return WRITE(*arguments)


WRITE = parts.write


def test_a_killed_worker_costs_time_only(job, clean_hash, monkeypatch, caplog):
    monkeypatch.setattr(parts, "write", die_once)
    release = run(job(sample={"parts": 3, "workers": 2}))
    assert "part 2 of 3: its worker was ended by SIGKILL; trying again" in caplog.text
    assert release.content_hash == clean_hash


# A test that runs in the background inherits an ignored SIGINT, which Python then leaves ignored.
LISTEN = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"

# The first part is written, then time stands still until a signal comes.
WAIT = (
    LISTEN
    + """
import pathlib, time
from tsynth.jobs import parts
real = parts.write
def write(*arguments):
    if arguments[3].number == 1:
        pathlib.Path("waiting").touch()
        time.sleep(120)
    return real(*arguments)
parts.write = write
"""
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_code_and_can_be_resumed(job, clean_hash, tmp_path, number, code):
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT + RUN, json.dumps(job())],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    wait_for(tmp_path / "waiting", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "run the same command again to resume" in said
    assert "Traceback" not in said
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == ["part-00000.parquet"]
    check_names(tmp_path / "out")
    assert run(job()).content_hash == clean_hash


def test_a_second_interrupt_ends_at_once(tmp_path):
    code = LISTEN + (
        "from tsynth.cli.endings import ending\nimport pathlib, time\n"
        "with ending():\n"
        "    while True:\n"
        "        try:\n"
        "            pathlib.Path('waiting').touch(); time.sleep(120)\n"
        "        except KeyboardInterrupt:\n"
        "            pathlib.Path('deaf').touch()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    wait_for(tmp_path / "waiting", process)
    process.send_signal(signal.SIGINT)
    wait_for(tmp_path / "deaf", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)

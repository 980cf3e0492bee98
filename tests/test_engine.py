"""The engine: order, errors, workers that die."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import pytest

from tsynth.engine import Task, run
from tsynth.errors import MissingExtra, ResourceError, SchemaMismatch, UsageError


def square(x: int) -> int:
    return x * x


def fail(x: int) -> None:
    raise SchemaMismatch([f"column {x} is missing"], fix="add it")


def die(folder: str, lives: int) -> str:
    """Ends its own process until it has done so `lives` times."""
    marks = len(list(Path(folder).iterdir()))
    if marks < lives:
        (Path(folder) / str(marks)).touch()
        if sys.platform == "win32":
            os._exit(9)
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def unpicklable() -> object:
    return lambda: None


def tasks(count: int) -> list[Task]:
    return [Task(f"task {i}", (i,)) for i in range(count)]


def test_one_worker_goes_in_order_and_stays_in_this_process():
    assert list(run(square, tasks(4))) == [(0, 0), (1, 1), (2, 4), (3, 9)]
    assert list(run(os.getpid, [Task("pid")])) == [(0, os.getpid())]


def test_no_tasks_need_no_workers():
    assert list(run(square, [], workers=3)) == []


def test_no_workers_are_refused():
    with pytest.raises(UsageError, match="ask for 1 or more"):
        list(run(square, tasks(1), workers=0))


@pytest.mark.slow
def test_two_workers_give_the_same_answers():
    assert sorted(run(square, tasks(7), workers=2)) == [(i, i * i) for i in range(7)]


@pytest.mark.parametrize(
    "error",
    [
        MissingExtra("this", "neural"),
        SchemaMismatch(["a line"], fix="do it"),
        UsageError("no", column="x", row=3),
    ],
)
def test_every_error_travels(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.slow
def test_an_error_comes_back_with_its_type_words_and_fields():
    with pytest.raises(SchemaMismatch, match=r"column 1 is missing(.|\n)*add it") as caught:
        list(run(fail, [Task("a", (1,)), Task("b", (1,))], workers=2))
    assert caught.value.differences == ["column 1 is missing"]
    assert caught.value.exit_code == 4


@pytest.mark.slow
def test_an_answer_that_cannot_travel_is_an_error_not_a_hang():
    with pytest.raises(TypeError, match="could not send its answer"):
        list(run(unpicklable, [Task("a"), Task("b")], workers=2))


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path, caplog):
    marks = tmp_path / "marks"
    marks.mkdir()
    done = dict(run(die, [Task("part 1", (str(marks), 2)), Task("part 2", (str(tmp_path), 0))], workers=2))
    assert done == {0: "alive", 1: "alive"}
    assert caplog.text.count("part 1: its worker") == 2


@pytest.mark.slow
def test_after_the_last_retry_the_task_is_named(tmp_path, caplog):
    marks = tmp_path / "marks"
    marks.mkdir()
    with pytest.raises(ResourceError, match=r"part 1: its worker .*, 3 times"):
        list(run(die, [Task("part 1", (str(marks), 99)), Task("part 2", (str(tmp_path), 0))], workers=2))
    assert len(list(marks.iterdir())) == 3

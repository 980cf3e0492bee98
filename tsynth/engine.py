"""Run a function over tasks, on local workers that may be killed: `run(function, tasks, workers)`.

Knows nothing of data. Workers are spawned, never forked, so it behaves alike on Linux, macOS and Windows; a
program that asks for more than one must guard its start with ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from tsynth.errors import ResourceError, UsageError

__all__ = ["RETRIES", "Task", "run"]

log = logging.getLogger("tsynth")

RETRIES = 2
"""How often a task is given to a fresh worker after its worker died."""


@dataclass(frozen=True)
class Task:
    """One call to make.

    Parameters
    ----------
    name : str
        What the user reads when it fails, for example "part 3 of 8".
    arguments : tuple
        Arguments of the function; they are pickled where there is more than one worker.
    """

    name: str
    arguments: tuple[Any, ...] = ()


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    number: int = -1  # of the task in hand, -1 where idle


def run(
    function: Callable[..., Any], tasks: Sequence[Task], workers: int = 1, *, retries: int = RETRIES
) -> Iterator[tuple[int, Any]]:
    """Call `function` once a task and yield ``(number of the task, what it returned)`` as each is done.

    Parameters
    ----------
    function : callable
        Importable by name, so that a spawned worker finds it.
    tasks : sequence of Task
    workers : int
        Processes; 1 runs everything in this one.
    retries : int
        How often a task is tried again after its worker died.

    Yields
    ------
    (int, object)
        In the order in which tasks end; with one worker, in order.

    Raises
    ------
    ResourceError
        A worker died in each of ``1 + retries`` attempts; the message names the task.
    Exception
        What a task raised, unchanged; it is not tried again, and tasks under way are given up.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot work", fix="ask for 1 or more")
    if workers == 1:
        for number, task in enumerate(tasks):
            yield number, function(*task.arguments)
        return
    yield from _run_on_workers(function, tasks, min(workers, len(tasks)), retries)


def _run_on_workers(
    function: Callable[..., Any], tasks: Sequence[Task], count: int, retries: int
) -> Iterator[tuple[int, Any]]:
    waiting = deque(range(len(tasks)))
    deaths = [0] * len(tasks)
    crew: list[_Worker] = []
    open_tasks = len(tasks)
    try:
        while open_tasks:
            while waiting and len(crew) < count:
                crew.append(_hire(function))
            for worker in crew:
                if worker.number < 0 and waiting:
                    _hand_over(worker, waiting.popleft(), tasks)
            for worker in _ready(crew):
                reply = _reply(worker)
                if reply is None:
                    crew.remove(worker)
                    _bury(worker, tasks, deaths, retries, waiting)
                    continue
                number, worker.number = worker.number, -1
                open_tasks -= 1
                kind, content = reply
                if kind == "error":
                    raise _rebuilt(*content)
                yield number, content
    finally:
        for worker in crew:
            worker.process.terminate()
            worker.pipe.close()
        for worker in crew:
            worker.process.join()


def _hire(function: Callable[..., Any]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(function, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand_over(worker: _Worker, number: int, tasks: Sequence[Task]) -> None:
    worker.number = number
    # Where it died while idle, the wait that follows notices, and the task goes to another.
    with suppress(BrokenPipeError, ConnectionResetError):
        worker.pipe.send(tasks[number].arguments)


def _ready(crew: list[_Worker]) -> list[_Worker]:
    busy = [worker for worker in crew if worker.number >= 0]
    signs = wait([worker.pipe for worker in busy] + [worker.process.sentinel for worker in busy])
    return [worker for worker in busy if worker.pipe in signs or worker.process.sentinel in signs]


def _reply(worker: _Worker) -> tuple[str, Any] | None:
    """What the worker sent, or None where it died without an answer."""
    with suppress(EOFError, ConnectionResetError, BrokenPipeError):
        if worker.pipe.poll():
            reply: tuple[str, Any] = worker.pipe.recv()
            return reply
    return None


def _bury(
    worker: _Worker, tasks: Sequence[Task], deaths: list[int], retries: int, waiting: deque[int]
) -> None:
    worker.pipe.close()
    worker.process.join()
    number = worker.number
    deaths[number] += 1
    ending = _ending(worker.process.exitcode)
    if deaths[number] > retries:
        raise ResourceError(
            f"{tasks[number].name}: its worker {ending}, {deaths[number]} times",
            fix="free memory, or ask for fewer workers or smaller parts, and run the same command again",
        )
    log.warning("%s: its worker %s; trying again", tasks[number].name, ending)
    waiting.appendleft(number)


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return f"was ended by {signal.Signals(-exitcode).name}"
        except ValueError:
            return f"was ended by signal {-exitcode}"
    return f"ended with exit code {exitcode}"


def _rebuilt(kind: type[BaseException], arguments: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """The worker's error. Not by pickle: it calls the constructor with the message alone."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


def _serve(function: Callable[..., Any], pipe: Connection) -> None:
    """Life of a worker: take arguments, call, answer, until the other side hangs up."""
    # ^C reaches the whole group; the parent decides what it means and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            reply: tuple[str, Any] = ("done", function(*arguments))
        except BaseException as error:
            error.add_note("in a worker:\n" + traceback.format_exc())
            reply = ("error", (type(error), error.args, dict(error.__dict__)))
        try:
            pipe.send(reply)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:
            message = f"a worker could not send its answer {str(reply[1])[:200]}: {error}"
            pipe.send(("error", (TypeError, (message,), {})))

"""How the networks of an autoregressive generator learn beside each other, and how long."""

from __future__ import annotations

import math
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tsynth.generators.checkpoints import fingerprint
from tsynth.generators.neural.task import Going, Learned, Stopped, Task, arrays
from tsynth.generators.neural.tasks import event_task, field_task, gap_task
from tsynth.nets.sparse import CompressedRows
from tsynth.nets.training import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.checkpoints import Checkpoint
    from tsynth.generators.neural.decisions import Decisions

__all__ = ["learn"]

SIDE_BY_SIDE = 0.65
"""Time that two threads take of what one would."""


def learn(
    made: dict[str, Any],
    told: Decisions,
    held: NDArray[np.bool_],
    seed: int,
    minutes: float | None,
    steps: int | None,
    progress: Any,
    checkpoint: Callable[[str], Checkpoint] | None = None,
) -> tuple[dict[str, Learned], int]:
    """Learn every network from the decisions of rows.

    Parameters
    ----------
    made : dict
        The plan.
    told : Decisions
    held : bool array, (N,)
        Entities that are only looked at.
    seed : int
    minutes, steps : optional
        Time budget; exact number of steps of the longest task.
    progress : object, optional
    checkpoint : callable, optional
        Of the fingerprint of all that goes into the weights: where learning keeps how far it is.

    Returns
    -------
    dict of str to Learned, int
        By network, and the number of steps of the longest.
    """
    events = CompressedRows(told.event_at, told.event_index, told.event_value, made["features"])
    tasks = [event_task(made, events, told, held, seed), field_task(made, events, told, held, seed)]
    if not made["ticked"]:
        tasks.append(gap_task(made, told, held, seed))
    longest = max(task.usual for task in tasks)
    kept = None
    if checkpoint is not None:
        kept = checkpoint(
            fingerprint(
                made, told, held, seed, minutes, steps, torch.__version__,
                [(t.name, t.batch, t.usual, arrays(t.net)) for t in tasks],
            )
        )  # fmt: skip
    left = None if kept is None else kept.steps()
    with one_thread():
        total, seconds = longest if steps is None else steps, None
        if left is not None:
            total = left
        elif progress is not None or (steps is None and minutes is not None):
            seconds = SIDE_BY_SIDE * sum(task.seconds() for task in tasks)
            if steps is None and minutes is not None:
                total = max(20, int(longest * min(1.0, 60.0 * minutes / max(seconds, 1e-9))))
            seconds *= total / max(longest, 1)
        if kept is not None:
            kept.begin(total)
        shares = [math.ceil(task.usual * total / max(longest, 1)) for task in tasks]
        going = Going(checkpoint=kept)
        if progress is not None:
            progress.stage("learning networks", sum(shares), seconds)
            going.advance = progress.advance
        return _together(tasks, shares, seed, going), total


def _together(tasks: list[Task], shares: list[int], seed: int, going: Going) -> dict[str, Learned]:
    """Run the tasks side by side, the longest first; where one fails, or the user interrupts, the others stop."""
    ordered = sorted(range(len(tasks)), key=lambda k: -shares[k])
    with ThreadPoolExecutor(2) as pool:
        futures = {k: pool.submit(tasks[k].run, shares[k], seed, going) for k in ordered}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            going.stop.set()  # those that still learn: one failed, or the user had enough
    failed = [e for f in futures.values() if (e := f.exception()) is not None]
    for error in sorted(failed, key=lambda e: isinstance(e, Stopped)):
        raise error
    return {tasks[k].name: futures[k].result() for k in ordered}

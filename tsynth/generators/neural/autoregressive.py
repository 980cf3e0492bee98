"""`Autoregressive`: rows one after another by small networks over an explicit memory."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth import nets
from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.generators.base import Generator
from tsynth.generators.checkpoints import Checkpoint
from tsynth.generators.neural import correcting, given, totals
from tsynth.generators.neural.codes import levels_of, table
from tsynth.generators.neural.decisions import Quiet, decisions
from tsynth.generators.neural.noised import Figures, of_their_own
from tsynth.generators.neural.once import learn_once
from tsynth.generators.neural.plan import plan
from tsynth.generators.neural.walks import fields_of, make_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tsynth.data.privacy import Histogram, Ledger, Privacy
    from tsynth.data.sequences import Sequences

__all__ = ["Autoregressive"]

HELD_OUT = 0.12


class Autoregressive(Generator):
    """Rows one after another by small networks over an explicit memory of all rows before, for mixed rows.

    A row is made in three decisions. *When*: where rows lie on days of one calendar and are dense enough, every day
    decides "nothing", a code or the end of the data, with that day's own calendar (day of the month, days to its end,
    weekday) in view; elsewhere the class of the gap to the next row is drawn, the end of the sequence among them, then
    a gap inside the class. *What*: the code (the column with role "mark"; rows that recur with equal amounts have
    codes of their own). *With what values*: column by column, labels first, each by choice: null, the value of the
    code's last row, the value of the last row, a frequent value, or a new one from a mixture of normals.

    The networks see no rows but a memory: of each code the time since its last row, its count and share, whether it is
    due a month later, its last and mean values; of each column its last, mean and difference, and how often and how
    long ago each choice came; the running total, where one is found; gap, age and count of rows; the calendar; what is
    fixed of the entity. The same code writes that memory when rows are learned from and when they are made. Statics,
    first time and length of watching follow a Gaussian copula. What never came although it was expected often is never
    made. After learning, rows are made and counted, and the shares of codes are corrected.

    It learns for as long as there is (`minutes`) or as many steps as are asked for (`steps`), looks at an eighth of
    the entities, from which it does not learn, and keeps the weights that served them best. It needs the extra `neural`
    to learn; to make rows it needs nothing. Choose `markov_renewal` where there is less than a minute or fewer than
    some 20 entities, `block_bootstrap` for regular numeric series.

    Parameters
    ----------
    corrections : int
        Times that rows are made after learning, counted and corrected, at least 0.
    private : Privacy, optional
        Learn with differential privacy of whole entities (the extra `private`). Each network is then one linear layer
        over the memory that begins at noised shares, learned by descent with clipped and noised gradients of entities
        for a fixed number of steps, whatever `minutes` says; corrections compare with noised figures. No checkpoint
        is kept, nobody is held out. `cannot_keep` grows by what ``diagnose()["privacy"]`` lists as not learned.

    Attributes
    ----------
    plan_ : dict
        Codes, the way of time, the layout of the memory, and what may not be; plain values and arrays.
    once_ : dict
        Margins and copula of what an entity has once.
    nets_ : dict of str to dict of str to float32 array
        Weights of the networks "event", "gap" and "fields".
    losses_ : dict of str to float
        Loss of each network on the entities held out, in nats a decision; not finite where none were.
    steps_ : int
        Steps that were learned; ``fit(data, steps=steps_)`` repeats the fit whatever time it takes.

    Raises
    ------
    MissingExtra
        torch is not installed, or with `private` Opacus.

    References
    ----------
    Uria, Côté, Gregor, Murray, Larochelle (2016), Neural autoregressive distribution estimation, JMLR 17(205): columns
    one after another; See, Liu, Manning (2017), Get to the point, ACL: a choice between copying and making anew;
    Abadi and others (2016), Deep learning with differential privacy, CCS, algorithm 1; Tramèr, Boneh (2021),
    Differentially private learning needs better features, ICLR: why layers are linear under privacy.

    Examples
    --------
    Payments of 40 accounts; 20 steps are few, `minutes` (or neither) learns well.

    >>> import tsynth
    >>> from tsynth.data.datasets import fraud
    >>> payments = fraud(accounts=40, months=3)
    >>> data = tsynth.read(payments.rows, entity="account", time="booked", roles=dict(payments.roles))
    >>> model = tsynth.Autoregressive(corrections=0).fit(data, steps=20)
    >>> made = model.sample(5, seed=1)
    >>> made.n_entities, made.schema.differences(data.schema)
    (5, [])
    """

    name: ClassVar[str] = "autoregressive"
    takes: ClassVar[str] = "rows"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "which party goes with which price, place or time",
        "what rows say beyond last values, means, counts and times of each code: the exact order of many rows, a value "
        "that comes back after others of its code",
        "a rule over several columns of one row that is not among the constraints found, beyond what rows of each code "
        "show",
        "what entities do together: each is made by itself",
        "times of day finer than the hour, other than by the gap to the row before",
        "in holes, what comes more than two rows later, and what the times of later rows say",
    )

    plan_: dict[str, Any]
    once_: dict[str, Any]
    nets_: dict[str, Any]
    steps_: int

    def __init__(self, corrections: int = 4, private: Privacy | Mapping[str, Any] | None = None) -> None:
        self.corrections = corrections
        self.private = private

    # -- learning

    def _check(self, data: Sequences) -> None:
        nets.require("learning autoregressive")
        if self.private is not None:
            nets.require_private("learning autoregressive with differential privacy")

    def _learn(self, view: Rows, streams: Streams) -> Rows:
        return view

    def _merge(self, states: list[Rows]) -> None:
        from tsynth.generators.neural.learning import learn

        view = _joined(states)
        rows = table(view, self.encoder_)
        seed = self._seed
        minutes, steps = self._budget
        found, ratios, begin = totals.learn(self.constraints_, self.encoder_, rows)
        made = plan(rows, self.encoder_, found, ratios)
        self.once_ = learn_once(view, self.encoder_)
        entities = view.n_entities
        order = np.random.default_rng([seed & 0x7FFFFFFF, 3]).permutation(entities)
        held = np.zeros(entities, np.bool_)
        if entities >= 40:
            held[order[: int(HELD_OUT * entities)]] = True
        learned, self.steps_ = learn(
            made, decisions(rows, made, begin, seed), held, seed, minutes, steps, self._progress,
            None if self._checkpoint is None else partial(Checkpoint, self._checkpoint),
        )  # fmt: skip
        self.plan_ = made
        self.nets_ = {name: one.arrays for name, one in learned.items()}
        self.losses_ = {name: float(one.loss) for name, one in learned.items()}
        for turn in range(self.corrections):
            correcting.correct(self, rows, turn)

    def _learn_noised(self, view: Rows, lengths: Histogram, ledger: Ledger, streams: Streams) -> None:
        from tsynth.generators.neural.private import SHARE, learn_private

        rows = table(view, self.encoder_, np.arange(levels_of(view)))
        nullable = {column.name for column in self.bare_schema_ if column.nullable}
        figures = Figures(rows, self.encoder_, ledger, SHARE * ledger.rho_left, lengths, nullable)
        made, self.once_ = figures.learn()
        quiet = Quiet(self.encoder_.timing.waiting_, self.n_rows_, of_their_own(view))
        replayed = decisions(rows, made, np.zeros(view.n_entities), self._seed, quiet)
        self.nets_, self.steps_ = learn_private(made, replayed, figures, ledger, self._budget[1])
        self.plan_ = made
        self.losses_ = dict.fromkeys(self.nets_, float("nan"))
        for turn in range(self.corrections):
            correcting.correct(self, figures.drawn, turn)  # rows drawn from what was told

    # -- making

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        made = self.plan_
        statics, begin, window, walked = make_rows(self, streams, conditions)
        offsets, time, code, choice, score = walked
        has = np.diff(offsets) > 0
        start, end = np.full(len(has), np.nan), np.full(len(has), np.nan)
        start[has], end[has] = time[offsets[:-1][has]], time[offsets[1:][has] - 1]
        if "lead" in window:
            start = start - window["lead"]
            end = np.where(has, np.maximum(begin + window["watched"], end), end)
        return Rows(
            offsets=offsets, time=time, start=start, end=end, fields=fields_of(made, code, choice, score),
            statics=statics, mark=made["mark"], calendar=made["calendar"], day=made["view_day"], step=made["step"],
            windowed="lead" in window, timing=self.encoder_.timing,
        )  # fmt: skip

    def _forecast(self, view: Rows, horizon: float, paths: int, streams: Streams) -> Rows:
        return given.forecast(self, view, horizon, paths, streams)

    def _fill(
        self,
        view: Rows,
        missing: dict[str, NDArray[np.bool_]],
        missing_once: dict[str, NDArray[np.bool_]],
        empty: bool,
        streams: Streams,
    ) -> Rows:
        kind = given.BLANK if empty else given.HOLE
        return given.fill_view(self, view, missing, missing_once, kind, streams)


def _joined(views: list[Rows]) -> Rows:
    """Blocks of entities one after another."""
    if len(views) == 1:
        return views[0]
    head = views[0]
    offsets = [np.zeros(1, np.int64)]
    for view in views:
        offsets.append(view.offsets[1:] + offsets[-1][-1])

    def fields(kind: str) -> dict[str, Field]:
        out = {}
        for name, one in getattr(head, kind).items():
            parts = [getattr(view, kind)[name] for view in views]
            value = None if one.value is None else np.concatenate([p.value for p in parts])
            out[name] = replace(one, choice=np.concatenate([p.choice for p in parts]), value=value)
        return out

    return replace(
        head,
        offsets=np.concatenate(offsets),
        time=np.concatenate([v.time for v in views]),
        start=np.concatenate([v.start for v in views]),
        end=np.concatenate([v.end for v in views]),
        fields=fields("fields"),
        statics=fields("statics"),
    )

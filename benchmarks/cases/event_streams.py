"""What do `hawkes` and `markov_renewal` know of the next event, and do sequences that they make look like real ones?

Users are split 80/10/10; generators learn from the first part, the last is predicted, the second stands beside what is
made as real sequences that were not learned from. An event is predicted from all before it, from the second of a user
on. *Log-likelihood* is that of its moment (per unit of time) and type together, an event, higher is better; *next
type* the share named right before its time is known, *type at its time* when it is; *gap error* the mean absolute
error of the median wait. The trivial predictors are a constant rate a type, the most frequent type, and the mean gap
(beside it the median gap). `hawkes` predicts by its intensity (every user alike: no frailty). `markov_renewal` has no
density in closed form: its types come from its fitted chain, its waits and their density from sequences that it made,
by the type before; on one clock its chain stands in for rates that compete for a day. Simultaneous events that are
kept as batches count once. Seconds are those of a clock; on a machine that does other work beside it the processor's
say more.

*MMD* is the counting-distance discrepancy of Shchur et al. (2020), *lengths* the 1-Wasserstein distance of rows a
sequence over their mean (Lüdke et al. 2023), both against the last part; time runs from a user's first event to the
90 % quantile of what users last. Tables are cut to the users that are named.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

import tsynth
from benchmarks.mixed import tables
from tsynth.compiled import markov as loops
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.generators.point_process import jitter, onces
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.days import SINCE_ROWS, Calendar
from tsynth.generators.point_process.excitation import foresight, residuals
from tsynth.generators.point_process.excitation.process import Events, Process
from tsynth.generators.point_process.hawkes_events import observed
from tsynth.generators.point_process.hawkes_parameters import process_from_state
from tsynth.generators.point_process.windows import Window
from tsynth.scores.fidelity.counting_distance import Counting, mmd

CELLS, EACH, DRAWN = 40, 30, 3
"""Cells of a density of gaps; gaps that a type needs for its own; made sequences behind it, in times the real ones."""
MOST = 6_000
"""Events that are predicted, at most, in whole users."""


def badges() -> Sequences:
    """Badges that users of Stack Overflow earned; the fold of the published split is no part of them."""
    import pandas as pd

    rows = pd.read_parquet(tables.FOLDER / "events" / "stackoverflow_badges.parquet").drop(columns="fold")
    return _marked(rows)


def mobile() -> Sequences:
    """Actions in an online shop, 1,754 kinds of them."""
    return _marked(tables.FOLDER / "events" / "ali_mobile.csv")


def politics() -> Sequences:
    """Messages on politics, two kinds; some users' times are unsorted in the file."""
    return _marked(tables.FOLDER / "events" / "twitter_politics.csv")


def _marked(rows: Any) -> Sequences:
    return tsynth.read(rows, entity="seq_id", time="time", roles={"mark": "mark"})


def payments() -> Sequences:
    """Card payments: day, hour and whether a payment is fraud; amounts and the rest are left out."""
    import pandas as pd

    rows = pd.read_parquet(tables.FOLDER / "transactions" / "ucsd_fico_2009_task2_train.parquet")
    rows = rows[rows.groupby("card_code")["amount"].transform("size") >= 2]
    rows = rows[["card_code", "day_index_derived", "hour1", "is_fraud"]]
    return tsynth.read(
        rows, entity="card_code", time=("day_index_derived", "hour1"), roles={"is_fraud": "mark"}
    )


TABLES: dict[str, tuple[Callable[[], Sequences], int, str]] = {
    "stackoverflow_badges": (badges, 1_200, "constant"),
    "uci_diabetes70": (tables.uci_diabetes70, 70, "hour"),
    "ucsd": (payments, 4_000, "constant"),
    "ali_mobile": (mobile, 600, "constant"),
    "twitter_politics": (politics, 548, "hour"),
}
"""How a table is read, users at most, and the baseline of `hawkes`."""


def run(names: list[str] | None = None) -> dict:
    if not tables.FOLDER.is_dir():
        raise SystemExit(f"{tables.FOLDER} is missing: name the folder of real data in TSYNTH_DATA")
    rows: list[dict[str, Any]] = []
    foretold, made = [], []
    for name in names or TABLES:
        table = Table.read(name)
        rows += table.seconds
        foretold += table.foretold()
        made += table.made()
    heads = ["table", "by", "events", "log-likelihood an event", *SAID[1:], "trivial wins in"]
    return {
        "rows": rows,
        "limit": None,
        "tables": [
            {"title": "Next event", "note": "", "heads": heads, "rows": foretold},
            {
                "title": "Whole sequences",
                "note": "",
                "heads": ["table", "by", "MMD", "lengths"],
                "rows": made,
            },
        ],
    }


@dataclass
class Table:
    """A table's parts, and what was learned from the first.

    Parameters
    ----------
    name : str
    train, spare, test : Sequences
        80, 10 and 10 % of the users.
    hawkes : Hawkes
        With windows from first to last event and no frailty, for predictions.
    makers : dict of str to generator
        As a user calls them.
    seconds : list of dict
    """

    name: str
    train: Sequences
    spare: Sequences
    test: Sequences
    hawkes: Any
    makers: dict[str, Any]
    seconds: list[dict[str, Any]]

    @classmethod
    def read(cls, name: str) -> Table:
        reads, most, baseline = TABLES[name]
        data = reads()
        order = np.random.default_rng(0).permutation(data.n_entities)[:most]
        at = np.cumsum([int(len(order) * 0.8), int(len(order) * 0.1)])
        train, spare, test = (data.take(np.sort(part)) for part in np.split(order, at))
        found: dict[str, Any] = {}
        rows = []
        for by, generator in {
            "hawkes": tsynth.create("hawkes", baseline=baseline),
            "hawkes, to predict": tsynth.create(
                "hawkes", baseline=baseline, window="own", frailty=False, covariates=None
            ),
            "markov_renewal": tsynth.create("markov_renewal"),
        }.items():
            start, used = time.perf_counter(), time.process_time()
            found[by] = generator.fit(train)
            what = f"{name}: fit on {train.n_rows:,} rows of {train.n_entities:,} users"
            took = {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - used}
            rows.append({"by": f"tsynth {by}", "what": what, **took})
        hawkes = found.pop("hawkes, to predict")
        return cls(name, train, spare, test, hawkes, found, rows)

    # -- next event

    def foretold(self) -> list[list[str]]:
        """A row a predictor."""
        few = np.flatnonzero(np.cumsum(self.test.lengths) <= max(MOST, int(self.test.lengths[0])))
        past, now = Stream.of(self.hawkes, self.train), Stream.of(self.hawkes, self.test.take(few))
        guesses = {
            "trivial": trivial(past, now),
            "markov_renewal": by_chain(self.makers["markov_renewal"], self.hawkes, past, now, self.train),
            "hawkes": by_intensity(self.hawkes, now),
        }
        base = guesses["trivial"]
        middle = float(np.abs(now.gaps - np.median(past.gaps)).mean())
        rows = []
        for by, guess in guesses.items():
            worse = [
                what
                for what, other, own in zip(SAID, base, guess, strict=True)
                if (own > other if what == "gap error" else own < other)
            ]
            if middle < guess[3]:
                worse.append("gap error, by the median gap")
            told = "" if by == "trivial" else (", ".join(worse) or "nothing")
            cells = [*(f"{x:.3f}" for x in guess[:3]), f"{guess[3]:.4g}"]
            if by == "trivial":
                cells[3] += f" (median gap {middle:.4g})"
            rows.append([self.name, by, f"{len(now.rows):,}", *cells, told])
        return rows

    # -- whole sequences

    def made(self) -> list[list[str]]:
        """A row a generator, and one of real users that nothing was learned from."""
        train = self.train
        lasted = (
            train.time[train.offsets[1:][train.lengths > 0] - 1]
            - train.time[train.offsets[:-1][train.lengths > 0]]
        )
        end = float(np.quantile(lasted, 0.9))
        sides = {"real users": self.spare}
        for by, generator in self.makers.items():
            sides[by] = generator.sample(self.test.n_entities, seed=1)
        rows = []
        for by, side in sides.items():
            apart = mmd(_counting(self.test, end), _counting(side, end))[0]
            rows_apart = wasserstein_distance(self.test.lengths, side.lengths) / self.test.lengths.mean()
            rows.append([self.name, by, f"{apart:.4f}", f"{rows_apart:.4f}"])
        return rows


def _counting(data: Sequences, end: float, most: int = 400) -> Counting:
    data = data.take(np.arange(min(data.n_entities, most)))
    first = np.zeros(data.n_entities)
    first[data.lengths > 0] = data.time[data.offsets[:-1][data.lengths > 0]]
    entity = data.entity_of_row
    return Counting.of(entity, 0 * entity, data.time - first[entity], (data.n_entities, 1), end)


@dataclass
class Stream:
    """A part's events as `hawkes` sees them, and which of them are predicted.

    Parameters
    ----------
    events : Events
        Windows from first to last event; the first is given.
    code, day : int64 array, (R,)
        All rows, those that tie too, in the order of the part.
    offsets : int64 array, (N + 1,)
        Of all rows.
    row : int64 array
        Place among all rows of each event.
    rows : int64 array
        Events that are predicted: all but the first of each user.
    """

    events: Events
    code: NDArray[np.int64]
    time: NDArray[np.float64]
    offsets: NDArray[np.int64]
    row: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, hawkes: Any, data: Sequences) -> Stream:
        view = hawkes._view(hawkes.constraints_.remove(data))
        coding, ties = Coding.from_state(hawkes.coding_), jitter.Ties(**hawkes.ties_["ties"])
        code = coding.code(view).astype(np.int64)
        window = Window("own", True, True, (0.0, 0.0), False, "")
        found = onces.gather([onces.learn(view, {})])
        streams = Streams(0, "event_streams", range(view.n_entities))
        events = observed(view.time, code, None, coding.codes, found, window, ties, streams).events
        lead = np.ones(len(code), np.bool_)
        if ties.keep:
            lead[1:] = np.diff(view.time) != 0
            lead[view.offsets[:-1][np.diff(view.offsets) > 0]] = True
        return cls(
            events, code, view.time, view.offsets, np.flatnonzero(lead), np.flatnonzero(events.counted)
        )

    @property
    def gaps(self) -> NDArray[np.float64]:
        """Time from the event before to each that is predicted."""
        return self.events.times[self.rows] - self.events.times[self.rows - 1]


Scores = tuple[float, float, float, float]
"""Log-likelihood an event, shares of types named right before and at the time, mean absolute error of the gap."""
SAID = ("log-likelihood", "next type", "type at its time", "gap error")


def trivial(past: Stream, now: Stream) -> Scores:
    """A constant rate a type (half an event more of each), the most frequent type, the mean gap."""
    kinds = int(max(past.code.max(), now.code.max())) + 1
    often = np.bincount(past.events.types[past.rows], minlength=kinds) + 0.5
    spent = float(np.sum(past.events.end - past.events.start))
    rates = often / spent
    flat = np.log(rates[now.events.types[now.rows]]).sum()
    flat -= rates.sum() * np.sum(now.events.end - now.events.start)
    right = np.mean(now.events.types[now.rows] == often.argmax())
    error = float(np.abs(now.gaps - past.gaps.mean()).mean())
    return float(flat / len(now.rows)), float(right), float(right), error


def by_intensity(hawkes: Any, now: Stream) -> Scores:
    """The fitted process."""
    process: Process = process_from_state(hawkes.process_)
    found = residuals.measure(process, now.events)
    median, _, likely = foresight.waits(process, now.events, now.rows - 1)
    kind = now.events.types[now.rows]
    who = np.searchsorted(now.events.offsets, now.rows, side="right") - 1
    places = np.searchsorted(who, np.arange(now.events.n_sequences + 1))
    at = residuals.intensities(process, now.events, (places, now.events.times[now.rows])).argmax(axis=1)
    return (
        float(found.log_likelihood / len(now.rows)),
        float(np.mean(likely == kind)),
        float(np.mean(at == kind)),
        float(np.abs(now.gaps - median).mean()),
    )


def by_chain(markov: Any, hawkes: Any, past: Stream, now: Stream, train: Sequences) -> Scores:
    """The fitted chain for types; for waits, sequences that it made, by the type before."""
    timing = markov.encoder_.timing
    links = markov.timing_["chain"]
    gap_class = [
        _classes(markov, s) if links["gaps"] > 1 else np.zeros(len(s.code), np.int64) for s in (past, now)
    ]
    guess, given = _next_types(markov, links, now, gap_class, past, stepping=not timing.clock_)
    kind = now.events.types[now.rows]
    right = [float(np.mean(law.argmax(axis=1) == kind)) for law in (guess, given)]
    made = Stream.of(hawkes, markov.sample(DRAWN * train.n_entities, seed=2))
    before, seen = made.events.types[made.rows - 1], made.gaps
    edges = np.unique(np.concatenate([[0.0], np.quantile(past.gaps, np.linspace(0, 1, CELLS + 1)[1:-1])]))
    cells = [np.searchsorted(edges, g, side="right") - 1 for g in (seen, now.gaps)]
    whole = (np.bincount(cells[0], minlength=len(edges)) + 0.5) / (len(seen) + 0.5 * len(edges))
    spread = np.log(_widths(edges, seen)[cells[1]])  # flat in a cell, exponential beyond the last edge
    beyond = np.maximum(now.gaps - edges[-1], 0.0) / _widths(edges, seen)[-1]
    log_density, wait = np.empty(len(kind)), np.full(len(kind), np.median(seen))
    leads = now.events.types[now.rows - 1]
    for c in np.unique(leads):
        own, here = before == c, leads == c
        counts = np.bincount(cells[0][own], minlength=len(edges))
        law = (counts + EACH * whole) / (own.sum() + EACH)
        log_density[here] = np.log(law[cells[1][here]]) - spread[here] - beyond[here]
        if own.sum() >= EACH:
            wait[here] = np.median(seen[own])
    chosen = np.maximum(given[np.arange(len(kind)), kind], 1e-12)
    return float(np.mean(log_density + np.log(chosen))), *right, float(np.abs(now.gaps - wait).mean())


def _widths(edges: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width of each cell, the last by how far gaps reach beyond it on average."""
    far = seen[seen > edges[-1]] - edges[-1]
    return np.append(np.diff(edges), far.mean() if len(far) else max(edges[-1], 1e-9))


def _classes(markov: Any, stream: Stream) -> NDArray[np.int64]:
    """Class of the gap before each row, as the chain on one clock knows it."""
    days = Calendar.of(markov.encoder_.timing, markov._calendar())
    day = days.day(stream.time)
    first = np.zeros(len(day), np.bool_)
    first[stream.offsets[:-1][np.diff(stream.offsets) > 0]] = True
    wait = day - np.roll(day, 1)
    tie = stream.time == np.roll(stream.time, 1)
    return np.select([first | tie, wait == 0, wait < 7, wait < 28], [0, 1, 2, 3], 4).astype(np.int64)


def _next_types(
    markov: Any,
    links: dict[str, Any],
    now: Stream,
    gap_class: list[NDArray[np.int64]],
    past: Stream,
    *,
    stepping: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities of the type of each predicted event, before its time is known and at its time, (Q, M)."""
    codes, gaps, order = links["prob"].shape[1], links["gaps"], markov.order
    share = np.ones((codes, gaps)) / gaps  # of classes of gaps after each code: how they really were in train
    rows = past.row[past.rows]
    np.add.at(share, (past.code[rows - 1], gap_class[0][rows]), 1.0)
    share /= share.sum(axis=1, keepdims=True)
    wanted = np.zeros(len(now.code), np.int64) - 1
    wanted[now.row[now.rows]] = np.arange(len(now.rows))
    out = np.empty((2, len(now.rows), codes))
    ones, weight = np.ones((codes, 1)), np.empty(codes)
    history, last = np.empty(order, np.int64), np.empty(codes, np.int64)
    for low, high in zip(now.offsets[:-1], now.offsets[1:], strict=True):
        history[:], last[:] = codes, -1
        for r in range(low, high):
            at = wanted[r]
            if at >= 0 and stepping:
                row = loops.context(history, 0, codes, gaps, links["keys"], links["cuts"])
                done = int(r - low)
                total = loops.weigh(
                    weight, row, links["prob"], 0, 0, -1, done, done, last, SINCE_ROWS, ones, ones, ones,
                    links["factors"][3],
                )  # fmt: skip
                out[:, at] = weight / total
            elif at >= 0:
                each = [
                    loops.context(history, g, codes, gaps, links["keys"], links["cuts"]) for g in range(gaps)
                ]
                out[0, at] = share[history[0]] @ links["prob"][each]
                out[1, at] = links["prob"][each[gap_class[1][r]]]
            history[1:] = history[:-1]
            history[0] = now.code[r]
            last[now.code[r]] = r - low
    return out[0], out[1]

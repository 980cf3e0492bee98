"""Rows that recur: standing orders, rents, pensions, fees, interest; found as chains of rows of one kind.

A chain is a row a month on one day of the month (or its end), or a row every so many days, of one entity, code and
party. Whether a code has chains beyond chance is told by decoys: the same rows with their days moved at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DAY_OF_MONTH", "MONTH_END", "PERIOD", "PERIODS", "Chains", "find_chains", "with_short"]

DAY_OF_MONTH, MONTH_END, PERIOD = 0, 1, 2
"""Kinds of chains: on a day of the month, on the last day of the month, every so many days."""
PERIODS = (7, 14, 21, 28, 30)
"""Days from row to row that are tried."""
LIKE = 0.05
"""Amounts of a chain differ from row to row by at most this share, unless the amount changes for good."""
BUSY = 62.0
"""Codes of an entity with more rows a month than this hold no chains that could be told from chance."""
LEAST = 3
FALSE = 0.05
"""Share of the chains of a code that may be there by chance."""
STEADY = 0.5
"""Chains with a smaller share of equal amounts are looked for again without regard for amounts."""
MANY = 20
"""Codes with fewer chains than this must each be beyond chance by themselves."""
DECOYS = 300_000
"""Rows of decoys: tables are moved as often as fits, 2 to 5 times."""
FARTHEST = 3_000_000
"""Days from 1970-01-01 that a calendar is made for: some 8,000 years."""


@dataclass(frozen=True)
class Chains:
    """Chains of rows, in order of their first rows.

    Parameters
    ----------
    chain : int32 array, (R,)
        Number of the chain of each row, -1 where it is in none.
    entity : int64 array, (C,)
        Number of the entity.
    code, party : int64 array, (C,)
    kind : int8 array, (C,)
        `DAY_OF_MONTH`, `MONTH_END` or `PERIOD`.
    due : int64 array, (C,)
        Day of the month 1 to 31 (31 at the end of the month), or days from row to row.
    start, stop : int64 array, (C,)
        Day of the first and of the last row, since 1970-01-01.
    rows : int64 array, (C,)
    kept : float64 array, (C,)
        Share of the expected rows, from the first to the last, that are there.
    same : float64 array, (C,)
        Share of the rows with the amount of the row before in the chain; NaN where amounts are null.
    slot : int64 array, (C,)
        Number of the chain among those of its entity and code.
    """

    chain: NDArray[np.int32]
    entity: NDArray[np.int64]
    code: NDArray[np.int64]
    party: NDArray[np.int64]
    kind: NDArray[np.int8]
    due: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    rows: NDArray[np.int64]
    kept: NDArray[np.float64]
    same: NDArray[np.float64]
    slot: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.entity)


def find_chains(
    offsets: NDArray[np.int64],
    day: NDArray[np.float64],
    code: NDArray[np.int64],
    amount: NDArray[np.float64],
    party: NDArray[np.int64] | None = None,
    *,
    calendar: bool = True,
    least: int = LEAST,
) -> Chains:
    """Chains of recurring rows.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
        Rows of each entity, in order of time.
    day : float64 array, (R,)
        Days since 1970-01-01.
    code : int array, (R,)
        What kind of row it is, from 0.
    amount : float64 array, (R,)
        NaN where null; null amounts are alike.
    party : int array, (R,), optional
        The other side of each row, -1 for none; chains have one party.
    calendar : bool
        Whether days are dates; else chains have a fixed number of days only.
    least : int
        Rows that a chain must have.

    Returns
    -------
    Chains

    Raises
    ------
    UsageError
        Arrays of unlike lengths, or days that are not finite or farther than some 8,000 years from 1970.

    Notes
    -----
    Chains are grown in two turns: with like amounts, then with any amounts (interest, a bill for what was used) from
    the rows that are left or whose chain has slowly varying amounts. Each chain has log-odds: of every link the chance
    that a row of that entity and code stands as near to the expected day. In each turn the same rows are searched with
    their days moved at random, 2 to 5 times: by up to 15 days, and for chains of a fixed period by up to 3 whole
    weeks, so that weekdays stay. Of a code the chains above the lowest log-odds are kept at which decoys are at most
    5 % of them, as in the target-decoy method; where these are fewer than 20, each must also pass 5 % after Bonferroni
    over the rows and periods tried.

    References
    ----------
    Elias, Gygi (2007), Target-decoy search strategy, Nature Methods 4(3): false discoveries counted by decoys.
    """
    rows = int(offsets[-1])
    party = np.full(rows, -1, np.int64) if party is None else np.asarray(party, np.int64)
    for name, values in (("day", day), ("code", code), ("amount", amount), ("party", party)):
        if len(values) != rows:
            raise UsageError(f"{name} has {len(values)} values for {rows} rows")
    if not np.all(np.abs(day) < FARTHEST):
        raise UsageError("a day is not finite or thousands of years away", fix="mend the time column")
    entity = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    search = _Search(entity, np.floor(day).astype(np.int64), np.asarray(code, np.int64), party, least)
    number = np.asarray(amount, np.float64)
    chain, notes = search.turn(np.arange(rows), number, 0, calendar)
    steady = _same(chain, len(notes), number)[0]
    open_to = np.append(~(steady >= STEADY), True)[chain]
    free = np.flatnonzero(open_to)
    made, more = search.turn(free, np.full(rows, np.nan), 1, calendar)
    # A chain of slowly varying amounts that the second turn found again, longer, goes.
    again = np.zeros(len(notes) + 1, np.bool_)
    again[chain[free[made >= 0]]] = True
    again[-1] = False
    gone = again[chain] & (chain >= 0)
    chain[gone] = -1
    chain[free] = np.where(made >= 0, made + len(notes), chain[free])
    return _numbered(chain, np.concatenate([notes, more]), search, number)


class _Search:
    """Rows of one table, searched several times."""

    def __init__(
        self, entity: NDArray[np.int64], day: NDArray[np.int64], code: NDArray[np.int64], party: NDArray[np.int64],
        least: int,
    ) -> None:  # fmt: skip
        self.entity, self.day, self.code, self.party, self.least = entity, day, code, party, least
        low, high = (int(day.min()), int(day.max())) if len(day) else (0, 0)
        first = np.datetime64(low - 100, "D").astype("datetime64[M]")
        last = np.datetime64(high + 100, "D").astype("datetime64[M]")
        months = np.arange(first, last + 1)
        starts = months.astype("datetime64[D]").astype(np.int64)
        self.length = np.diff(starts)
        self.start, self.origin = starts[:-1], int(starts[0])
        self.month_of = np.repeat(np.arange(len(self.length)), self.length)

    def turn(
        self, rows: NDArray[np.int64], amount: NDArray[np.float64], turn: int, calendar: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Chains among `rows` that are beyond chance: the chain of each, and what is noted of each chain."""
        times = int(np.clip(DECOYS // max(len(rows), 1), 2, 5))
        made, notes, codes = self.grown(rows, self.day[rows], amount, calendar, PERIODS)
        keep = np.zeros(len(notes), np.bool_)
        for fixed in (False, True):
            here = np.flatnonzero((notes[:, 5] > 0) == fixed)
            if not len(here):
                continue
            random = np.random.default_rng((turn, fixed))
            decoys = []
            for _ in range(times):
                step = random.integers(-3, 4, len(rows)) * 7 if fixed else random.integers(-15, 16, len(rows))
                moved = self.day[rows] + step
                _, fake, fake_codes = self.grown(rows, moved, amount, not fixed, PERIODS if fixed else ())
                decoys.append((fake_codes, fake[:, 4]))
            sizes = np.bincount(self.code[rows], minlength=1)
            keep[here] = _beyond_chance((codes[here], notes[here, 4]), decoys, sizes, times)
        number = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)  # the last stands for no chain
        return number[made], notes[keep]

    def grown(
        self,
        rows: NDArray[np.int64],
        day: NDArray[np.int64],
        amount: NDArray[np.float64],
        monthly: bool,
        periods: tuple[int, ...],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        from tsynth.compiled.recurring import grow_chains

        entity, code, party = self.entity[rows], self.code[rows], self.party[rows]
        month_of = self.month_of if monthly else self.month_of[:0]
        order = np.lexsort((day, party, code, entity))
        new = np.zeros(max(len(rows) - 1, 0), np.bool_)
        for key in (entity, code, party):
            new |= np.diff(key[order]) != 0
        groups = np.concatenate([[0], np.flatnonzero(new) + 1, [len(rows)]]).astype(np.int64)
        chain, notes = grow_chains(
            groups, day[order], amount[rows[order]], np.asarray(periods, np.int64), month_of, self.origin,
            self.start, self.length, LIKE, BUSY, self.least,
        )  # fmt: skip
        made = np.empty(len(rows), np.int64)
        made[order] = chain
        return made, notes, code[order[notes[:, 0].astype(np.int64)]]


def _beyond_chance(
    found: tuple[NDArray[np.int64], NDArray[np.float64]],
    decoys: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
    rows: NDArray[np.int64],
    times: int,
) -> NDArray[np.bool_]:
    """Which chains to keep: those above the lowest log-odds of their code with few enough decoys."""
    codes, odds = found
    keep = np.zeros(len(odds), np.bool_)
    fake_codes = np.concatenate([c for c, _ in decoys])
    fake_odds = np.concatenate([o for _, o in decoys])
    for code in np.unique(codes):
        at = np.flatnonzero(codes == code)
        at = at[np.argsort(-odds[at], kind="stable")]
        fake = np.sort(fake_odds[fake_codes == code])
        above = len(fake) - np.searchsorted(fake, odds[at], side="left")
        # One decoy more than were seen, so that none seen is not none at all.
        held = np.flatnonzero((above + 1) / times / np.arange(1, len(at) + 1) <= FALSE)
        many = int(held[-1]) + 1 if len(held) else 0
        alone = odds[at] >= np.log(rows[code] * (2 + len(PERIODS)) / FALSE)
        alone &= odds[at] > (fake[-1] if len(fake) else -np.inf)
        keep[at[:many] if many >= MANY else at[alone]] = True
    return keep


def _same(
    chain: NDArray[np.int64], chains: int, amount: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each chain the share of rows with the amount of the row before, its first row and its last."""
    member = np.flatnonzero(chain >= 0)
    member = member[np.argsort(chain[member], kind="stable")]
    number = chain[member]
    links = number[1:] == number[:-1]
    before, after = amount[member[:-1]][links], amount[member[1:]][links]
    equal = np.abs(after - before) <= 1e-9 * np.abs(before)
    known = np.isfinite(before) & np.isfinite(after)
    of = number[1:][links]
    with np.errstate(invalid="ignore"):
        same = np.bincount(of, equal & known, chains) / np.bincount(of, known, chains)
    first, last = np.zeros(chains, np.int64), np.zeros(chains, np.int64)
    first[number[::-1]], last[number] = member[::-1], member
    return same, first, last


def _numbered(
    chain: NDArray[np.int64], notes: NDArray[np.float64], search: _Search, amount: NDArray[np.float64]
) -> Chains:
    """Chains in order of their first rows, with what they are."""
    held = np.flatnonzero(np.bincount(chain[chain >= 0], minlength=len(notes)))
    first = _same(chain, len(notes), amount)[1]
    held = held[np.argsort(first[held], kind="stable")]
    place = np.full(len(notes) + 1, -1, np.int64)
    place[held] = np.arange(len(held))
    chain, notes = place[chain], notes[held]
    same, first, last = _same(chain, len(notes), amount)
    due = notes[:, 3].astype(np.int64)
    kind = np.where(notes[:, 5] > 0, PERIOD, np.where(due == 31, MONTH_END, DAY_OF_MONTH)).astype(np.int8)
    entity, code = search.entity[first], search.code[first]
    return Chains(
        chain=chain.astype(np.int32), entity=entity, code=code, party=search.party[first], kind=kind, due=due,
        start=search.day[first], stop=search.day[last], rows=notes[:, 1].astype(np.int64),
        kept=notes[:, 1] / notes[:, 2], same=same, slot=_slots(entity, code),
    )  # fmt: skip


def _slots(entity: NDArray[np.int64], code: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of each chain among those before it of the same entity and code."""
    order = np.lexsort((code, entity))
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(entity[order]) != 0) | (np.diff(code[order]) != 0)
    at = np.arange(len(order))
    out = np.empty(len(order), np.int64)
    out[order] = at - np.maximum.accumulate(np.where(new, at, 0))
    return out


def with_short(
    chains: Chains,
    offsets: NDArray[np.int64],
    day: NDArray[np.float64],
    code: NDArray[np.int64],
    amount: NDArray[np.float64],
    party: NDArray[np.int64] | None,
    codes: NDArray[np.int64],
    *,
    calendar: bool = True,
) -> Chains:
    """`chains`, and of `codes` every other row too, in chains of one row or more.

    Where next to all rows of a code recur, the few others are chains that had just begun when the data ended, or ended
    soon.
    """
    rows = len(day)
    party = np.full(rows, -1, np.int64) if party is None else np.asarray(party, np.int64)
    entity = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    search = _Search(entity, np.floor(day).astype(np.int64), np.asarray(code, np.int64), party, 1)
    free = np.flatnonzero((chains.chain < 0) & np.isin(code, codes))
    if not len(free):
        return chains
    made, notes, _ = search.grown(free, search.day[free], amount, calendar, PERIODS)
    late = np.zeros(int(code.max()) + 1, np.bool_)
    for one in codes:
        late[one] = np.mean(chains.kind[chains.code == one] == MONTH_END) > 0.5
    first = free[_same(made, len(notes), amount[free])[1]]
    after = search.month_of[search.day[first] + 1 - search.origin]
    ends = late[code[first]] & (after != search.month_of[search.day[first] - search.origin])
    notes[ends & (notes[:, 5] == 0), 3] = 31
    number = chains.chain.astype(np.int64)
    number[free] = np.where(made >= 0, made + len(chains), -1)
    known = np.zeros((len(chains), notes.shape[1]))
    known[:, 1], known[:, 2] = chains.rows, chains.rows / chains.kept
    known[:, 3], known[:, 5] = chains.due, chains.kind == PERIOD
    return _numbered(number, np.concatenate([known, notes]), search, amount)

"""Looks for columns that add up: each number is tried as a combination of those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import fits
from tsynth.data.constraints.screen import Screen, look, says
from tsynth.data.constraints.sums import Sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.base import Constraint
    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["find_sums", "relations"]

WIDEST = 60
"""Columns looked at."""
MOST = 12
"""Columns of one sum."""
TRIES = 3
FLAT = 1e-5
"""A column whose part across the others is below this share of it is a combination of them."""
NEARLY = 0.98
MANY_NULLS = 0.1


def find_sums(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers that are sums or differences of two or more others, and sets that add up to a constant.

    On a few rows each column is projected on those before it, and one that has nothing of its own is a candidate,
    with factors that are whole or short numbers. Of the columns in it the one is taken off that makes all others
    stand with a plus, or else the last. Each part, and the sum, must say something
    (`tsynth.data.constraints.screen.says`).
    """
    screen = look(halves, taken)
    found: list[Constraint] = []
    tried: set[tuple[str, ...]] = set()
    for blank in ("null", "zero"):
        usable = _usable(screen, blank)
        if len(usable) < 3:
            continue
        for weights, offset in relations(screen, usable, blank):
            names = tuple(screen.columns[i].name for i in weights)
            if tuple(sorted(names)) in tried or any(n in taken for n in names):
                continue
            tried.add(tuple(sorted(names)))
            for rule in _ways(screen, weights, offset, blank, halves):
                if not rule.holds(halves.first) >= halves.threshold or not says(rule, halves):
                    continue
                confirmed = halves.confirm(rule.learned(halves.first))
                if confirmed is not None and fits(found, confirmed):
                    found.append(confirmed)
                    taken.add(rule.columns[0])
                    break
    return found


def _usable(screen: Screen, blank: str) -> list[int]:
    """Columns that vary; those with many nulls only where a null counts 0, and then only if there are some."""
    share = np.mean(np.isnan(screen.values), axis=0) if len(screen.values) else np.zeros(len(screen))
    if blank == "zero" and not np.any((share > 0) & (share < 1)):
        return []
    out = []
    for i, column in enumerate(screen.columns[:WIDEST]):
        own = screen.values[:, i][np.isfinite(screen.values[:, i])]
        if len(own) < 30 or np.ptp(own) == 0 or np.abs(own).max() >= 2.0**53:
            continue
        if blank == "null" and share[i] > MANY_NULLS:
            continue
        if blank == "zero" and column.kind == "datetime":
            continue
        out.append(i)
    # Statics, time and dates are parts, so they come first; what has the fewest values is told last.
    return sorted(out, key=lambda i: (not screen.columns[i].static, screen.columns[i].kind != "datetime"))


def relations(
    screen: Screen, usable: list[int], blank: str, parts: int | None = None
) -> list[tuple[dict[int, float], float]]:
    """Combinations of three or more columns that are constant: weights by column, and the constant.

    With `parts`, only the first so many columns are parts, and each of the others is told by these alone.
    """
    values = screen.values[:, usable]
    values = np.nan_to_num(values, nan=0.0) if blank == "zero" else values[np.isfinite(values).all(axis=1)]
    rows, wide = values.shape
    size = 4 * wide + 40
    if rows < wide + 20:
        return []
    random = np.random.default_rng(rows)
    out: list[tuple[dict[int, float], float]] = []
    seen: set[tuple[int, ...]] = set()
    # A few rows may break a rule and would spoil a fit, so several small draws are tried.
    for _ in range(TRIES if rows > size else 1):
        some = values[random.permutation(rows)[:size]]
        middle = some.mean(axis=0)
        spread = np.maximum(some.std(axis=0), 1e-300)
        scaled = (some - middle) / spread
        basis: list[int] = []
        axes = np.empty((len(some), 0))
        for j in range(wide):
            own = scaled[:, j]
            rest = own - axes @ (axes.T @ own)
            rest = rest - axes @ (axes.T @ rest)
            unit = _unit(screen, usable[j]) / spread[j]
            norm = float(np.sqrt(np.mean(rest**2)))
            flat = norm <= FLAT or (norm <= 1.5 * unit <= 0.3)
            if not flat or len(basis) < 2:
                if norm > FLAT and (parts is None or j < parts):
                    basis.append(j)
                    axes = np.column_stack([axes, rest / np.linalg.norm(rest)])
                continue
            weights, *_ = np.linalg.lstsq(scaled[:, basis], own, rcond=None)
            weights = weights * spread[j] / spread[basis]
            doubt = 5 * _unit(screen, usable[j]) / np.sqrt(len(some)) + 1e-6 * spread[j]
            short = _short(weights, spread[basis], doubt)
            kept = [k for k in range(len(basis)) if short[k] != 0]
            if not 2 <= len(kept) < MOST:
                continue
            key = tuple(sorted([j, *(basis[k] for k in kept)]))
            constant = values[:, j] - values[:, [basis[k] for k in kept]] @ short[kept]
            offset = _constant(constant)
            slack = _unit(screen, usable[j]) * (1 + len(kept) / 2) + 1e-6 * spread[j]
            if key in seen or np.mean(np.abs(constant - offset) <= slack) < NEARLY:
                continue
            seen.add(key)
            weights_by = {usable[j]: 1.0, **{usable[basis[k]]: -float(short[k]) for k in kept}}
            out.append((weights_by, offset))
    return sorted(out, key=lambda relation: len(relation[0]))


def _unit(screen: Screen, at: int) -> float:
    digits = screen.columns[at].decimals
    return 10.0**-digits if digits else 0.0


def _short(weights: NDArray[np.float64], spread: NDArray[np.float64], doubt: float) -> NDArray[np.float64]:
    """Factors as whole numbers or with few digits where they are as near to one as can be told; 0 where nothing."""
    out = weights.copy()
    for digits in (3, 2, 1, 0):
        near = np.round(weights, digits)
        out = np.where(np.abs(near - weights) * spread <= doubt, near, out)
    return np.asarray(out)


def _constant(values: NDArray[np.float64]) -> float:
    """What most rows have, with few digits where it is near one."""
    middle = float(np.median(values))
    if abs(middle) <= 1e-9 * max(1.0, float(np.abs(values).max(initial=0.0))):
        return 0.0
    return float(f"{middle:.9g}")


def _finer(data: Sequences, name: str, others: list[Column]) -> bool:
    """Whether a column has more decimals than all others together could give it."""
    own = lattice.decimals(data, name)
    rest = [lattice.decimals(data, c.name) for c in others if c.kind != "datetime"]
    return own is not None and bool(rest) and None not in rest and own > max(r or 0 for r in rest)


def _ways(screen: Screen, weights: dict[int, float], offset: float, blank: str, halves: Halves) -> list[Sum]:
    """The ways to write one relation, the best first."""
    data = halves.first
    shared = all(w == 1 for w in weights.values()) and offset > 0
    options: list[tuple[tuple[bool, bool, bool, int], Sum]] = []
    dynamic = any(not screen.columns[i].static for i in weights)
    for target, own in weights.items():
        column = screen.columns[target]
        if not screen.told(target) or (column.static and dynamic):
            continue
        others = [i for i in weights if i != target]
        if _finer(data, column.name, [screen.columns[i] for i in others]) and all(
            abs(weights[i]) == 1 for i in others
        ):
            continue
        factors = tuple(-weights[i] / own for i in others)
        names = (column.name, *(screen.columns[i].name for i in others))
        order = sorted(range(len(others)), key=lambda k: others[k])
        rule = Sum(
            columns=(names[0], *(names[1 + k] for k in order)),
            factors=tuple(factors[k] for k in order),
            offset=offset / own,
            blank=blank,
        ).learned(data)
        plus = all(f > 0 for f in factors) or shared
        broken = not all(f == round(f) for f in factors)
        exact = all(f in (1.0, -1.0) for f in factors)
        options.append(((broken, not plus, not exact, -target), rule))
    return [rule for _, rule in sorted(options, key=lambda option: option[0])]

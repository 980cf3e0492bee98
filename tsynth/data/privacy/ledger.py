"""`Privacy`, what may be told of one entity, and `Ledger`, what has been told so far and at what cost."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from tsynth.data.streams import Streams
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ACCOUNTANT", "EVERYTHING", "ORDERS", "Ledger", "Privacy", "epsilon_of"]

ORDERS = np.concatenate(
    [
        np.arange(11, 20) / 10, np.arange(8, 20) / 4, np.arange(10, 20) / 2, np.arange(10.0, 64.0),
        [64, 80, 96, 128, 192, 256, 512, 1024],
    ]
)  # fmt: skip
"""Orders of Rényi divergence that are kept; the best one for the wanted delta is taken in the end."""
ACCOUNTANT = "tsynth Rényi accountant 1"
EVERYTHING = "*"
MECHANISM = (
    "Gaussian noise in 64-bit floating point, drawn by inversion; the last bits of a sum are not those of exact"
    " arithmetic, against which the proof is made"
)


@dataclass(frozen=True)
class Privacy:
    """How much may be told of one entity: (epsilon, delta)-differential privacy.

    Two sources are neighbours where one has an entity more, with all its rows and its line of the entity table. The
    bound is on the fitted model and so on everything that is sampled from it, however much. It does not hold for
    the scores of a report, which compare with real rows.

    Parameters
    ----------
    epsilon : float
        Above 0; below 1 is strong, above 10 says little.
    delta : float, optional
        Chance that the bound fails, above 0 and below 1; 1 / (10 n) of n entities where None, and then n is told.
    unit : {"entity"}
        Whose presence is hidden.
    rows : int, optional
        Contribution bound: the counts of an entity are scaled down to those of this many unlike rows. Where None, it
        is learned with noise, for a part of the budget; do not take it from the data by hand.
    public : sequence of str or "*"
        Columns whose description in the schema (kind, decimals, bounds, levels) comes from elsewhere than the data;
        "*" says so of the whole schema and of what rules that a person wrote need. Everything else of the schema, and
        every rule that was found in the data, is named as told without budget.
    noise_seed : int, optional
        For tests: repeats the noise. Whoever knows it can take the noise off, so it is named as a leak. Where None,
        noise comes from the operating system and no fit repeats another to the byte. It is never saved.

    Raises
    ------
    UsageError
        A parameter is out of its range.

    References
    ----------
    Dwork, Roth (2014), The algorithmic foundations of differential privacy, definition 2.4.

    Examples
    --------
    >>> import tsynth
    >>> tsynth.Privacy(epsilon=8, delta=1e-5)
    Privacy(epsilon=8, delta=1e-05)
    """

    epsilon: float
    delta: float | None = None
    unit: str = "entity"
    rows: int | None = None
    public: tuple[str, ...] = ()
    noise_seed: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not _number(self.epsilon) or not 0 < self.epsilon < math.inf:
            raise UsageError(f"epsilon must be a number above 0, not {self.epsilon!r}", fix="try epsilon=8")
        if self.delta is not None and (not _number(self.delta) or not 0 < self.delta < 1):
            raise UsageError(f"delta must be above 0 and below 1, not {self.delta!r}", fix="try delta=1e-5")
        if self.unit != "entity":
            raise UsageError(f"there is no unit {self.unit!r} of privacy", fix='use unit="entity"')
        rows: Any = self.rows
        if rows is not None and (
            not isinstance(rows, int | np.integer) or isinstance(rows, bool) or rows < 1
        ):
            raise UsageError(f"rows is a count of at least 1, not {rows!r}", fix="try rows=50")
        public: Any = self.public
        object.__setattr__(self, "public", (public,) if isinstance(public, str) else tuple(public))

    def __repr__(self) -> str:
        shown = [f"epsilon={self.epsilon!r}"]
        for name, default in (("delta", None), ("rows", None), ("public", ())):
            if getattr(self, name) != default:
                shown.append(f"{name}={getattr(self, name)!r}")
        return f"Privacy({', '.join(shown)})"

    @classmethod
    def read(cls, value: Privacy | Mapping[str, Any] | float | None) -> Privacy | None:
        """What a parameter `private` says: a `Privacy`, its fields, or epsilon alone."""
        if value is None or isinstance(value, Privacy):
            return value
        if isinstance(value, Mapping):
            unknown = sorted(set(value) - set(cls.__dataclass_fields__))
            if unknown or "epsilon" not in value:
                problem = f"has no field {unknown[0]!r}" if unknown else "lacks epsilon"
                raise UsageError(f"private {problem}", fix="use the fields of tsynth.Privacy")
            return cls(**value)
        if _number(value):
            return cls(float(value))
        raise UsageError(f"private takes a tsynth.Privacy, not {value!r}", fix="write Privacy(epsilon=8)")

    def is_public(self, name: str) -> bool:
        """Whether what the schema says of this column is no secret."""
        return EVERYTHING in self.public or name in self.public

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the seed of the noise."""
        return {
            "epsilon": float(self.epsilon), "delta": self.delta, "unit": self.unit,
            "rows": None if self.rows is None else int(self.rows), "public": list(self.public),
        }  # fmt: skip


def epsilon_of(rdp: NDArray[np.float64], delta: float) -> float:
    """Epsilon at `delta` of a curve of Rényi divergences at `ORDERS`.

    References
    ----------
    Canonne, Kamath, Steinke (2020), The discrete Gaussian for differential privacy, proposition 12.
    """
    a = ORDERS
    found = rdp + np.log1p(-1 / a) - (math.log(delta) + np.log(a)) / (a - 1)
    return max(0.0, float(found.min()))


class Ledger:
    """What has been told of the data, added up; it refuses what would go beyond the budget.

    A Gaussian mechanism with noise of deviation s times its sensitivity has Rényi divergence a / (2 s²) at order
    a [1]_, which is (1 / (2 s²))-zCDP [2]_; divergences of mechanisms in a row add up. Shares of the budget are
    handed out in that unit, rho.

    Parameters
    ----------
    privacy : Privacy
    entities : int
        Of the source; only used for a delta that was not given.

    Attributes
    ----------
    delta : float
    rho : float
        All that Gaussian mechanisms alone may spend.
    rows : int
        Contribution bound, set when it is known.
    curve : float64 array
        Rényi divergence spent so far, at `ORDERS`.
    leaks, not_learned : list of str
        What was taken from the data without budget; what is not learned so as to save budget.

    References
    ----------
    .. [1] Mironov (2017), Rényi differential privacy, CSF, propositions 1 and 7.
    .. [2] Bun, Steinke (2016), Concentrated differential privacy, TCC, proposition 1.6 and lemma 1.7.
    """

    def __init__(self, privacy: Privacy, entities: int) -> None:
        self.privacy = privacy
        self.rows = 1 if privacy.rows is None else int(privacy.rows)
        self.curve: NDArray[np.float64] = np.zeros(len(ORDERS))
        self.spendings: list[dict[str, Any]] = []
        self.leaks: list[str] = []
        self.not_learned: list[str] = []
        if privacy.delta is None:
            self.delta = 1.0 / (10.0 * max(entities, 1))
            self.leak("the number of entities: delta is 1 / (10 n)")
        else:
            self.delta = float(privacy.delta)
        if privacy.noise_seed is not None:
            self.leak("the noise, to whoever knows its seed")
        self.rho = self._budget()
        self._draws = 0

    def _budget(self) -> float:
        low, high = 0.0, 1.0
        while epsilon_of(high * ORDERS, self.delta) < self.privacy.epsilon:
            high *= 2
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (
                (middle, high)
                if epsilon_of(middle * ORDERS, self.delta) < self.privacy.epsilon
                else (low, middle)
            )
        return low

    @property
    def epsilon(self) -> float:
        """What has been spent so far, at `delta`."""
        return epsilon_of(self.curve, self.delta) if self.spendings else 0.0

    @property
    def rho_left(self) -> float:
        """What Gaussian mechanisms may still spend."""
        low, high = 0.0, self.rho
        for _ in range(60):
            middle = (low + high) / 2
            if epsilon_of(self.curve + middle * ORDERS, self.delta) <= self.privacy.epsilon:
                low = middle
            else:
                high = middle
        return low

    def spend(self, what: str, mechanism: str, rdp: ArrayLike, **details: Any) -> None:
        """Note a mechanism, before it is used.

        Parameters
        ----------
        what : str
            The statistic or model, in plain words.
        mechanism : str
        rdp : float64 array
            Its Rényi divergence at `ORDERS`.
        **details
            Plain values to be shown: noise, sensitivity, steps.

        Raises
        ------
        UsageError
            It would go beyond the budget; nothing is noted.
        """
        cost = np.asarray(rdp, np.float64)
        if cost.shape != ORDERS.shape or np.isnan(cost).any() or (cost < 0).any():
            raise UsageError(f"the divergence of {what!r} must be {len(ORDERS)} numbers of 0 or more")
        after = epsilon_of(self.curve + cost, self.delta)
        if after > self.privacy.epsilon * (1 + 1e-6):
            raise UsageError(
                f"{what} would bring epsilon to {after:.4g}, beyond {self.privacy.epsilon:g}",
                fix="give it a smaller share, or allow a larger epsilon",
            )
        self.curve = self.curve + cost
        self.spendings.append({"what": what, "mechanism": mechanism, **details})

    def gaussian(
        self, what: str, values: ArrayLike, sensitivity: float, rho: float
    ) -> tuple[NDArray[np.float64], float]:
        """`values` with Gaussian noise, and the deviation of that noise.

        Parameters
        ----------
        what : str
        values : array
            A sum over entities.
        sensitivity : float
            The most that one entity can move the whole array, as Euclidean norm.
        rho : float
            What to spend.
        """
        exact = np.asarray(values, np.float64)
        if not (rho > 0 and sensitivity > 0):
            raise UsageError(f"{what} cannot be told for nothing", fix="give it a share of the budget")
        deviation = sensitivity / math.sqrt(2.0 * rho)
        self.spend(
            what,
            "Gaussian",
            rho * ORDERS,
            rho=float(rho),
            sensitivity=float(sensitivity),
            noise=float(deviation),
        )
        return exact + deviation * self.normal(exact.size).reshape(exact.shape), deviation

    def normal(self, size: int) -> NDArray[np.float64]:
        """Standard normals for noise."""
        self._draws += 1
        if self.privacy.noise_seed is not None:
            return Streams(self.privacy.noise_seed, ("privacy", self._draws), range(size)).normal()
        words = np.frombuffer(os.urandom(8 * size), np.uint64)
        return np.asarray(ndtri(((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53))

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Uniforms as secret as the noise: who is in a batch must not be known."""
        self._draws += 1
        if self.privacy.noise_seed is not None:
            return Streams(self.privacy.noise_seed, ("privacy", self._draws), range(size)).uniform()
        words = np.frombuffer(os.urandom(8 * size), np.uint64)
        return np.asarray((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def leak(self, what: str) -> None:
        """Name something that was taken from the data without budget."""
        if what not in self.leaks:
            self.leaks.append(what)

    def to_dict(self) -> dict[str, Any]:
        """The account, as plain values: for model, manifest and card."""
        return {
            "unit": self.privacy.unit,
            "epsilon": float(self.privacy.epsilon),
            "delta": float(self.delta),
            "spent": float(self.epsilon),
            "accountant": ACCOUNTANT,
            "mechanism": MECHANISM,
            "rows": int(self.rows),
            "rows_from": "noised, within the budget" if self.privacy.rows is None else "given",
            "public": list(self.privacy.public),
            "spendings": [dict(entry) for entry in self.spendings],
            "leaks": list(self.leaks),
            "not_learned": list(self.not_learned),
        }


def _number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)

"""What is asked of `Hawkes`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.excitation.asked import KERNELS, LINKS
from tsynth.generators.point_process.excitation.seasons import SHAPES
from tsynth.generators.point_process.hawkes_parameters import check_size
from tsynth.generators.point_process.windows import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsynth.data.schema import Schema
    from tsynth.data.sequences import Sequences

__all__ = ["Asked", "check_count"]

MANY = 60
"""Types from which on excitation is penalised (L1) unless another penalty is asked for."""


@dataclass(frozen=True)
class Asked:
    """Parameters of `Hawkes`."""

    kernel: str
    decay: Any
    decays: str
    components: int
    baseline: str
    covariates: Sequence[str] | str | None
    size: str | None
    link: str
    penalty: str | None
    strength: float | None
    stable: bool
    ties: str
    window: str
    frailty: bool

    def check(self, schema: Schema, data: Sequences) -> None:
        """Refuse what does not exist or does not go together.

        Raises
        ------
        UsageError, DataError
            Name the parameter or the column.
        """
        for name, known in {
            "kernel": KERNELS,
            "decays": ("shared", "pair"),
            "baseline": ("auto", *SHAPES),
            "link": LINKS,
            "penalty": (None, "l1", "group"),
            "ties": jitter.WAYS,
            "window": RULES,
        }.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f"{name}={getattr(self, name)!r} does not exist",
                    fix="use one of " + ", ".join("None" if k is None else k for k in known),
                )
        check_count(self.components, "components")
        if self.link != "linear" and self.kernel not in ("exponential", "sum"):
            raise UsageError(
                f"link={self.link!r} goes with exponential kernels", fix='use kernel="exponential"'
            )
        if self.kernel not in ("exponential", "sum"):
            self._check_free()
        elif self.link != "linear" and (self.penalty is not None or self.decays == "pair"):
            raise UsageError(
                f'link={self.link!r} is fitted without penalty and with decays="shared"',
                fix='leave penalty and decays out, or use link="linear"',
            )
        if self.kernel == "etas" and self.size is None:
            raise UsageError("the ETAS kernel needs the size of events", fix="name the column, size=...")
        if self.size is not None:
            self._check_size(schema, data, self.size)
        self.statics(schema)

    def _check_free(self) -> None:
        """Power laws and steps are fitted as they are: what is asked of them besides would do nothing."""
        given = {
            "decay": self.decay is not None,
            "decays": self.decays != "shared",
            "penalty": self.penalty is not None,
            "stable": self.stable,
        }
        for name, asked in given.items():
            if asked:
                raise UsageError(
                    f"{name}={getattr(self, name)!r} goes with exponential kernels, not with kernel={self.kernel!r}",
                    fix=f'leave {name} out, or use kernel="exponential" or "sum"',
                )

    def _check_size(self, schema: Schema, data: Sequences, size: str) -> None:
        if self.kernel == "nonparametric" or self.link != "linear":
            raise UsageError(
                "size drives exponential, power-law and ETAS kernels under the linear link",
                fix="leave size out",
            )
        check_size(schema, size)
        if data.nulls(size).any():
            row = int(np.argmax(data.nulls(size)))
            raise DataError(
                "is null, so the event has no size", column=size, row=row, fix="fill or drop such rows"
            )

    def statics(self, schema: Schema) -> list[str]:
        """Names of the static columns that are covariates."""
        able = [c.name for c in schema.statics]
        if self.covariates is None:
            return []
        if self.covariates == "auto":
            return able
        wanted = [self.covariates] if isinstance(self.covariates, str) else list(self.covariates)
        for name in wanted:
            if name not in able:
                raise UsageError(
                    f"covariates: {name!r} is no static column",
                    fix=f"name some of {', '.join(able)}" if able else "leave covariates out: there is none",
                )
        return wanted

    def penalised(self, types: int) -> tuple[str | None, float | str]:
        """The penalty for so many types, and its strength."""
        if self.penalty is not None:
            return self.penalty, "auto" if self.strength is None else self.strength
        if types > MANY and self.link == "linear" and self.kernel in ("exponential", "sum"):
            return "l1", 1.0 if self.strength is None else self.strength
        if self.strength:
            raise UsageError(
                f"strength={self.strength!r} is that of a penalty, and there is none",
                fix='use penalty="l1" or "group", or leave strength out',
            )
        return None, 0.0


def check_count(value: Any, name: str) -> None:
    """Refuse what is no whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"{name} is a count of at least 1, not {value!r}")

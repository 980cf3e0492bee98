"""`Report`: the results of all scores, with the three answers a reader looks for first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tsynth.errors import UsageError
from tsynth.scores.base import Detail, Result

__all__ = ["Answer", "Report"]


@dataclass(frozen=True)
class Answer:
    """One of the three questions of a release: is it faithful, useful, private?

    Parameters
    ----------
    question : {"faithful", "useful", "private"}
    level : {"good", "fair", "poor", "cannot say"}
    sentence : str
        The answer in plain words, the number and its reference in it.
    number, reference : float, optional
        The number and what held-out real data score.
    unit : str
        What the number is ("times the noise floor", "AUC").
    """

    question: str
    level: str
    sentence: str
    number: float | None = None
    reference: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Report(Mapping[str, Result]):
    """Results by score name, their summary, and how they were measured.

    Parameters
    ----------
    results : dict of str to Result
    answers : tuple of Answer
        Faithful, useful, private, in that order.
    meta : dict
        Seed, sizes of train, reference, control and synthetic, time; JSON types only.
    """

    results: dict[str, Result]
    answers: tuple[Answer, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Result:
        if name not in self.results:
            raise UsageError(f"no score is called {name!r}", fix="choose one of " + ", ".join(self.results))
        return self.results[name]

    def __contains__(self, name: object) -> bool:
        return name in self.results

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def times_floor(self) -> float | None:
        """Geometric mean of value / floor over the fidelity scores whose floor is above 0; None where none is."""
        ratios = [
            r.value / r.floor
            for r in self.results.values()
            if r.counts_as_fidelity and r.status == "ok" and r.value is not None and r.floor
        ]
        return float(np.exp(np.mean(np.log(np.maximum(ratios, 1e-12))))) if ratios else None

    def worst(self, count: int = 3) -> list[Detail]:
        """The worst parts over all scores, with a sentence each and no label twice.

        They are ranked by what exceeds twice the floor: a part as large as chance makes it is no finding. Of use
        and privacy only what chance does not explain counts, and no part that is better than real data.
        """
        ranked = sorted(
            (
                (d.value - 2 * (d.floor or 0.0), r.name, d)
                for r in self.results.values()
                for d in r.details
                if d.sentence and d.value > 0 and not (r.group in ("utility", "privacy") and _chance(r))
            ),
            key=lambda entry: (-entry[0], entry[1], entry[2].label),
        )
        chosen: list[Detail] = []
        for _, _, detail in ranked:
            if all(detail.label != other.label for other in chosen):
                chosen.append(detail)
            if len(chosen) == count:
                break
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """JSON types only."""
        return {
            "answers": [asdict(a) for a in self.answers],
            "times_floor": self.times_floor,
            "scores": [asdict(r) for r in self.results.values()],
            "meta": self.meta,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Report:
        """The report that `to_dict` wrote."""
        results = {}
        for entry in content["scores"]:
            entry = dict(entry)
            entry["details"] = tuple(Detail(**d) for d in entry["details"])
            entry["interval"] = tuple(entry["interval"]) if entry["interval"] else None
            results[entry["name"]] = Result(**entry)
        return cls(results, tuple(Answer(**a) for a in content["answers"]), dict(content["meta"]))

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        from tsynth.data.files import write_text

        write_text(
            Path(path), json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        )

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Score, value, floor, copied, verdict as text: what every printed form shows."""
        return [
            (r.title, _number(r.value), _number(r.floor), _number(r.copied), r.verdict or r.reason)
            for r in self.results.values()
        ]

    def __str__(self) -> str:
        lines = [f"{a.question}: {a.sentence}" for a in self.answers]
        table = [("score", "value", "floor", "copied", "verdict"), *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines += ["  ".join([*(c.ljust(w) for c, w in zip(r[:4], widths, strict=True)), r[4]]) for r in table]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{n}</th>" for n in ("score", "value", "floor", "copied", "verdict"))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _chance(result: Result) -> bool:
    """Whether chance explains what exceeds the floor."""
    return result.interval is not None and result.interval[0] <= 0


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"

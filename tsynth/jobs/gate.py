"""The gate: thresholds over any score, in a file that a person reads and edits; what does not keep them exits 6."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tsynth import registry
from tsynth.errors import GateFailed, UsageError
from tsynth.jobs.mistakes import mistakes, nearest
from tsynth.scores.words import number

if TYPE_CHECKING:
    from tsynth.scores.report import Report

__all__ = ["FAILED", "Gate", "Rule", "about", "failures", "names"]

TIMES_FLOOR = "times_floor"
KINDS = {"value": "value", "excess": "value - floor", "bound": "upper bound of value - floor"}
"""What a limit may be set on, and how a table calls it."""
FAILED = ("rule", "found", "at most", "over by", "why")
"""Columns of the table of what failed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=False)


class Rule(_Part):
    """What one score must keep; of several limits all."""

    score: str = Field(description=f'A score that `tsynth list scores` shows, or "{TIMES_FLOOR}".')
    value: float | None = Field(default=None, description="Its value, at most.")
    excess: float | None = Field(default=None, description="Its value less its floor, at most.")
    bound: float | None = Field(
        default=None, description="Upper bound of the interval of value less floor, at most."
    )
    missing: Literal["fail", "pass"] = Field(
        default="fail", description="What counts where the score cannot say."
    )
    why: str = Field(default="", description="Why the rule is there, for the reader.")

    @model_validator(mode="after")
    def _limits(self) -> Self:
        known = [TIMES_FLOOR, *registry.names("scores")]
        if self.score not in known:
            raise ValueError(f"no score is called {self.score!r}{nearest(self.score, known)}")
        if not self.limits():
            raise ValueError(f"{self.score} has no limit; give value, excess or bound")
        if self.score == TIMES_FLOOR and set(self.limits()) != {"value"}:
            raise ValueError(f"{TIMES_FLOOR} has no floor of its own; give value alone")
        return self

    def limits(self) -> dict[str, float]:
        """Its limits by kind."""
        return {kind: limit for kind in KINDS if (limit := getattr(self, kind)) is not None}


class Gate(_Part):
    """Rules that a report must keep.

    Parameters
    ----------
    title : str
    about : str
        When to use it.
    rule : list of Rule

    Examples
    --------
    >>> gate = Gate.read({"title": "Order", "rule": [{"score": "time_goes_back", "value": 0}]})
    >>> gate.scores
    ['time_goes_back']
    """

    model_config = ConfigDict(extra="forbid", title="tsynth gate")

    title: str = Field(description="What it is the gate to.")
    about: str = Field(default="", description="When to use it.")
    rule: list[Rule] = Field(min_length=1, description="What each score must keep, as [[rule]].")

    @classmethod
    def load(cls, wanted: str | Path) -> Gate:
        """The gate of a TOML file, or a ready one by its name.

        Raises
        ------
        UsageError
            There is none, or it has keys, scores or values that a gate does not have; each is named.
        """
        text, where = _text(wanted)
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{where} is not TOML: {error}", fix="correct it there") from error
        return cls.read(content, where=where)

    @classmethod
    def read(cls, content: Mapping[str, Any], *, where: str = "the gate") -> Gate:
        """Check a mapping of the form of the file."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            lines = mistakes(error, cls, "the gate")
            raise UsageError(
                f"{where} is no gate:\n  "
                + "\n  ".join(lines)
                + "\na rule is a table [[rule]] with score, and value, excess or bound"
            ) from error

    @property
    def scores(self) -> list[str]:
        """The scores that it needs."""
        return [name for name in dict.fromkeys(rule.score for rule in self.rule) if name != TIMES_FLOOR]

    def judge(self, report: Report) -> dict[str, Any]:
        """What the report's ``meta["gate"]`` holds: each limit with what was found and by how much it is exceeded."""
        rules = [
            _judged(rule, kind, limit, report) for rule in self.rule for kind, limit in rule.limits().items()
        ]
        return {"title": self.title, "passed": all(rule["passed"] for rule in rules), "rules": rules}

    def demand(self, reports: Mapping[str, Report], *, where: str = "") -> None:
        """Raise where a report does not keep the rules; `where` says where to read on.

        Raises
        ------
        GateFailed
            With a line a failed rule.
        """
        lines = []
        for name, report in reports.items():
            found = report.meta["gate"]
            failed = [rule for rule in found["rules"] if not rule["passed"]]
            whose = f"{name}: " if len(reports) > 1 else ""
            lines += [f"{whose}{line}" for line in _sentences(failed)]
        if lines:
            advice = where or "mend what the rules name, or choose another gate"
            raise GateFailed(
                f"the gate {self.title!r} was not passed:\n  " + "\n  ".join(lines) + f"\n{advice}"
            )


def names() -> list[str]:
    """The ready gates."""
    folder = files("tsynth.jobs") / "gates"
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def about(name: str) -> str:
    """When to use a ready gate."""
    return Gate.load(name).about


def failures(gate: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The failed rules of a judged gate as a table: rule, found, limit, by how much, why."""
    return [
        (
            f"{rule['score']} ({KINDS[rule['kind']]})",
            "cannot say" if rule["found"] is None else number(rule["found"]),
            number(rule["limit"]),
            "" if rule["by"] is None else number(rule["by"]),
            rule["why"],
        )
        for rule in gate["rules"]
        if not rule["passed"]
    ]


def _text(wanted: str | Path) -> tuple[str, str]:
    path, name = Path(wanted), str(wanted)
    if not path.is_file() and name in names():
        return (files("tsynth.jobs") / "gates" / f"{name}.toml").read_text(encoding="utf-8"), name
    try:
        return path.read_text(encoding="utf-8-sig"), path.name
    except FileNotFoundError as error:
        ready = names()
        raise UsageError(
            f"there is no gate {name!r}: no such file, and no ready gate of that name{nearest(name, ready)}",
            fix="give a TOML file, or one of " + ", ".join(ready),
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", fix="check the path of the gate") from error


def _judged(rule: Rule, kind: str, limit: float, report: Report) -> dict[str, Any]:
    found, reason = _found(rule.score, kind, report)
    idle = rule.score in report and report[rule.score].status == "does not apply"
    passed = (idle or rule.missing == "pass") if found is None else found <= limit + 1e-12
    return {
        "score": rule.score,
        "limit": limit,
        "kind": kind,
        "found": found,
        "passed": passed,
        "by": None if found is None else max(0.0, found - limit),
        "why": f"It cannot say: {reason}. {_capital(rule.why)}".strip() if found is None else rule.why,
        "reason": reason,
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _found(name: str, kind: str, report: Report) -> tuple[float | None, str]:
    """The number that a limit is set on, or why there is none."""
    if name == TIMES_FLOOR:
        found = report.times_floor
        return found, "" if found is not None else "no score of fidelity has a floor; give a holdout"
    if name not in report:
        return None, "it was not asked"
    result = report[name]
    if result.status != "ok":
        return None, result.reason
    if kind == "value":
        return result.value, "" if result.value is not None else "it has no value"
    if result.value is None or result.floor is None:
        return None, "it has no floor; give a holdout"
    if kind == "excess":
        return result.value - result.floor, ""
    if result.interval is None:
        return None, "it has no interval"
    return result.interval[1], ""


def _sentences(failed: list[dict[str, Any]]) -> list[str]:
    """What failed, a line a rule; scores that cannot say for one reason stand in one line."""
    lines, silent = [], dict[str, list[str]]()
    for rule in failed:
        what = rule["score"] if rule["kind"] == "value" else f"{rule['score']} ({KINDS[rule['kind']]})"
        if rule["found"] is None:
            silent.setdefault(rule["reason"], []).append(rule["score"])
        else:
            lines.append(f"{what} is {number(rule['found'])}, allowed is {number(rule['limit'])}")
    return lines + [
        f"{', '.join(dict.fromkeys(scores))} cannot say: {reason}" for reason, scores in silent.items()
    ]

"""Made-up reports with every kind of curve: payments, a cohort, regular series, events, and a hostile one."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Note, Sequences
from tsynth.reports import Context, render_page
from tsynth.scores.base import Detail, Result
from tsynth.scores.report import Answer, Report

CODES = ("VKLAD", "VYBER", "UROK", "PREVOD NA UCET", "PREVOD Z UCTU", "VYBER KARTOU", "SLUZBY")


def histogram(random, edges, tilt=0.1):
    real = random.dirichlet(np.full(len(edges) - 1, 8.0))
    other = real * np.exp(tilt * random.standard_normal(len(real)))
    return {"edges": list(edges), "real": real.tolist(), "synthetic": (other / other.sum()).tolist()}


def bars(random, levels, tilt=0.2):
    real = np.sort(random.dirichlet(np.full(len(levels), 0.7)))[::-1]
    other = real * np.exp(tilt * random.standard_normal(len(real)))
    return {"levels": list(levels), "real": real.tolist(), "synthetic": (other / other.sum()).tolist()}


def column(random, name, kind="continuous", static=False, **more):
    if kind == "category":
        return {
            "name": name,
            "kind": kind,
            "unit": None,
            "static": static,
            "gap": 0.08,
            "picture": "bars",
            **bars(random, more.get("levels", CODES)),
            "null": {"real": 0.0, "synthetic": 0.0},
        }
    edges = (
        [0.0, 0.0, *np.round(np.exp(np.linspace(2, 11, 24)), 1)]
        if more.get("heavy")
        else np.linspace(-3, 9, 25)
    )
    return {
        "name": name,
        "kind": kind,
        "unit": more.get("unit"),
        "static": static,
        "gap": 0.123456,
        "picture": "histogram",
        **histogram(random, edges),
        "null": {"real": 0.13, "synthetic": 0.11},
    }


def result(name, title, group, value, floor, copied, **more):
    more.setdefault("question", f"How far is the {title.lower()} of the synthetic rows from the real one?")
    more.setdefault(
        "verdict", f"{value / floor:.1f} times the floor: real rows differ by {floor}, synthetic by {value}."
    )
    more.setdefault("interval", (value - floor - 0.02, value - floor + 0.03))
    more.setdefault("interval_by", "bootstrap over entities")
    return Result(
        name=name,
        title=title,
        group=group,
        value=value,
        floor=floor,
        copied=copied,
        counts_as_fidelity=group == "fidelity",
        **more,
    )


def results(random, columns=None, codes=CODES, dates=True):
    """One result a standard score, with the curves that the scores promise."""
    columns = columns or [
        column(random, "amount", heavy=True, unit="CZK"),
        column(random, "balance"),
        column(random, "operation", "category"),
        column(random, "type", "category", levels=("PRIJEM", "VYDAJ")),
        column(random, "sex", "category", static=True, levels=("f", "m")),
    ]
    days = [(date(1993, 1, 1) + timedelta(days=int(d))).isoformat() for d in np.linspace(0, 450, 31)]
    matrix = random.dirichlet(np.full(len(codes) + 1, 0.6), len(codes))
    other = random.dirichlet(np.full(len(codes) + 1, 0.6), len(codes))
    lags = list(range(1, 13))
    falling = [float(0.8**k) for k in lags]
    less = [float(0.6**k) for k in lags]
    weekday = {"name": "weekday", **bars(random, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])}
    month = {"name": "day of month", **bars(random, [str(d) for d in range(1, 32)])}
    missing = [
        {
            "name": c["name"],
            "by": "time",
            "x": days[:12],
            "dates": True,
            "real": [0.1] * 11 + [None],
            "synthetic": [0.1 + 0.005 * i for i in range(12)],
        }
        for c in columns[:2]
    ]
    parts = tuple(
        Detail(
            str(c["name"]),
            0.12 - 0.01 * i,
            0.02,
            f"{c['name']}: the middle value is 4,310 in real rows, 4,870 in synthetic ones.",
        )
        for i, c in enumerate(columns)
    )
    roc = {"false": list(np.linspace(0, 1, 30)), "true": list(np.linspace(0, 1, 30) ** 0.5)}
    features = [{"name": f"share of {c}", "drop": 0.1 / (i + 1)} for i, c in enumerate(codes)]
    after = Detail(
        "VKLAD",
        0.27,
        0.03,
        "After a salary, real accounts withdraw cash within 2 days in 61 % of cases; synthetic ones in 34 %.",
    )
    names = [str(c["name"]) for c in columns]
    pairs = [[None if a == b else float(random.random() * 0.2) for b in names] for a in names]
    found = [
        result(
            "marginals",
            "Columns",
            "fidelity",
            0.081,
            0.021,
            0.012,
            details=parts,
            curve={"columns": columns, "missing": missing},
        ),
        result(
            "pairs", "Pairs of columns", "fidelity", 0.12, 0.05, 0.02, curve={"columns": names, "gap": pairs}
        ),
        result(
            "lengths",
            "Rows per entity",
            "fidelity",
            0.05,
            0.045,
            0.02,
            curve={
                **histogram(random, np.unique(np.round(np.exp(np.linspace(1, 6, 14))))),
                "log": True,
                "unit": "rows",
            },
        ),
        result(
            "gaps",
            "Gaps",
            "fidelity",
            0.06,
            0.02,
            0.01,
            curve={
                **histogram(random, np.exp(np.linspace(0, 5, 14))),
                "log": True,
                "unit": "d",
                "zero": {"real": 0.2, "synthetic": 0.17},
            },
        ),
        result(
            "autocorrelation",
            "Memory",
            "fidelity",
            0.15,
            0.04,
            0.02,
            curve={
                "lags": lags,
                "columns": [
                    {"name": n, "what": w, "real": falling, "synthetic": less}
                    for n, w in (("amount", "level"), ("amount", "size"), ("operation", "same"))
                ],
            },
        ),
        result(
            "transitions",
            "What follows what",
            "fidelity",
            0.27,
            0.06,
            0.03,
            details=(after,),
            curve={
                "codes": list(codes),
                "next": [*codes, "end"],
                "real": matrix.tolist(),
                "synthetic": other.tolist(),
                "difference": (other - matrix).tolist(),
            },
        ),
        result(
            "calendar",
            "Calendar",
            "fidelity",
            0.11,
            0.03,
            0.02,
            curve={
                "volume": {**histogram(random, days), "dates": True} if dates else None,
                "profiles": [weekday, month] if dates else [],
                "codes": [{"code": codes[0], **month}] if dates else [],
            },
        ),
        result(
            "constraints",
            "Rules held",
            "structure",
            0.004,
            0.001,
            0.0,
            curve={
                "rules": [
                    {
                        "name": "totals",
                        "sentence": "balance = balance before + signed amount",
                        "real": 0.9991,
                        "synthetic": 1.0,
                    }
                ]
            },
        ),
        result(
            "classifier_rows",
            "A judge of rows",
            "fidelity",
            0.39,
            0.03,
            0.01,
            curve={"auc": 0.89, "auc_alone": 0.71, "folds": 5, "roc": roc, "features": features},
        ),
        result(
            "utility",
            "Train on synthetic",
            "utility",
            0.06,
            0.01,
            0.0,
            curve={
                "task": "predict whether the next amount is above its median",
                "target": "amount",
                "measure": "AUC",
                "real": 0.84,
                "synthetic": 0.78,
                "constant": 0.5,
            },
        ),
        result(
            "exact_rows",
            "Exact rows",
            "privacy",
            0.002,
            0.003,
            1.0,
            curve={"share": {"real": 0.003, "synthetic": 0.002}, "columns": names},
        ),
        result(
            "nearest",
            "Nearest neighbours",
            "privacy",
            0.01,
            0.02,
            0.5,
            curve={
                "share": 0.51,
                "chance": 0.5,
                "distances": {
                    "edges": list(np.linspace(0, 4, 13)),
                    "train": histogram(random, range(13))["real"],
                    "holdout": histogram(random, range(13))["real"],
                },
            },
        ),
        Result(
            name="time_goes_back",
            title="Time goes back",
            question="Do times run forward?",
            group="structure",
            status="cannot say",
            reason="fewer than 20 entities are left.",
        ),
    ]
    return {r.name: r for r in found}


# What a run tells of itself and answers, in the words of a job on a bank's rows.
TOLD = json.loads(Path(__file__).with_name("bank.json").read_text(encoding="utf-8"))
ANSWERS = tuple(Answer(**answer) for answer in TOLD["answers"])


def payments(random, entities=40):
    schema = Schema.from_dict(TOLD["schema"])
    lengths = random.integers(2, 120, entities)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    days = np.concatenate([np.sort(random.integers(8401, 8850, n)) for n in lengths])
    rows = pa.table(
        {
            "date": pa.array(days.astype(np.int32)).cast(pa.date32()),
            "operation": pa.array(
                [CODES[i] for i in random.integers(0, 7, len(days)) * random.integers(0, 2, len(days))]
            ),
            "amount": pa.array(np.round(np.exp(random.normal(8, 1.2, len(days))), 1)),
            "balance": pa.array(
                np.cumsum(random.normal(0, 900, len(days))) + 30_000, mask=random.random(len(days)) < 0.1
            ),
        }
    )
    statics = pa.table(
        {
            "account_id": pa.array(range(entities)),
            "sex": pa.array(["m" if i % 6 else "f" for i in range(entities)]),
        }
    )
    return Sequences(schema, rows, offsets, statics)


def context(synthetic, **more):
    told = {**TOLD["context"], "notes": [Note(**note) for note in TOLD["context"]["notes"]]}
    return Context(**{**told, "schema": synthetic.schema, "synthetic": synthetic, **more})


def pictures(random, names=("north", "south", "east")):
    """One picture of each kind that a score may ask for."""
    months = [f"1993-{m:02d}-01" for m in range(1, 13)]
    return [
        {"kind": "lines", "title": "Lines", "x": list(range(30)), "real": None, "synthetic": list(range(30)),
         "x_label": "lag", "y_label": "correlation", "caption": "no real line"},
        {"kind": "lines", "title": "Dates", "x": months, "real": [None, *([0.4] * 11)], "synthetic": [0.5] * 12,
         "dates": True, "shares": True, "x_label": "month", "y_label": "share"},
        {"kind": "lines", "title": "Windows", "x": [1, 10, 100, 1000], "real": [1.0, 1.2, 2.0, 4.0],
         "synthetic": [1.0, 1.1, 1.2, 1.3], "log_x": True, "x_label": "hours", "y_label": "dispersion"},
        {"kind": "histogram", "title": "Spans", **histogram(random, np.exp(np.linspace(0, 8, 25))), "log": True,
         "unit": "days"},
        {"kind": "bars", "title": "Pairs of codes", **bars(random, [f"{n} then pay" for n in names])},
        {"kind": "bars", "title": "Hours", **bars(random, [str(h) for h in range(24)])},
        {"kind": "bars", "title": "Rates", "levels": list(names), "real": [1.2, 30.0, None], "shares": False,
         "synthetic": [1.5, 20.0, 3.0]},
        {"kind": "ranking", "title": "Worst windows", "names": list(names), "values": [0.3, -0.1, 0.2],
         "label": "gap"},
    ]  # fmt: skip


def table(names=("north", "south", "east")):
    rows = [[n, 0.1234567, None, 12] for n in names]
    return {"kind": "table", "title": "By region", "columns": ["region", "gap", "real", "rows"], "rows": rows}


def survival(arm, shift=0.0):
    left = [float(np.exp(-0.09 * (1 + shift) * t)) for t in range(25)]
    made = [v**1.3 for v in left]
    return {"kind": "lines", "title": f"Arm {arm}", "x": list(range(25)), "real": left, "synthetic": made,
            "step": True, "x_label": "weeks", "y_label": "share alive", "shares": True}  # fmt: skip


def attacked(random, name, title, excess, who):
    """An attack on the privacy of the source, as its curve tells it."""
    rate = {"false_positive_rate": 0.01, "rate": 0.014 + excess / 9, "interval": [0.004, 0.05 + excess / 9]}
    control = {"auc": 0.501, "interval": [0.46, 0.54], "true_positive_rate": [{**rate, "rate": 0.012}]}
    curve = {"auc": 0.5 + excess / 2, "interval": [0.46 + excess / 2, 0.54 + excess / 2], "attacker": who,
             "true_positive_rate": [{**rate, "false_positive_rate": 0.1}, rate], "control": control}  # fmt: skip
    return result(name, title, "privacy", excess, 0.002, 0.93, curve=curve,
                  interval=(excess - 0.08, excess + 0.08))  # fmt: skip


def rich(random, made, names=("north", "south", "east"), excess=0.02):
    """Results with all that a score may add: pictures, examples, groups, attacks, and a question out of place."""
    ids = made.entities["account_id"].to_pylist()
    told = [
        {"entity": str(ids[i]), "rows": int(made.lengths[i]), "probability": 0.99 - 0.05 * i,
         "away": [f"Its mean {n} is 310; the middle of real sequences is 9.51." for n in names[:2]]}
        for i in range(5)
    ]  # fmt: skip
    groups = [
        {"name": n, "entities": {"real": 120 - 57 * i, "synthetic": 130 - 60 * i}, "small": i == 2, "gap": 0.1 * i,
         "floor": None if i == 2 else 0.02, "share": {"real": 0.4, "synthetic": 0.45}}
        for i, n in enumerate(names[:3])
    ]  # fmt: skip
    roc = {"false": list(np.linspace(0, 1, 30)), "true": list(np.linspace(0, 1, 30) ** 0.4)}
    found = [
        result("dispersion", "Counts in windows", "fidelity", 0.2, 0.05, 0.02,
               curve={"pictures": pictures(random, names)}),
        result("of_a_plugin", "A score of a plug-in", "fidelity", 0.1, 0.05, 0.02,
               curve={"pictures": [table(names), {"kind": "pie"}, None, {"kind": "lines", "x": [1], "synthetic": []}]}),
        result("sequence_judge", "Judge of raw sequences", "fidelity", 0.6, 0.03, 0.01,
               curve={"auc": 0.8, "interval": [0.76, 0.84], "folds": 4, "apart": "entities and times", "roc": roc,
                      "examples": [{k: v for k, v in e.items() if k != "away"} for e in told]}),
        result("classifier_entities", "Judge of whole sequences", "fidelity", 0.5, 0.03, 0.01,
               curve={"auc": 0.75, "folds": 3, "roc": roc, "features": [], "examples": told}),
        result("survival_curve", "Survival", "fidelity", 0.08, 0.03, 0.02,
               curve={"pictures": [survival(n, i) for i, n in enumerate(names[:3])]}),
        result("representation", "Who is there", "fairness", 0.04, 0.02, 0.01,
               curve={"columns": ["region"], "groups": groups}),
        attacked(random, "membership_density", "Membership by density", excess,
                 "Knows a whole record and the law of the source from public data."),
        attacked(random, "membership_nearest", "Membership by nearest neighbours", excess / 2,
                 "Knows a whole record."),
        Result(name="returns", title="Returns", question="Do returns look alike?", group="fidelity",
               status="does not apply", reason="no column holds prices"),
    ]  # fmt: skip
    return {r.name: r for r in found}


GATE = {
    "title": "Publication",
    "passed": False,
    "rules": [
        {"score": "sequence_judge", "limit": 0.3, "kind": "excess", "found": 0.57, "passed": False, "by": 0.27,
         "why": "a judge tells the rows apart too often"},
        {"score": "exact_rows", "limit": 0.01, "kind": "value", "found": 0.002, "passed": True, "by": None,
         "why": ""},
    ],
}  # fmt: skip
CASTS = [
    {"column": "amount", "from": "text", "to": "number", "cells": 4100, "unreadable": 3},
    {"column": "sex", "from": "int64", "to": "text", "cells": 400, "unreadable": 0},
]


class Examples:
    """Builders that a test may bend."""

    answers = ANSWERS
    histogram, bars, column, result = map(staticmethod, (histogram, bars, column, result))
    results, payments, context = map(staticmethod, (results, payments, context))
    pictures, table, survival, attacked = map(staticmethod, (pictures, table, survival, attacked))

    @staticmethod
    def random(seed=0):
        return np.random.default_rng(seed)

    def bank(self):
        random = self.random()
        return Report(results(random), ANSWERS, {"seed": 7}), context(payments(random))

    def full(self):
        """All that scores and runs may add to a page."""
        random = self.random()
        made = payments(random)
        found = {**results(random), **rich(random, made)}
        return Report(found, ANSWERS, {"seed": 7, "gate": GATE, "casts": CASTS}), context(made)

    def several(self, count=3):
        """As many reports on the same source, each worse than the one before."""
        out = {}
        for i in range(count):
            random = self.random(i)
            made = payments(random)
            found = {**results(random), **rich(random, made, excess=0.02 + 0.09 * i)}
            worse = {
                n: dataclasses.replace(
                    r,
                    value=r.value + 0.1 * i * r.value,
                    interval=tuple(bound + 0.1 * i * r.value for bound in r.interval),
                )
                if r.counts_as_fidelity and r.value is not None
                else r
                for n, r in found.items()
            }
            out[f"generator {i + 1}"] = Report(
                worse, ANSWERS, {"seed": 7, "gate": GATE} if i else {"seed": 7}
            )
        return out

    def hostile(self):
        """Names that try to leave their place, and texts that fonts and encodings choke on."""
        random = self.random()
        names = (
            "<script>alert(1)</script>",
            "שם\u202eהחשבון",
            "💶 $amount_{x}$ 💶",
            "a\x00b\ud800c",
            "=cmd()&<b>",
            "x" * 400,
            '"\' onload="x',
        )
        columns = [
            column(random, n, "category" if i % 2 else "continuous", levels=names)
            for i, n in enumerate(names)
        ]
        made = payments(random)
        schema = made.schema.with_columns(
            [*made.schema.columns, *(Column(n, "continuous", reason=n) for n in names)]
        )
        told = context(
            made,
            title=names[0],
            schema=schema,
            source={"name": names[0], "rows": 3, "entities": 1, "files": list(names)},
            notes=[Note("x", names[0], names[2])],
            unsuitable=list(names),
            job={names[0]: names[3]},
            constraints=[
                {"sentence": n, "name": "rows", "columns": [n], "real": 1.0, "synthetic": 0.5} for n in names
            ],
        )
        answers = (Answer("faithful", "poor", names[0], 1.0, None, names[2]), *ANSWERS[1:])
        found = {**results(random, columns, codes=names), **rich(random, made, names)}
        gate = {"title": names[0], "passed": True, "rules": [{**r, "score": names[4]} for r in GATE["rules"]]}
        casts = [{**c, "column": n, "from": n, "to": n} for c, n in zip(CASTS, names, strict=False)]
        return Report(found, answers, {"gate": gate, "casts": casts}), told


@pytest.fixture(scope="session")
def examples() -> Examples:
    return Examples()


@pytest.fixture(scope="session")
def pages(examples) -> dict[str, str]:
    """The page of each example, made once."""
    return {name: render_page(*getattr(examples, name)()) for name in ("bank", "full", "hostile")}

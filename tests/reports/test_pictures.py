"""Pictures that any score asks for: all kinds are drawn, and what is malformed is told, never fatal."""

from __future__ import annotations

import copy
import html
import math
import re
from itertools import pairwise

import numpy as np
import pytest

from tsynth.reports import render_page
from tsynth.reports.behind import panels
from tsynth.reports.pictures import LARGEST, pictures
from tsynth.scores.base import Result
from tsynth.scores.report import Report

LINES = {
    "kind": "lines",
    "title": "T",
    "x": [1, 2, 3],
    "real": [0.1, None, 0.2],
    "synthetic": [0.3, 0.4, 0.5],
}


def texts(svg):
    return [html.unescape(t) for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_every_kind_is_drawn(examples):
    wanted = [*examples.pictures(examples.random())[:7], examples.table()]
    drawn, said = pictures("score", wanted)
    assert said == []
    assert [p.title for p in drawn] == [w["title"] for w in wanted]
    assert all(p.svg.startswith("<svg") for p in drawn[:-1])
    assert all("nan" not in p.svg and len(p.svg) < LARGEST for p in drawn)
    assert drawn[-1].table.columns == ("region", "gap", "real", "rows")
    assert drawn[-1].table.rows[0] == ("north", "0.123", "–", "12")
    assert drawn[-1].table.numeric == (False, True, True, True)


def test_a_staircase_keeps_its_value_up_to_the_next_place(examples):
    """A line would fall in slopes; a staircase has only level and upright strokes."""
    drawn, _ = pictures("s", [{**examples.survival("north"), "real": None}])
    path = max(re.findall(r'd="([^"]*)"', drawn[0].svg), key=len)
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)]
    assert len(points) > 20
    slopes = [abs(a[0] - b[0]) > 0.3 and abs(a[1] - b[1]) > 0.3 for a, b in pairwise(points)]
    assert not any(slopes)


def test_axis_of_shares_ends_at_one():
    drawn, _ = pictures("s", [{**LINES, "shares": True}])
    assert "100 %" in texts(drawn[0].svg)


def test_long_lists_are_thinned_and_stay_small():
    many = list(range(50_000))
    walk = np.sin(np.arange(50_000)).tolist()
    cells = {"kind": "histogram", "title": "H", "edges": list(range(1001)), "real": [0.001] * 1000,
             "synthetic": [0.001] * 1000}  # fmt: skip
    bars = {"kind": "bars", "title": "B", "levels": [f"code {i}" for i in many[:900]], "real": [1 / 900] * 900,
            "synthetic": [1 / 900] * 900}  # fmt: skip
    drawn, said = pictures("s", [{**LINES, "x": many, "real": walk, "synthetic": walk}, cells, bars])
    assert said == []
    assert max(len(p.svg) for p in drawn) < LARGEST


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (None, "it is no mapping"),
        ({}, "no kind of picture ''"),
        ({"kind": ["lines"]}, "no kind of picture"),
        ({"kind": "pie", "title": "P"}, "P: not drawn, there is no kind of picture 'pie'"),
        ({**LINES, "x": [1, 2]}, "x has 2 entries where 3 are needed"),
        ({**LINES, "real": "abc"}, "real is no list"),
        ({**LINES, "synthetic": ["a", "b", "c"]}, "synthetic holds 'a', which is no number"),
        ({**LINES, "synthetic": [None] * 3, "real": None}, "there is nothing to show"),
        ({**LINES, "x": [math.nan] * 3}, "there is nothing to show"),
        ({**LINES, "x": ["a", "b", "c"], "dates": True}, "its numbers cannot be read"),
        ({"kind": "histogram", "edges": [0, 2, 1], "real": [1, 0], "synthetic": [1, 0]}, "edges do not rise"),
        ({"kind": "histogram", "edges": [], "real": [], "synthetic": []}, "edges has 0 entries where 1 are"),
        ({"kind": "bars", "levels": [], "real": [], "synthetic": []}, "there is nothing to show"),
        ({"kind": "ranking", "names": ["a"], "values": [math.inf]}, "there is nothing to show"),
        ({"kind": "table", "columns": ["a"], "rows": [[1, 2]]}, "a row has 2 entries where 1 are needed"),
        ({"kind": "table", "columns": ["a"], "rows": []}, "there is nothing to show"),
    ],
)
def test_what_cannot_be_drawn_is_told_and_the_rest_is_drawn(picture, why):
    drawn, said = pictures("s", [picture, LINES])
    assert [p.title for p in drawn] == ["T"]
    assert len(said) == 1
    assert why in said[0]


@pytest.mark.parametrize("wanted", [None, [], {}, "abc", 7])
def test_no_list_is_no_picture(wanted):
    assert pictures("s", wanted)[0] == []


@pytest.mark.parametrize("odd", [10**400, -1e308, "x", None])
def test_no_value_anywhere_stops_a_page(examples, odd):
    """Each list of each picture gets the odd value in its first place; each other key in place of its value."""
    for picture in [*examples.pictures(examples.random())[2:], examples.table(), examples.survival("a")]:
        for key in picture:
            if isinstance(picture[key], list):
                bent = copy.deepcopy(picture)
                bent[key][0] = odd
                pictures("s", [bent])
            elif isinstance(odd, str) and key != "kind":
                pictures("s", [{**picture, key: odd}])


def test_names_are_escaped():
    name = "<script>alert(1)</script>"
    bars = {
        "kind": "bars",
        "title": name,
        "caption": name,
        "levels": [name],
        "real": [1.0],
        "synthetic": [1.0],
    }
    table = {"kind": "table", "title": name, "columns": [name], "rows": [[name]]}
    score = Result("x", name, name, "fidelity", value=0.1, floor=0.1, curve={"pictures": [bars, table]})
    page = render_page(Report({"x": score}), _bare(name))
    assert "<script" not in page.lower()


def test_survival_stands_in_the_look_and_not_behind_its_score(pages, examples):
    page = pages["full"]
    look = page[page.index('id="look"') : page.index('id="scores"')]
    assert "Who is left, and when" in look
    assert "Arm north" in look
    assert "Arm north" not in page[page.index('id="scores"') :]
    curve = {"pictures": [examples.survival("a"), examples.table()]}
    drawn, _ = panels(Result("survival_curve", "S", "?", "fidelity", value=0.1, curve=curve))
    assert [p.title for p in drawn] == ["By region"]


def test_roc_of_an_attack_is_drawn_once():
    curve = {"attacker": "Knows all.", "roc": {"false": [0, 1], "true": [0, 1]}, "pictures": [LINES]}
    drawn, _ = panels(Result("attack", "A", "?", "privacy", value=0.1, curve=curve))
    assert [p.title for p in drawn] == ["T"]


def test_a_page_has_room_for_so_many_pictures(monkeypatch):
    """What finds no room is said; the room, with all else on a page at its largest, keeps it under 3 MB."""
    monkeypatch.setattr("tsynth.reports.scoring.ROOM", 25_000)
    walk = np.random.default_rng(0).normal(size=400).tolist()
    large = {**LINES, "x": list(range(400)), "real": walk, "synthetic": walk[::-1]}
    found = {
        f"score_{i}": Result(
            f"score_{i}", f"Score {i}", "?", "fidelity", value=0.1, curve={"pictures": [large]}
        )
        for i in range(6)
    }
    page = render_page(Report(found), _bare())
    assert 0 < page.count("found no room in this page") < 6
    assert sum(len(p.encode()) for p in re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)) < 40_000


def _bare(name="x"):
    from tsynth.data.schema import Column, Schema
    from tsynth.reports import Context

    return Context(title=name, source={}, generator={}, run={}, schema=Schema((Column("v"),)))

"""Several generators on one page: placed, answered, side by side, the best not by colour alone."""

from __future__ import annotations

import dataclasses
import html
import re
from itertools import pairwise

import pytest

from tsynth.errors import UsageError
from tsynth.reports import render_comparison
from tsynth.reports.comparison import _best
from tsynth.reports.plane import Place, plane
from tsynth.scores.base import Result
from tsynth.scores.report import Report


@pytest.fixture(scope="module")
def made(examples):
    return examples.several(3)


def render(examples, reports):
    context = examples.bank()[1]
    return render_comparison(reports, "Bank transactions", context.source, context.run)


def test_it_says_who_is_closest_and_who_gives_the_source_away(examples, made):
    page = render(examples, made)
    head = page[: page.index('id="answers"')]
    assert "generator 1 stands closest to the source, at" in head
    assert "On the rows of generator 2 and generator 3 an attack gets further" in head
    assert "a copy of the training rows" in head


def test_every_generator_is_on_the_picture_and_in_the_tables(examples, made):
    page = render(examples, made)
    picture = re.search(r"<svg viewBox.*?</svg>", page[page.index('class="plane"') :], re.DOTALL)[0]
    for name in made:
        assert name in picture
        assert page.count(name) >= 4
    assert "held-out real rows" in picture
    assert "a copy" in picture
    assert "1 of 2 thresholds is not met" in page


def test_the_best_is_marked_by_a_sign(examples, made):
    page = render(examples, made)
    row = next(line for line in page.splitlines() if ">Judge of raw sequences<" in line)
    cells = re.findall(r'<td( class="best")? data-label="([^"]*)"', row)
    assert cells == [(' class="best"', "generator 1"), ("", "generator 2"), ("", "generator 3")]
    assert row.count("◆") == 1


def test_what_chance_explains_is_not_ranked():
    def known(value, low, high):
        return Result("s", "S", "?", "fidelity", value=value, floor=0.1, interval=(low, high))

    assert _best({"a": known(0.2, 0.05, 0.15), "b": known(0.5, 0.35, 0.45)}) == {"a"}
    assert _best({"a": known(0.2, 0.05, 0.15), "b": known(0.22, 0.07, 0.17)}) == {"a", "b"}
    assert _best({"a": known(0.2, 0.05, 0.15)}) == set()


def test_from_two_to_eight(examples):
    assert len(render(examples, examples.several(2))) < len(render(examples, examples.several(8))) < 3_000_000
    for count in (1, 9):
        with pytest.raises(UsageError, match=f"{count} generators"):
            render(examples, examples.several(count))


def test_labels_of_generators_in_one_place_do_not_touch():
    places = [Place(f"generator {i}", 2.0 + 0.01 * i, 0.1, (0.05, 0.15)) for i in range(8)]
    svg = plane("k", places, (0.5, 0.9))
    found = re.findall(r'<text[^>]*? x="([\d.]+)" y="([\d.]+)"[^>]*>(generator \d)</text>', svg)
    assert len(found) == 8
    spots = sorted((float(y), float(x)) for x, y, _ in found)
    near = [b[0] - a[0] < 11 and abs(b[1] - a[1]) < 60 for a, b in pairwise(spots)]
    assert not any(near)


@pytest.mark.parametrize("kept", [(), ("marginals",), ("nearest", "exact_rows")])
def test_what_was_not_measured_is_said(examples, made, kept):
    few = {
        name: dataclasses.replace(report, results={n: r for n, r in report.items() if n in kept}, answers=())
        for name, report in made.items()
    }
    page = render(examples, few)
    assert "was not measured" in page
    assert "nan" not in page


def test_where_one_cannot_say_the_others_stand(examples, made):
    first = made["generator 1"]
    silent = Result("lengths", "Lengths", "?", "fidelity", status="cannot say", reason="no rows")
    bent = {**made, "generator 1": dataclasses.replace(first, results={**first.results, "lengths": silent})}
    page = render(examples, bent)
    assert ">cannot say<" in page


def test_names_are_escaped_and_the_bytes_are_the_same(examples, made):
    names = ["<script>alert(1)</script>", "a\u202eb", "x" * 300]
    reports = dict(zip(names, made.values(), strict=True))
    page = render(examples, reports)
    assert "<script" not in page.lower()
    assert html.escape(names[0]) in page
    assert page == render(examples, reports)
    with pytest.raises(UsageError, match="same name"):
        render(examples, {"a\x00": Report({}), "a\x01": Report({})})
    assert re.findall(r"\w+://|url\((?!#)|@import|src=", page) == []

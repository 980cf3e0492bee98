"""Groups, attacks, the gate, casts, examples and questions that were out of place: said where the reader looks."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tsynth.reports import render_card, render_page
from tsynth.reports.examples import examples as examples_of
from tsynth.reports.examples import plainest
from tsynth.reports.gate import gate
from tsynth.reports.making import casts
from tsynth.reports.risks import attack, fairness
from tsynth.reports.scoring import scores
from tsynth.scores.base import Result
from tsynth.scores.report import Report


def section(page, name):
    return page[page.index(f'id="{name}"') :].split("</section>")[0]


# --- groups ------------------------------------------------------------------------------------------------


def test_groups_stand_as_the_score_names_them_and_small_ones_are_flagged(pages, examples):
    risks = section(pages["full"], "risks")
    table = risks[risks.index("Who is there") :]
    assert table.index("north") < table.index("south") < table.index("east") < table.index("small cell")
    assert table.count("▲ small cell") == 1
    found = fairness(examples.full()[0])[0]
    assert found["columns"] == [
        "entities real",
        "entities synthetic",
        "gap",
        "floor",
        "share real",
        "share synthetic",
    ]
    assert found["rows"][2]["cells"][3] == ("floor", "–")
    assert found["rows"][0]["cells"][4] == ("share real", "40 %")


def test_what_cannot_be_said_of_groups_is_gathered(examples):
    silent = Result("r", "Likeness", "?", "fairness", status="cannot say", reason="the groups are too small")
    risks = section(render_page(Report({"r": silent}), examples.bank()[1]), "risks")
    assert "Not measured by group" in risks
    assert "<li>Likeness: the groups are too small</li>" in risks
    assert "<h3>Likeness</h3>" not in risks


@pytest.mark.parametrize("groups", [None, 7, [], [None], [{}], [{"name": "a", "gap": "b", "entities": 3}]])
def test_any_groups_can_be_told(examples, groups):
    score = examples.result("r", "R", "fairness", 0.1, 0.1, 0.1, curve={"groups": groups, "columns": None})
    assert len(fairness(Report({"r": score}))) == 1


# --- attacks -----------------------------------------------------------------------------------------------


def test_an_attack_is_told_with_its_floor(pages):
    risks = section(pages["full"], "risks")
    row = next(line for line in risks.splitlines() if "Membership by density" in line)
    words = re.sub(r"<[^>]+>", " ", row)
    for said in ("Knows a whole record", "0.51", "0.471 to 0.551", "0.501", "1.62", "real 1.2"):
        assert said in words
    assert "better than guessing" not in words


def test_an_attack_above_chance_is_flagged_in_words(examples):
    found = examples.attacked(examples.random(), "m", "M", 0.6, "Knows all.")
    assert attack(found)["above"]
    page = render_page(Report({"m": found}), examples.bank()[1])
    assert "▼ better than guessing." in section(page, "risks")


def test_floor_of_an_attack_is_taken_from_its_gap(examples):
    """A gap is 2 AUC - 1, so that 0.002 is an AUC of 0.501."""
    found = examples.attacked(examples.random(), "m", "M", 0.6, "Knows all.")
    bare = dataclasses.replace(found, curve={k: v for k, v in found.curve.items() if k != "control"})
    assert attack(bare)["control"] == "0.501"


def test_rates_that_rest_on_nobody_are_passed_over(examples):
    found = examples.attacked(examples.random(), "m", "M", 0.6, "Knows all.")
    rates = [
        {"false_positive_rate": 0.01, "rate": None, "interval": None},
        {"false_positive_rate": 0.05, "rate": 0.2, "interval": [0.1, 0.3]},
    ]
    told = attack(dataclasses.replace(found, curve={**found.curve, "true_positive_rate": rates}))
    assert told["hits"] == ("20 %, at 5 % accused", "10 % to 30 %")
    for odd in (None, 3, [None], [{"rate": 1}], rates[:1]):
        told = attack(dataclasses.replace(found, curve={**found.curve, "true_positive_rate": odd}))
        assert told["hits"] == ("–", "")


# --- the gate, casts, statuses -----------------------------------------------------------------------------


def test_the_gate_stands_on_the_first_screen_in_words(pages, examples):
    page = pages["full"]
    first = page[: page.index("The worst gaps")]
    assert "✕" in first
    assert re.search(r"failed</span>\s*<b><bdi>Publication</bdi>:</b> 1 of 2 thresholds is not met", first)
    assert first.index("Judge of raw sequences") < first.index("Exact rows")  # the failed rule comes first
    assert "**Publication: failed**" in render_card(*examples.full())
    assert "Publication" not in pages["bank"]


@pytest.mark.parametrize("told", [None, {}, {"rules": None}, {"rules": [None, {}], "passed": True}, 3, []])
def test_any_gate_can_be_told(examples, told):
    report, context = examples.bank()
    render_page(dataclasses.replace(report, meta={"gate": told, "casts": told}), context)
    assert (gate(Report({}, (), {"gate": told})) is None) == (not isinstance(told, dict))


def test_casts_are_told_and_lost_cells_come_first(pages, examples):
    made = section(pages["full"], "made")
    assert "Read as the training rows are" in made
    assert "▼ 3" in made
    assert [c["column"] for c in casts(examples.full()[0])] == ["amount", "sex"]


def test_what_does_not_apply_is_gathered_apart(pages, examples):
    page = section(pages["full"], "scores")
    assert "Not asked of such data: Returns" in page
    assert "no column holds prices" in page
    assert 'id="score-returns"' not in page
    assert 'id="score-time-goes-back"' in page  # it cannot say, which is another matter
    strips = scores(examples.full()[0])
    assert strips.unasked == [("Returns", "no column holds prices")]
    card = render_card(*examples.full())
    assert "Not asked of such data: Returns (no column holds prices)." in card


# --- examples ----------------------------------------------------------------------------------------------


def test_the_most_plainly_synthetic_are_drawn_with_what_gave_them_away(pages):
    look = section(pages["full"], "look")
    plain = look[look.index("Most plainly synthetic") :]
    assert plain.count("<figure") == 4
    assert "Judge of raw sequences: 99" in plain
    assert "Its mean north is 310" in plain
    assert "Most plainly synthetic" not in pages["bank"]


def test_a_judge_that_guesses_names_nobody(examples):
    report, context = examples.full()
    assert plainest(report.values(), context.synthetic)
    guessing = [dataclasses.replace(r, interval=(-0.01, 0.02)) for r in report.values()]
    assert plainest(guessing, context.synthetic) == []


@pytest.mark.parametrize("odd", [None, 3, [None], [{"probability": 2.0}], [{"probability": None}], ["a"]])
def test_examples_that_cannot_be_read_are_left_out(odd):
    score = Result("j", "J", "?", "fidelity", value=0.1, curve={"examples": odd})
    assert examples_of(score) == []

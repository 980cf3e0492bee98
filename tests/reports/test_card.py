from __future__ import annotations

import re

from tsynth.reports import render_card


def test_card_says_what_the_page_says(examples):
    card = render_card(*examples.bank())
    assert card.startswith("# Bank transactions (synthetic)\n")
    assert "This release falls short: it is not faithful." in card
    assert "1. After a salary" in card
    assert "| interest falls on the last day of a month | 99.8 % | 41 % | lost in part |" in card
    assert "    tsynth run trans_1993-01_1994-03.parquet" in card
    assert card == render_card(*examples.bank())


def test_card_escapes_names(examples):
    card = render_card(*examples.hostile())
    assert "<" not in card
    assert re.findall(r"^# .*", card, flags=re.MULTILINE) == [
        "# &lt;script&gt;alert(1)&lt;/script&gt; (synthetic)"
    ]
    card.encode("utf-8")


def test_tables_stay_tables(examples):
    report, context = examples.bank()
    schema = context.schema.with_columns([c for c in context.schema]).edit("amount", unit="a|b\nc")
    card = render_card(report, type(context)(**{**vars(context), "schema": schema}))
    row = next(line for line in card.splitlines() if line.startswith("| amount "))
    assert len(re.findall(r"(?<!\\)\|", row)) == 5

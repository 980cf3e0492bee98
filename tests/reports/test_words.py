from __future__ import annotations

import math

import pytest

from tsynth.reports.words import clean, count, duration, ems, number, share, shorten, slug


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.03124, "0.0312"), (3.4149, "3.41"), (999.6, "1,000"), (123456, "123,000"), (-0.5, "−0.5"),
        (4.5e9, "4.5 × 10⁹"), (1e-7, "10⁻⁷"), (1e300, "10³⁰⁰"), (math.nan, "–"), (None, "–"),
        ("x", "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.4567, "45.7 %"),
        (0.99999, ">99.9 %"),
        (0.9991, "99.9 %"),
        (1e-6, "<0.01 %"),
        (None, "–"),
    ],
)
def test_share_never_claims_all_or_nothing(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.42 s"), (41.3, "41 s"), (240, "4 min"), (5400, "1.5 h"), (2e5, "2.3 days")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_count_leaves_text_alone():
    assert (count(49102), count("about 10"), count(None)) == ("49,102", "about 10", "–")


def test_clean_takes_out_what_a_page_cannot_carry():
    assert clean("a\x00b\ud800c\u202ed\te") == "a\ufffdb\ufffdc\ufffdd\te"
    assert clean("שלום 💶") == "שלום 💶"
    assert clean(None) == ""


def test_shorten_measures_wide_letters():
    assert shorten("abc", 9) == "abc"
    assert shorten("金" * 30, 8).endswith("…")
    assert ems(shorten("金" * 30, 8)) <= 8
    assert shorten("a\nb", 9) == "a b"


def test_slug_is_an_identifier():
    assert slug("Rows & <b>") == "rows-b"
    assert slug("金") == "x"

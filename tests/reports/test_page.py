"""The page: escaped, self-contained, the same bytes, honest where little is known."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tsynth.reports import Context, render_page
from tsynth.reports.figures import histogram
from tsynth.reports.look import COLUMNS
from tsynth.reports.sections import headline
from tsynth.scores.base import Result
from tsynth.scores.report import Answer, Report

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(html.parser.HTMLParser):
    """Every element that the page opens, its attributes, and whether all are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_page_is_whole_and_runs_nothing(pages):
    for page in pages.values():
        reader = Reader(page)
        assert {tag for tag, _ in reader.elements}.isdisjoint(
            {"script", "iframe", "object", "embed", "form", "img"}
        )
        names = {name for _, attributes in reader.elements for name in attributes}
        assert not [name for name in names if name.startswith("on")]
        ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = [a["href"] for _, a in reader.elements if "href" in a]
        assert all(link == "data:," or link.removeprefix("#") in ids for link in links)
        assert all(name in ids for name in re.findall(r"url\(#([^)]+)\)", page))


def test_policy_stands_before_anything_it_governs(pages):
    page = pages["bank"]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert page.index(f'<meta http-equiv="Content-Security-Policy" content="{policy}">') < page.index(
        "<style"
    )


def test_no_address_outside_the_page(pages):
    assert re.findall(r"\w+://|url\((?!#)|@import|src=", pages["bank"]) == []


def test_names_are_escaped_everywhere(pages):
    page = pages["hostile"]
    assert "<script" not in page.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x00" not in page
    assert "\u202e" not in page
    page.encode("utf-8")
    assert "$amount_{x}$" in page  # not taken for mathematics


def test_escaping_would_be_missed(pages):
    """A planted fault: without escaping the checks above fail."""
    page = pages["bank"]
    planted = page.replace("Bank transactions", "<script>alert(1)</script>")
    assert any(tag == "script" for tag, _ in Reader(planted).elements)


def test_pictures_are_small(pages):
    page = pages["bank"]
    pictures = re.findall(r"<svg viewBox.*?</svg>", page, flags=re.DOTALL)
    assert len(pictures) > 20
    assert max(len(p.encode()) for p in pictures) < 60_000
    assert len(page.encode()) < 3_000_000


def test_colours_are_left_to_the_style_sheet(pages):
    body = pages["bank"].split("</style>")[1]
    assert re.findall(r"(?:fill|stroke): ?#[0-9a-f]{3,6}", body) == []


def test_same_input_same_bytes(examples, pages):
    assert render_page(*examples.bank()) == pages["bank"]


@pytest.mark.source
def test_same_bytes_in_another_process(examples, repository, tmp_path):
    code = (
        "import importlib.util, hashlib, pathlib\n"
        f"spec = importlib.util.spec_from_file_location('c', {str(repository / 'tests/reports/conftest.py')!r})\n"
        "c = importlib.util.module_from_spec(spec); spec.loader.exec_module(c)\n"
        "from tsynth.reports import render_page\n"
        "print(hashlib.sha256(render_page(*c.Examples().bank()).encode()).hexdigest())\n"
    )
    found = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        variables = {"PYTHONHASHSEED": seed, "TZ": zone, "MPLCONFIGDIR": str(tmp_path), "PATH": "/usr/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_import_is_cheap():
    code = "import json, sys, tsynth.reports; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"jinja2", "matplotlib", "sklearn", "numba"}.isdisjoint(json.loads(done.stdout))


def test_settings_of_matplotlib_are_left_as_they_were(examples, pages):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.facecolor": "#123456", "svg.fonttype": "path"}):
        page = render_page(*examples.bank())
        assert mpl.rcParams["axes.facecolor"] == "#123456"
    assert dict(mpl.rcParams) == before
    assert page == pages["bank"]


# --- what it says ------------------------------------------------------------------------------------------


def test_verdict_comes_before_the_pictures(pages):
    page = pages["bank"]
    assert page.index("SYNTHETIC") < page.index("falls short: it is not faithful") < page.index("3.41")
    assert page.index("3.41") < page.index("After a salary") < page.index('id="look"')


@pytest.mark.parametrize(
    ("levels", "level", "words"),
    [
        (("good", "good", "good"), "good", "It holds up: faithful, useful and private"),
        (("good", "fair", "good"), "fair", "it is useful only in part"),
        (("poor", "good", "poor"), "poor", "it is not faithful and not private"),
        (("good", "cannot say", "good"), "good", "Whether it is useful cannot be said"),
        (("cannot say",) * 3, "cannot say", "Too little was measured"),
    ],
)
def test_headline(levels, level, words):
    questions = ("faithful", "useful", "private")
    found = headline(Report({}, tuple(Answer(q, lv, "") for q, lv in zip(questions, levels, strict=True))))
    assert found.level == level
    assert words in found.text


def test_numbers_have_three_digits(pages):
    text = " ".join(Reader(pages["bank"]).texts)
    assert "3.41" in text
    assert "3.412" not in text
    assert "0.123456" not in text


def test_scores_stand_by_excess_over_the_floor(pages):
    page = pages["bank"]
    order = re.findall(r'id="score-([\w-]+)"', page)
    fidelity = [n for n in order if n in ("classifier-rows", "transitions", "autocorrelation", "lengths")]
    assert fidelity == ["classifier-rows", "transitions", "autocorrelation", "lengths"]


def test_what_cannot_be_said_is_said(pages):
    page = pages["bank"]
    row = page[page.index('id="score-time-goes-back"') :]
    assert "cannot say" in row[:600]
    assert "fewer than 20 entities are left." in row[:900]


def test_lost_rules_come_first_and_are_flagged(pages):
    page = pages["bank"]
    table = page[page.index('id="structure"') : page.index('id="scores"')]
    assert table.index("interest falls") < table.index("balance = balance before")
    assert table.count("lost in part") == 1


def test_extremes_of_the_source_stay_out(pages):
    assert "87400" not in pages["bank"].replace(",", "")


def test_small_cells_are_flagged(examples):
    report, context = examples.bank()
    assert context.synthetic is not None
    few = context.synthetic.take(np.arange(8))
    assert "small cell" in render_page(report, dataclasses.replace(context, synthetic=few))


# --- little or much ------------------------------------------------------------------------------------------


def test_sixty_columns_make_24_panels_and_a_table(examples):
    random = examples.random()
    columns = [examples.column(random, f"column {i:02d}") for i in range(60)]
    report = Report(examples.results(random, columns), examples.answers)
    page = render_page(report, examples.bank()[1])
    look = page[page.index('id="look"') : page.index("<h3>In time")]
    assert look.count("<figure") == COLUMNS == 24
    assert "The other 36 columns" in look
    assert look.index("column 23") < look.index("The other 36") < look.index("column 24")
    assert len(page.encode()) < 3_000_000


def test_nothing_could_be_measured(examples):
    results = {
        n: Result(
            name=n,
            title=n,
            question="?",
            group="fidelity",
            status="cannot say",
            reason="there is no holdout.",
        )
        for n in ("marginals", "calendar", "lengths", "transitions")
    }
    answers = tuple(
        Answer(q, "cannot say", "There is no holdout.") for q in ("faithful", "useful", "private")
    )
    page = render_page(Report(results, answers), examples.bank()[1])
    assert "Too little was measured" in page
    assert page.count("there is no holdout.") >= 4


def test_report_without_anything(examples):
    context = examples.bank()[1]
    bare = Context(title="x", source={}, generator={}, run={}, schema=context.schema)
    page = render_page(Report({}), bare)
    assert "No score was asked for" in page
    assert "There is nothing to draw" in page
    Reader(page)


def test_scores_without_reference_numbers(examples):
    known = Result(name="gaps", title="Gaps", question="?", group="fidelity", value=0.2)
    assert "0.2" in render_page(Report({"gaps": known}), examples.bank()[1])


@pytest.mark.parametrize("value", [0.0, 1e-9, 250.0])
def test_strip_takes_any_size(examples, value):
    known = examples.result("gaps", "Gaps", "fidelity", value, 0.1, 0.0, interval=(-0.2, value))
    page = render_page(Report({"gaps": known}), examples.bank()[1])
    places = [float(p) for p in re.findall(r'(?:cx|x1|x2|x)="([\d.]+)%"', page)]
    assert places
    assert min(places) >= 0
    assert max(places) <= 100


@pytest.mark.parametrize(
    "edges",
    [
        [0.0, 0.0],
        [5.0, 5.0, 5.0],
        [0.0, 0.0, 1.0, 1.0],
        [-1e300, 0.0, 1e300],
        [1e-310, 2e-310, 3e-310],
        [0.0, 1.0],
        [-5.0, -5.0, -1.0, 0.0, 0.0, 3.0, 1e6],
    ],
)
def test_any_cells_can_be_drawn(examples, edges):
    curve = examples.histogram(examples.random(), edges)
    for log in (None, True, False):
        picture = histogram("key", "label", curve, log)
        assert "nan" not in picture
        assert "inf" not in picture


def test_curves_with_unknown_cells(examples):
    random = examples.random()
    column = examples.column(random, "x")
    column["real"] = [None] * len(column["real"])
    bars = {**examples.column(random, "y", "category"), "real": [None] * 7}
    page = render_page(Report(examples.results(random, [column, bars])), examples.bank()[1])
    assert "nan" not in re.findall(r'd="[^"]*"', page)

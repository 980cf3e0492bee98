"""The look with real rows: outside of releases, marked everywhere, the blind sheet blind."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter

import pytest

from tsynth.errors import UsageError
from tsynth.reports import write_private_look


@pytest.fixture(scope="module")
def made(examples, tmp_path_factory):
    report, context = examples.full()
    real = [examples.payments(examples.random(seed)) for seed in (1, 2)]
    folder = tmp_path_factory.mktemp("private") / "new"
    page = write_private_look(folder, report, context, *real, context.synthetic)
    return folder, page, (report, context, *real, context.synthetic)


def test_every_file_and_page_is_marked(made):
    folder, page, _ = made
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"NOT-FOR-RELEASE-{n}" for n in ("blind-key.csv", "blind-sheet.html", "look.html")]
    assert page.name == "NOT-FOR-RELEASE-look.html"
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<title>NOT FOR RELEASE" in text
        assert text.count("NOT FOR RELEASE") >= 3
        assert "default-src 'none'" in text


def test_real_stands_beside_synthetic_and_the_plainest_follow(made):
    text = made[1].read_text(encoding="utf-8")
    assert text.count('class="pair"') == 8
    assert text.count("A real sequence of") == text.count("<b>Real ") == 8
    assert text.index("Most plainly synthetic") < text.index("Judge of whole sequences: 99")


def test_the_blind_sheet_tells_nothing(made):
    folder, *_ = made
    text = (folder / "NOT-FOR-RELEASE-blind-sheet.html").read_text(encoding="utf-8")
    key = list(csv.DictReader((folder / "NOT-FOR-RELEASE-blind-key.csv").read_text("utf-8").splitlines()))
    assert Counter(row["is"] for row in key) == {"real": 12, "synthetic": 12}
    assert [row["drawing"] for row in key] == [str(i) for i in range(1, 25)]
    assert [row["is"] for row in key] != sorted(row["is"] for row in key)
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    assert len(figures) == 24
    forms = {re.sub(r"\d+|<path.*?/>|<use.*?/>|<defs>.*?</defs>|<g[^>]*>|</g>|\s", "", f) for f in figures}
    assert (
        len({re.sub(r"<text.*?</text>", "", f) for f in forms}) == 1
    )  # but for what is drawn they are the same
    assert "var(--real)" not in "".join(figures)
    assert "var(--synthetic)" not in "".join(figures)
    assert "17 or more in at most 1 of 20" in text  # of 24 by guessing: 0.032; 16 or more would be 0.076


def test_same_seed_same_order(made, tmp_path):
    folder, _, given = made
    write_private_look(tmp_path / "again", *given)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", [".", "private", "a/b"])
def test_a_release_is_refused(made, tmp_path, place):
    (tmp_path / "manifest.json").write_text(json.dumps({"kind": "tsynth release"}), encoding="utf-8")
    with pytest.raises(UsageError, match="lies in a release"):
        write_private_look(tmp_path / place, *made[2])
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_an_unfinished_release_and_any_manifest_are_refused(made, tmp_path):
    (tmp_path / "one" / ".work").mkdir(parents=True)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "manifest.json").write_text("damaged", encoding="utf-8")
    for name in ("one", "two"):
        with pytest.raises(UsageError, match="lies in a release"):
            write_private_look(tmp_path / name, *made[2])


def test_without_a_holdout_train_is_shown(made, tmp_path):
    report, context, train, _, synthetic = made[2]
    page = write_private_look(tmp_path, report, context, train, None, synthetic)
    assert "the rows that the generator learned from" in page.read_text(encoding="utf-8")


def test_few_long_sequences_are_cut(made, examples, tmp_path):
    report, context, _, _, synthetic = made[2]
    one = examples.payments(examples.random(3), entities=2)
    page = write_private_look(tmp_path, report, context, one, one, synthetic)
    text = page.read_text(encoding="utf-8")
    assert "each is cut into stretches of" in text
    assert text.count('class="pair"') == 8

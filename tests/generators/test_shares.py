"""Target shares are kept to the entity, whatever the parts; what cannot be kept is refused by name."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tsynth.data.sequences import concat
from tsynth.errors import UsageError
from tsynth.generators.point_process.markov_renewal import MarkovRenewal
from tsynth.generators.shares import Shares, apportion, parse_shares
from tsynth.generators.statistical.block_bootstrap import BlockBootstrap
from tsynth.testing.examples import cohort, panel


@pytest.fixture(scope="module")
def fitted():
    """A trial: four of five patients are women, half get the placebo."""
    return MarkovRenewal().fit(cohort())


def counted(made, *names):
    columns = [made.column(name).to_pylist() for name in names]
    return Counter(zip(*columns, strict=True))


def test_every_level_comes_back_as_often_as_its_share_says(fitted):
    made = fitted.sample(
        101, seed=3, shares={"sex": {"male": 0.5, "female": 0.5}, "drug": {"active": 2 / 3, "placebo": 1 / 3}}
    )
    assert counted(made, "sex") == {("male",): 51, ("female",): 50}
    assert counted(made, "drug") == {("active",): 67, ("placebo",): 34}
    both = counted(made, "sex", "drug")
    # independent columns: 34 of the 101 are expected to be active men; a draw without replacement has sd 2.4
    assert abs(both["male", "active"] - 34) < 10


def test_combinations_of_columns_have_shares_too(fitted):
    wanted = {("male", "placebo"): 0.25, ("female", "active"): 0.75}
    made = fitted.sample(40, shares={("sex", "drug"): wanted})
    assert counted(made, "sex", "drug") == {("male", "placebo"): 10, ("female", "active"): 30}


def test_parts_and_a_stream_equal_the_whole(fitted):
    shares = {"sex": {"male": 0.4}}
    whole = fitted.sample(60, seed=5, shares=shares)
    parts = concat(list(fitted.stream(60, seed=5, part=7, shares=shares)))
    assert whole.content_hash() == parts.content_hash()
    assert whole.content_hash() != fitted.sample(60, seed=6, shares=shares).content_hash()


def test_levels_without_a_share_keep_their_proportions():
    data = panel()
    many = data.take(np.arange(120) % 12)
    levels = np.repeat(["a", "b", "c", "d"], [60, 30, 20, 10])
    schema = many.schema.with_columns([*many.schema])
    made = _with_region(many, schema, levels)
    generator = MarkovRenewal().fit(made)
    drawn = generator.sample(600, seed=1, shares={"region": {"d": 0.45}})
    # what is left, 330, goes to a, b, c by 60 : 30 : 20
    assert counted(drawn, "region") == {("d",): 270, ("a",): 180, ("b",): 90, ("c",): 60}


def _with_region(data, schema, levels):
    import pyarrow as pa

    from tsynth.data.schema import Column

    region = Column("region", "category", static=True, dtype="string", levels=("a", "b", "c", "d"))
    ids = pa.array([f"item-{i}" for i in range(data.n_entities)])
    named = data.with_columns({"item": ids})
    return named.with_columns({"region": pa.array(levels)}, schema.with_columns([*schema, region]))


def test_rows_follow_the_level_that_was_asked_for():
    """The placebo group of this trial is planted to have four times the bilirubin."""
    import pyarrow as pa

    data = cohort(entities=200)
    sick = data.codes("drug") == data.schema["drug"].levels.index("placebo")
    level = data.numeric("bilirubin") * np.where(sick, 4.0, 1.0)[data.entity_of_row]
    generator = MarkovRenewal().fit(data.with_columns({"bilirubin": pa.array(np.round(level, 1))}))
    few, many = (
        np.mean(np.log(generator.sample(400, seed=2, shares={"drug": {"placebo": p}}).numeric("bilirubin")))
        for p in (0.05, 0.95)
    )
    # an entity's mean logarithm has sd .9, so the difference of two samples of 400 has a standard error of .064
    assert many - few > 4 * 0.064


def test_conditions_on_other_columns_go_with_shares(fitted):
    import pyarrow as pa

    given = pa.table({"drug": ["placebo"] * 8})
    made = fitted.sample(conditions=given, shares={"sex": {"male": 0.5, "female": 0.5}})
    assert counted(made, "sex", "drug") == {("male", "placebo"): 4, ("female", "placebo"): 4}
    with pytest.raises(UsageError, match="drug: is given by the conditions"):
        fitted.sample(conditions=given, shares={"drug": {"placebo": 1.0}})


WRONG = [
    ({"sex": {"mail": 0.5}}, "sex: level 'mail' never occurred; use one of female, male"),
    ({"sex": {"male": 0.7, "female": 0.7}}, "sex: shares add up to 1.4"),
    ({"sex": {"male": 0.7, "female": 0.2}}, "no other level is left"),
    ({"sex": {"male": -0.1}}, "the share of 'male' is -0.1"),
    ({"sex": {"male": float("nan")}}, "the share of 'male' is nan"),
    ({"sex": {"male": "half"}}, "the share of 'male' is 'half'"),
    ({"sex": {}}, "sex: shares are a mapping"),
    ({}, "shares is a mapping"),
    ({"age": {50: 1.0}}, "age: has no levels"),
    ({"bilirubin": {1: 1.0}}, "bilirubin: varies inside an entity"),
    ({"colour": {"red": 1.0}}, "no column is called 'colour'; static columns with levels are drug, sex"),
    ({("sex", "drug"): {("male", "placebo"): 0.5}}, "sex, drug: shares add up to 0.5"),
    ({("sex", "drug"): {"male": 1.0}}, "'male' does not name a level of each column"),
    ({"sex": {"male": 1.0}, ("sex", "drug"): {("male", "placebo"): 1.0}}, "sex: has shares twice"),
]


@pytest.mark.parametrize(("shares", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_shares_are_refused_by_name(fitted, shares, said):
    with pytest.raises(UsageError) as caught:
        fitted.sample(10, shares=shares)
    assert said in str(caught.value)


def test_shares_stand_beside_n_not_beside_rows(fitted):
    with pytest.raises(UsageError, match="rows stands in place of n, conditions and shares"):
        fitted.sample(rows=100, shares={"sex": {"male": 1.0}})


def test_a_generator_that_copies_series_refuses_shares():
    generator = BlockBootstrap().fit(panel())
    with pytest.raises(UsageError, match="block_bootstrap cannot keep target shares"):
        generator.sample(10, shares={"region": {"a": 1.0}})


def test_levels_may_be_written_as_text():
    from tsynth.data.schema import Column, Schema

    columns = (
        Column("id", "identifier", "entity", static=True, dtype="int64"),
        Column("district", "category", static=True, dtype="int64", levels=(3, 1, 2)),
        Column("member", "boolean", static=True, dtype="bool"),
    )
    given = {"district": {"1": 0.5, "2": 0.5}, "member": {"true": 0.25, "False": 0.75}}
    table = Shares.read(given, Schema(columns), None).draw(8, seed=0)
    assert Counter(table["district"].to_pylist()) == {1: 4, 2: 4}
    assert Counter(table["member"].to_pylist()) == {True: 2, False: 6}


def test_remainders_go_to_the_largest():
    # Hamilton's method by hand: quotas 4.7, 3.2, 2.1 -> 4, 3, 2 and one more to the first
    assert apportion(np.array([0.47, 0.32, 0.21]), 10).tolist() == [5, 3, 2]
    assert apportion(np.array([0.1] * 10), 10).tolist() == [1] * 10
    assert apportion(np.full(3, 1 / 3), 100).sum() == 100


def test_a_command_names_shares_column_by_column():
    found = parse_shares(["region=north:.5,south:0.5", "ratio=1:2:.25"])
    assert found == {"region": {"north": 0.5, "south": 0.5}, "ratio": {"1:2": 0.25}}


@pytest.mark.parametrize(
    "words", [["region"], ["=a:.5"], ["region="], ["region=north"], ["region=north:x"], ["r=a:.5,a:.5"]]
)
def test_words_that_are_no_shares_are_refused(words):
    with pytest.raises(UsageError, match="shares"):
        parse_shares(words)
    with pytest.raises(UsageError, match="each column once"):
        parse_shares(["r=a:.5", "r=b:.5"])

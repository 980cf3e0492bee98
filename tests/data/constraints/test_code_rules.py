from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsynth.compiled import codes as loops
from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.code_rules import FirstOnly, Once, OnlyAfter, Opens
from tsynth.data.constraints.evidence import halve
from tsynth.data.constraints.finding_codes import find_code_rules
from tsynth.data.constraints.masks import code_masks


def careers(sequences, seed=0, n=150, values=True):
    """Entities begin with "join", get "badge" once at most, "gold" only after "silver", and "gift" only at first."""
    random = np.random.default_rng(seed)
    ids, codes = [], []
    for i in range(n):
        # at the first moment "gift" may stand beside "join"
        own = ["join", *(["gift"] if i % 2 else [])]
        rest = random.choice(["post", "read", "vote", "silver", "gold"], random.integers(4, 14)).tolist()
        rest.insert(int(random.integers(0, len(rest))), "badge")
        if "silver" not in rest:
            rest = [c for c in rest if c != "gold"]
        else:
            at = rest.index("silver")
            rest = [c for k, c in enumerate(rest) if c != "gold" or k > at]
        own += rest
        ids += [i] * len(own)
        codes += own
    ids = np.array(ids)
    step = np.arange(len(ids)) - np.searchsorted(ids, ids)
    time = np.where(np.array(codes) == "gift", 0, step).astype(float)
    columns = {"id": ids, "time": time, "code": codes}
    if values:
        columns["x"] = random.normal(size=len(ids))
    return sequences(columns)


SENTENCES = {
    "every entity begins with code = join",
    "code = join comes at the beginning of an entity only",
    "code = gift comes at the beginning of an entity only",
    "code = badge comes once at most in an entity",
    "code = gold comes only with or after the first silver of an entity",
}


def found(data, seed=0):
    return find_code_rules(halve(data, seed, 0.995), [])


def nonsense(data, random):
    """The same rows with codes at random."""
    codes = random.choice(np.array(data.schema["code"].levels), data.n_rows)
    return data.with_columns({"code": pa.array(codes)})


class TestFinding:
    @pytest.mark.parametrize("values", [True, False])
    def test_each_rule_is_found(self, sequences, values):
        data = careers(sequences, values=values)
        rules = found(data)
        assert {rule.sentence() for rule in rules} == SENTENCES
        assert all(rule.share == 1.0 and rule.interval[0] > 0.9 for rule in rules)
        assert {rule.sentence() for rule in find(data)} >= SENTENCES

    def test_codes_in_another_order_give_none(self, sequences):
        data = careers(sequences)
        mixed = data.column("code").take(pa.array(np.random.default_rng(0).permutation(data.n_rows)))
        assert found(data.with_columns({"code": mixed})) == []

    def test_a_code_that_breaks_the_rule_now_and_then_is_passed_over(self, sequences):
        data = careers(sequences)
        codes = np.array(data.column("code").to_pylist(), dtype=object)
        last = data.offsets[1:] - 1
        codes[last[::10]] = "badge"  # a second badge in every tenth entity
        kept = {rule.sentence() for rule in found(data.with_columns({"code": pa.array(codes.tolist())}))}
        assert kept == SENTENCES - {"code = badge comes once at most in an entity"}

    def test_of_two_columns_that_say_the_same_the_rarer_code_is_named(self, sequences):
        data = careers(sequences)
        codes = np.array(data.column("code").to_pylist())
        kind = np.where(np.isin(codes, ["join", "post", "read"]), "usual", "other")
        rules = found(data.with_columns({"kind": pa.array(kind)}, _with_kind(data)))
        assert [r.sentence() for r in rules if isinstance(r, Opens)] == [
            "every entity begins with code = join"
        ]

    def test_what_stands_at_one_moment_has_no_order(self, sequences):
        random = np.random.default_rng(0)
        codes = np.full((160, 8, 3), "c")
        at = random.integers(0, 8, 160)
        codes[np.arange(160), at, 1] = "a"
        codes[np.arange(100), at[:100], 0] = "b"  # at the moment of a, but above it in the file
        data = {"id": np.repeat(np.arange(160), 24), "time": np.tile(np.repeat(np.arange(8.0), 3), 160)}
        data = sequences({**data, "code": codes.ravel().tolist(), "x": random.random(160 * 24)})
        said = {rule.sentence() for rule in found(data)}
        assert "code = b comes only with or after the first a of an entity" in said
        codes[:30, 0, 2] = "b"  # before a, in most of 30 entities
        said = {
            rule.sentence() for rule in found(data.with_columns({"code": pa.array(codes.ravel().tolist())}))
        }
        assert said == {"code = a comes once at most in an entity"}


def _with_kind(data):
    columns = [*data.schema.columns, replace(data.schema["code"], name="kind", levels=("other", "usual"))]
    return data.schema.with_columns(columns)


@pytest.fixture(scope="module")
def ruled(sequences):
    """Such entities with and without values beside the codes, and the rules that are found in them."""
    both = {values: careers(sequences, values=values) for values in (True, False)}
    return {values: (data, Constraints(found(data))) for values, data in both.items()}


class TestRestoring:
    @settings(max_examples=20)
    @given(st.integers(0, 10**6), st.booleans())
    def test_any_codes_are_put_right(self, ruled, seed, values):
        data, rules = ruled[values]
        assert rules.restore(rules.remove(data)) is data
        made = rules.restore(nonsense(data, np.random.default_rng(seed)))
        assert {rule.sentence(): rule.holds(made) for rule in rules} == dict.fromkeys(SENTENCES, 1.0)
        assert made.n_entities == data.n_entities
        if not values:  # codes alone: a row gets another code
            assert made.n_rows == data.n_rows

    def test_few_rows_change_where_few_are_wrong(self, sequences):
        data = careers(sequences, values=False)
        codes = np.array(data.column("code").to_pylist(), dtype=object)
        at = data.offsets[5] + 4
        codes[at] = "join"
        rules = Constraints(found(data))
        back = rules.restore(data.with_columns({"code": pa.array(codes.tolist())}))
        unlike = np.flatnonzero(np.array(back.column("code").to_pylist()) != codes)
        assert unlike.tolist() == [at]

    def test_the_first_row_comes_to_the_front_with_its_values(self, sequences):
        data = sequences({"id": [1, 1, 1], "time": [0.0, 2.0, 5.0], "code": ["a", "b", "c"], "x": [1, 2, 3]})
        swapped = Opens(columns=("code",), level="c").restore(data)
        assert swapped.column("x").to_pylist() == [3, 2, 1]
        assert swapped.time.tolist() == [0.0, 2.0, 5.0]
        moved = Opens(columns=("code", "time"), level="c", by="move").restore(data)
        assert moved.column("x").to_pylist() == [3, 1, 2]
        assert moved.time.tolist() == [0.0, 0.0, 2.0]
        assert Opens(columns=("code",), level="z").restore(data) is data
        assert Opens(columns=("code",), level="b", always=True, sets=(("code", "b"),)).holds(swapped) == 0.0

    def test_an_entity_without_the_code(self, sequences):
        data = sequences({"id": [1, 1, 2], "time": [0.0, 1.0, 0.0], "code": ["a", "b", "b"]})
        rule = Opens(columns=("code",), level="a", always=True)
        assert replace(rule, sets=(("code", "a"),)).restore(data).column("code").to_pylist() == [
            "a",
            "b",
            "a",
        ]
        assert rule.restore(data).lengths.tolist() == [2, 0]

    def test_dictionaries_and_entities_without_rows(self, sequences):
        data = sequences({"id": [1, 1, 2], "time": [0.0, 1.0, 0.0], "code": ["a", "a", "b"]})
        coded = data.with_columns({"code": data.column("code").combine_chunks().dictionary_encode()})
        coded = coded.with_schema(coded.schema.edit("code", dtype=str(coded.column("code").type)))
        made = Once(columns=("code",), level="a", by="relabel", free=("b",)).restore(coded)
        assert made.column("code").to_pylist() == ["a", "b", "b"]
        assert made.column("code").type == coded.column("code").type
        empty = data.keep_rows(np.array([False, False, True]))
        for kind in (Opens, FirstOnly, Once):
            assert kind(columns=("code",), level="a").restore(empty).n_entities == 2
        none = data.keep_rows(np.zeros(3, bool))
        assert OnlyAfter(columns=("code",), level="a", needs="b").restore(none).n_rows == 0
        assert Opens(columns=("code",), level="a", always=True).restore(none).n_rows == 0

    def test_json_and_back(self, sequences):
        for rule in found(careers(sequences, values=False)):
            assert from_dict(rule.to_dict()) == rule


def accounts(sequences, seed=0, n=150):
    """Accounts that open with cash in, and have interest at month ends; five pairs of type and kind occur."""
    random = np.random.default_rng(seed)
    out = {"id": [], "time": [], "type": [], "kind": []}
    ends = np.arange("2020-03", "2021-03", dtype="datetime64[M]").astype("datetime64[D]") - 1
    for i in range(n):
        days = np.datetime64("2020-01-01") + np.sort(random.integers(5, 400, 12))
        kinds = ["cash", *random.choice(["cash", "card", "transfer"], 11)]
        sides = ["in", *np.where(np.array(kinds[1:]) == "cash", random.choice(["in", "out"], 11), "out")]
        own = list(zip(days, sides, kinds, strict=True))
        own += [(d, "in", "interest") for d in ends if d >= days[0]]
        for day, side, kind in sorted(own, key=lambda row: row[0]):
            for name, value in zip(out, (i, day, side, kind), strict=True):
                out[name].append(value)
    out["time"] = np.array(out["time"], dtype="M8[D]")
    return sequences(out)


class TestAmongOthers:
    def test_combinations_and_the_calendar_hold_too(self, sequences):
        data = accounts(sequences)
        rules = Constraints(find(data))
        assert {rule.sentence() for rule in rules} == {
            "every entity begins with kind = cash",
            "type, kind: only the 5 combinations that occur",
            "rows with kind = interest fall on the last day of a month, once a month only",
        }
        bare = rules.remove(data)
        merged = next(c for c in bare.schema if c.name not in ("id", "time"))
        random = np.random.default_rng(1)
        for _ in range(10):
            share = random.dirichlet(np.full(5, 0.3))
            codes = random.choice(np.array(merged.levels), bare.n_rows, p=share)
            made = rules.restore(bare.with_columns({merged.name: pa.array(codes)}))
            assert {rule.sentence(): rule.holds(made) for rule in rules} == {r.sentence(): 1.0 for r in rules}
            assert (made.lengths > 0).all()
            assert made.schema == data.schema

    def test_a_state_that_ends_all(self, sequences):
        random = np.random.default_rng(0)
        ids, states = [], []
        for i in range(200):
            own = ["well", *random.choice(["well", "ill"], random.integers(2, 9)), *["dead"] * (i % 2)]
            ids += [i] * len(own)
            states += own
        data = sequences({"id": ids, "time": np.arange(float(len(ids))), "state": states})
        rules = Constraints(find(data))
        said = {rule.sentence() for rule in rules}
        assert {"every entity begins with state = well", "nothing comes after state = dead"} <= said
        for _ in range(10):
            made = rules.restore(
                data.with_columns({"state": pa.array(random.choice(["well", "ill", "dead"], data.n_rows))})
            )
            assert all(rule.holds(made) == 1.0 for rule in rules)
            assert (made.lengths > 0).all()


def test_masks_say_what_the_rules_say(sequences):
    data = careers(sequences)
    levels = data.schema["code"].levels
    masks = code_masks(found(data), "code", levels)
    at = {level: i for i, level in enumerate(levels)}
    assert [levels[i] for i in np.flatnonzero(masks["opens"])] == ["join"]
    assert {levels[i] for i in np.flatnonzero(masks["first_only"])} == {"join", "gift"}
    assert [levels[i] for i in np.flatnonzero(masks["once"])] == ["badge"]
    assert not masks["last_only"].any()
    assert masks["only_after"][at["gold"]] == at["silver"]
    assert np.sum(masks["only_after"] >= 0) == 1
    none = code_masks([], "code", levels)
    assert none["opens"].all()
    assert not none["once"].any()
    assert (none["only_after"] == -1).all()


def test_masks_of_a_merged_column():
    from tsynth.data.constraints.order import Absorbing
    from tsynth.data.constraints.rows import Combination

    pairs = (("in", "cash"), ("out", "fee"), ("out", "loan"), ("in", None))
    labels = tuple(" · ".join(map(str, pair)) for pair in pairs)
    merged = Combination(columns=("type", "kind"), combinations=pairs, merged="type & kind", labels=labels)
    rules = [
        merged,
        Opens(columns=("type",), level="in", always=True),
        OnlyAfter(columns=("kind",), level="fee", needs="loan"),
        Absorbing(columns=("kind",), level="loan", last=True),
    ]
    masks = code_masks(rules, "type & kind", labels)
    assert masks["opens"].tolist() == [True, False, False, True]
    assert masks["only_after"].tolist() == [-1, 2, -1, -1]
    assert masks["last_only"].tolist() == [False, False, True, False]


def test_the_loops_and_their_plain_twins():
    random = np.random.default_rng(0)
    offsets = np.array([0, 9, 9, 30, 31], dtype=np.int64)
    codes = random.integers(-1, 4, 31).astype(np.int32)
    places = codes.astype(np.int64)
    time = np.sort(random.integers(0, 6, 31)).astype(float)
    for name, arguments in (
        ("orders", (offsets, time, codes, 4)),
        ("before", (offsets, time, places, 1, 2)),
        ("since", (offsets, places, 2)),
        ("times_of", (offsets, places, 2)),
        ("usual", (offsets, places, places == 3, np.array([1, -1, 0, 2]))),
        ("again", (np.sort(places), places, 4)),
        ("changed", (offsets, codes, codes < 0)),
        ("leader", (offsets, time, codes < 0, True)),
        ("carried", (offsets, codes < 0, codes == 1)),
    ):
        loop = getattr(loops, name)
        ours, plain = loop(*arguments), loop.py_func(*arguments)
        for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (ours, plain)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_shuffle_keeps_entities_and_all_orders_are_equally_likely():
    offsets = np.arange(0, 3 * 6000 + 1, 3, dtype=np.int64)
    out = loops.mixed(np.uint64(1), offsets, np.tile(np.arange(3), 6000)).reshape(-1, 3)
    assert (np.sort(out, axis=1) == np.arange(3)).all()
    counts = np.bincount(out[:, 0] * 3 + out[:, 1], minlength=9)[[1, 2, 3, 5, 6, 7]]
    # 6000 draws of 6 orders: chi-squared with 5 degrees of freedom, above 25.7 with a chance of 1e-4
    assert np.sum((counts - 1000) ** 2 / 1000) < 25.7

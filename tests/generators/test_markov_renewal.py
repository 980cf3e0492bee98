"""Codes, times, ends and values of `markov_renewal` follow what was planted; parts and copies agree."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tsynth.compiled import hours, markov, values, walk
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError
from tsynth.generators.point_process import chain
from tsynth.generators.point_process.markov_renewal import MarkovRenewal


def build(entity, time, columns, *, dates=False, statics=None, unit="d"):
    entity = np.asarray(entity)
    cut = np.flatnonzero(np.r_[True, entity[1:] != entity[:-1]])
    made = [Column("id", kind="identifier", role="entity", static=True, dtype="int64")]
    rows, entities = {}, {"id": pa.array(entity[cut].astype(np.int64))}
    if time is not None:
        kind = "datetime" if dates else "continuous"
        stamp = (
            np.asarray(time).astype("datetime64[D]").astype("datetime64[us]") if dates else np.asarray(time)
        )
        rows["t"] = pa.array(stamp)
        made.append(Column("t", kind=kind, role="time", dtype=str(rows["t"].type)))
    for home, some in ((rows, columns), (entities, statics or {})):
        for name, (how, x) in some.items():
            home[name] = pa.array(x)
            made.append(Column(name, dtype=str(home[name].type), static=home is entities, **how))
    schema = Schema(tuple(made), time_unit=unit if time is not None else "step", constraints=())
    table = pa.table(rows) if rows else pa.table({})
    return Sequences(schema, table, np.r_[cut, len(entity)], pa.table(entities))


def mark(codes, levels="abc"):
    how = {"kind": "category", "role": "mark", "levels": tuple(levels)}
    return how, np.array(list(levels), object)[codes]


def dates(seed=0, entities=300):
    """Each entity pays in (a) at random days, draws interest (b) at each month end, and has a fee (c) after it."""
    draw = np.random.default_rng(seed)
    days = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")
    ends = np.flatnonzero(days.astype("datetime64[M]") != (days + 1).astype("datetime64[M]"))
    entity, time, code = [], [], []
    for i in range(entities):
        start = draw.integers(0, 200)
        rows = [(start, 0)] + [(d, 0) for d in range(start + 1, 366) if draw.random() < 0.05]
        rows += [(d, k) for d in ends[ends >= start] for k in (1, 2)]
        rows.sort()
        entity += [i] * len(rows)
        time += [days[d] for d, _ in rows]
        code += [k for _, k in rows]
    code = np.array(code)
    amount = np.round(np.where(code == 2, 14.6, np.exp(draw.normal(3 + code, 0.5))), 1)
    return build(
        entity,
        np.array(time),
        {"code": mark(code), "amount": ({"decimals": 1}, amount)},
        dates=True,
        statics={"sex": ({"kind": "category", "levels": ("f", "m")}, np.array(["f", "m"] * (entities // 2)))},
    )


@pytest.fixture(scope="module")
def bank():
    data = dates()
    return data, MarkovRenewal().fit(data)


def test_month_ends_rows_and_shares_are_kept(bank):
    data, generator = bank
    made = generator.sample(600, seed=1)
    code = made.codes("code")
    day = made.time[code == 1].astype("datetime64[D]")
    assert np.mean((day + 1).astype("datetime64[M]") != day.astype("datetime64[M]")) > 0.98
    # Rows an entity: 29 with a deviation of 8; 600 entities against 300 stray by 3 % at a chance of 1 in 1,000;
    # 6 % leaves room for what the walk gets wrong.
    assert abs(made.lengths.mean() / data.lengths.mean() - 1) < 0.06
    shares = [np.bincount(x.codes("code"), minlength=3) / x.n_rows for x in (data, made)]
    np.testing.assert_allclose(*shares, atol=0.03)
    assert np.all(made.numeric("amount")[code == 2] == 14.6)
    logs = [np.log(x.numeric("amount")[x.codes("code") == 0]).mean() for x in (data, made)]
    assert abs(logs[0] - logs[1]) < 0.05
    steps = np.diff(made.time)
    inside = np.ones(len(steps), bool)
    inside[made.offsets[1:-1] - 1] = False
    assert np.all(steps[inside] >= 0)


def test_an_entity_is_the_same_in_any_part(bank):
    _, generator = bank
    whole = generator.sample(30, seed=3)
    part = generator.sample(10, seed=3, first=20)
    assert part.content_hash() == whole.take(np.arange(20, 30)).content_hash()
    assert whole.content_hash() != generator.sample(30, seed=4).content_hash()


def test_a_saved_generator_draws_the_same(bank, tmp_path):
    import tsynth

    _, generator = bank
    generator.save(tmp_path / "bank.tsynth")
    again = tsynth.load(tmp_path / "bank.tsynth")
    assert again.sample(20, seed=5).content_hash() == generator.sample(20, seed=5).content_hash()


def test_given_statics_stay(bank):
    _, generator = bank
    given = pa.table({"sex": ["m"] * 7 + ["f"]})
    assert generator.sample(conditions=given, seed=1).column("sex").to_pylist() == ["m"] * 7 + ["f"]


def second_order(seed, entities=400, rows=40):
    """The next code is the sum of the last two, modulo 3, in nine of ten rows."""
    draw = np.random.default_rng(seed)
    code = draw.integers(0, 3, (entities, rows))
    for j in range(2, rows):
        keep = draw.random(entities) < 0.9
        code[keep, j] = (code[keep, j - 1] + code[keep, j - 2]) % 3
    return np.repeat(np.arange(entities), rows), code.ravel()


@pytest.mark.parametrize(("order", "low", "high"), [(1, 0.2, 0.5), (2, 0.85, 0.97)])
def test_order_of_the_chain(order, low, high):
    entity, code = second_order(0)
    data = build(entity, None, {"code": mark(code)})
    made = MarkovRenewal(order).fit(data).sample(400, seed=1).codes("code").reshape(400, 40)
    # Real share .933; 15,200 rows have a standard error of .002.
    hit = np.mean(made[:, 2:] == (made[:, 1:-1] + made[:, :-2]) % 3)
    assert low < hit < high


def test_lengths_and_absorbing_state_without_a_clock():
    draw = np.random.default_rng(1)
    lengths = draw.choice([1, 3, 5], 600)
    entity = np.repeat(np.arange(600), lengths)
    last = np.cumsum(lengths) - 1
    code = draw.integers(0, 2, len(entity))
    code[last[lengths == 5]] = 2  # death ends the longest
    gap = draw.choice([0.5, 1.0], len(entity))
    gap[np.r_[0, last[:-1] + 1]] = 0
    time = np.cumsum(gap)
    time -= np.repeat(time[np.r_[0, last[:-1] + 1]], lengths)
    data = build(entity, time, {"code": mark(code)}, unit="year")
    made = MarkovRenewal().fit(data).sample(600, seed=2)
    assert set(made.lengths) <= {1, 2, 3, 4, 5}
    # Shares of 600 draws have a standard error of .02; 4 errors, both samples.
    for length in (1, 3):
        assert abs(np.mean(made.lengths == length) - np.mean(lengths == length)) < 0.11
    ends = made.offsets[1:] - 1
    died = np.flatnonzero(made.codes("code") == 2)
    assert np.mean(np.isin(died, ends)) > 0.9


def test_memory_of_values():
    draw = np.random.default_rng(2)
    level = draw.normal(size=300)
    x = np.round(10 * (level[:, None] + 0.5 * draw.normal(size=(300, 8))), 1)
    data = build(np.repeat(np.arange(300), 8), None, {"x": ({"decimals": 1}, x.ravel())})
    made = MarkovRenewal().fit(data).sample(300, seed=3)
    table = made.numeric("x").reshape(300, 8)
    # Rows of one entity correlate by .8; the standard error of 300 is .02.
    assert abs(np.corrcoef(table[:, 5], table[:, 6])[0, 1] - 0.8) < 0.1
    assert abs(np.corrcoef(table[:, 1], table[:, 7])[0, 1] - 0.8) < 0.15
    assert abs(table.std() / x.std() - 1) < 0.1


EDGES = {
    "one entity": lambda: build(np.zeros(50), np.arange(50.0), {"x": ({}, np.arange(50.0))}),
    "rows alone": lambda: build(np.arange(50), np.zeros(50), {"x": ({}, np.arange(50.0))}),
    "one row": lambda: build(np.zeros(1), np.zeros(1), {"x": ({}, np.zeros(1))}),
    "ties": lambda: build(np.repeat(np.arange(10), 5), np.zeros(50), {"x": ({}, np.arange(50.0))}),
    "no time": lambda: build(np.repeat(np.arange(10), 5), None, {"x": ({}, np.arange(50.0))}),
    "huge": lambda: build(np.repeat(np.arange(10), 5), np.arange(50.0), {"x": ({}, np.geomspace(1e-300, 1e300, 50))}),
    "all null": lambda: build(
        np.repeat(np.arange(10), 5), np.arange(50.0), {"x": ({"nullable": True}, pa.nulls(50, pa.float64()))}
    ),
    "many marks": lambda: build(
        np.repeat(np.arange(40), 50),
        np.tile(np.arange(50.0), 40),
        {"m": ({"kind": "category", "role": "mark", "levels": tuple(range(1754))}, np.arange(2000) % 1754)},
    ),
    "one day": lambda: build(
        np.repeat(np.arange(10), 5), np.full(50, np.datetime64("2020-02-29")), {"x": ({}, np.arange(50.0))}, dates=True
    ),
    "year 9999": lambda: build(
        np.repeat(np.arange(10), 5),
        np.tile(np.array(["2020-01-01"] * 4 + ["9999-12-31"], "datetime64[D]"), 10),
        {"x": ({}, np.arange(50.0))},
        dates=True,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::tsynth.errors.PrivacyWarning")  # of one entity, tested elsewhere
@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    data = EDGES[name]()
    made = MarkovRenewal().fit(data).sample(20, seed=1)
    assert made.n_entities == 20
    assert made.n_rows >= 20
    assert made.table().schema.equals(data.table().schema)
    assert np.all(np.isfinite(made.time))
    if "x" in made and name != "all null":
        assert np.all(np.isfinite(made.numeric("x")))


def test_order_is_checked():
    with pytest.raises(UsageError, match="order must be"):
        MarkovRenewal(order=9).fit(EDGES["ties"]())


def test_chain_agrees_with_a_slow_twin():
    _, code = second_order(3, entities=30, rows=15)
    offsets = np.arange(31) * 15
    keys, rows = chain.count(offsets, code.astype(np.int32), np.zeros(len(code), np.int64), 3, 1, 2)
    contexts, cuts, prob = chain.build(keys, rows, 3, 1, 2)

    def weigh(counts, behind):
        kinds = np.count_nonzero(counts)
        return (counts + kinds * behind) / (counts.sum() + kinds) if counts.sum() else behind

    everywhere = np.bincount(code, minlength=3)
    for one in range(3):
        after = [code[r] for r in range(len(code)) if r % 15 >= 1 and code[r - 1] == one]
        first = weigh(np.bincount(after, minlength=3), everywhere / everywhere.sum())
        row = markov.context(np.array([one, 9]), 0, 3, 1, contexts[:0], np.array([0, 0]))
        np.testing.assert_allclose(prob[row], weigh(np.bincount(after, minlength=3), first), atol=0.05)
        for two in range(3):
            after = [
                code[r] for r in range(len(code)) if r % 15 >= 2 and code[r - 1] == one and code[r - 2] == two
            ]
            if len(after) >= chain.SEEN:
                at = markov.context(np.array([one, two]), 0, 3, 1, contexts, cuts)
                np.testing.assert_allclose(
                    prob[at], weigh(np.bincount(after, minlength=3), prob[row]), rtol=1e-5
                )
    np.testing.assert_allclose(prob.sum(axis=1), 1, rtol=1e-5)


def test_memory_agrees_with_a_slow_twin():
    draw = np.random.default_rng(4)
    offsets = np.array([0, 7, 7, 20])
    code, choice = draw.integers(0, 2, 20), draw.integers(0, 3, 20).astype(np.int32)
    value = np.where(choice == 2, draw.integers(0, 3, 20), 0.0)
    before, now, remembered, _ = values.memory(offsets, code.astype(np.int32), 2, choice, value, 2, 3)
    for i in range(3):
        for r in range(offsets[i], offsets[i + 1]):
            past = list(range(offsets[i], r))
            same = [q for q in past if code[q] == code[r]]
            for basis, rows in ((0, same), (1, past)):
                assert before[basis, r] == (now[basis, rows[-1]] if rows else 4)
                held = [q for q in rows if choice[q] == 2]
                copied = choice[r] == 2 and held and value[held[-1]] == value[r]
                assert now[basis, r] == (3 if copied else choice[r])
                assert remembered[r, basis] == (value[held[-1]] if held else 0.0)
                mean = np.mean(value[held]) if held else 0.0
                np.testing.assert_allclose(remembered[r, 2 + basis], mean)


def test_compiled_parties_agree_with_python():
    choice = np.random.default_rng(5).integers(0, 4, 60).astype(np.int32)
    arguments = (
        np.uint64(7), np.arange(3), np.array([0, 20, 20, 60]), choice, np.array([0.5, 1.0]), np.array([0, 3, 10]), 0.3,
    )  # fmt: skip
    np.testing.assert_array_equal(markov.parties(*arguments), markov.parties.py_func(*arguments))


def test_gaps_add_up_inside_each_entity():
    made = markov.added(
        np.array([0, 3, 3, 5]), np.array([1.0, np.nan, 5.0]), np.array([9.0, 1.0, 2.0, 9.0, 0.5])
    )
    np.testing.assert_array_equal(made, [1.0, 2.0, 4.0, 5.0, 5.5])


def test_due_day_is_a_month_later():
    # 31 January + 31 days is 2 March at the latest in a leap year; -3 to 3 days are told apart, beyond are not.
    assert [walk.due_bin(10 + 31 + k, 10, 31) for k in (-9, -1, 0, 1, 9)] == [1, 3, 4, 5, 7]
    assert walk.due_bin(5, 3, 0) == 0


def test_times_of_day_agree_with_a_slow_twin():
    clock = np.cumsum([0.0, 2.0, 0.0, 1.0])
    state = np.array([1, 2, 3, 4], np.uint64)
    draws = np.array([hours.later(state, clock, 0.3) for _ in range(4000)])
    # Of [.25, .5) .8 is left: 1.6 rows of 2.6; none from [.5, .75). 4 errors of 4,000 draws are .031.
    assert draws.min() >= 0.3
    assert not np.any((draws > 0.5) & (draws < 0.75))
    assert abs(np.mean(draws < 0.5) - 1.6 / 2.6) < 0.031
    late = np.array([hours.later(state, np.cumsum([1.0, 0.0]), 0.9) for _ in range(50)])
    assert np.all((late >= 0.9) & (late < 1.0))
    edges = np.array([0.0, 1.0, 2.0, 4.0])
    waits = [
        hours.waited(state, np.array([1.0, 1.0, 1.0]), np.array([1.0, 0.0, 3.0]), edges, 0.5, 9.0)
        for _ in range(4000)
    ]
    # Weights 1, 0, 3: a tie in a quarter of the draws (4 errors: .027), else 2 to 4.
    assert abs(np.mean(np.array(waits) == 0) - 0.25) < 0.027
    assert {w for w in waits if w} <= {2.0, 2.5, 3.0, 3.5, 4.0}
    rate = np.array([1.0, 2.0])
    assert hours.delayed(rate, np.array([[1.0, 0.0], [1.0, 0.5]]), 0.6) == 1.0
    np.testing.assert_array_equal(rate, [0.0, 1.0])


def test_compiled_walks_and_draws_agree_with_python(bank, monkeypatch):
    _, generator = bank
    made = generator.sample(3, seed=9)
    for module, names in ((walk, ("walk", "rates", "kind_places")), (values, ("draw", "plain", "height"))):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name).py_func)
    assert generator.sample(3, seed=9).content_hash() == made.content_hash()


def test_sums_of_days_agree_with_python(bank, monkeypatch):
    data, _ = bank
    some = data.take(np.arange(12))
    quick = MarkovRenewal().fit(some)
    for name in ("sums_of_days", "rates", "kind_places"):
        monkeypatch.setattr(walk, name, getattr(walk, name).py_func)
    slow = MarkovRenewal().fit(some)
    for name, table in quick.timing_["hazards"].items():
        np.testing.assert_allclose(table, slow.timing_["hazards"][name], rtol=1e-9)


def test_labels_come_in_bursts_and_amounts_know_them():
    draw = np.random.default_rng(6)
    entity, time, label, amount = [], [], [], []
    for i in range(400):
        days = np.sort(draw.choice(300, 20, replace=False)).astype(float)
        bad = np.zeros(20, bool)
        if i % 4 == 0:
            at = draw.integers(5, 15)
            bad[at : at + 4] = True
            days[at : at + 4] = days[at] + np.arange(4) / 24
        order = np.argsort(days, kind="stable")
        entity += [i] * 20
        time += list(days[order])
        label += list(bad[order])
        amount += list(np.exp(np.where(bad[order], 6.0, 3.0) + 0.3 * draw.normal(size=20)))
    how = {"kind": "boolean", "role": "label"}
    data = build(
        entity,
        np.round(np.array(time) * 24) / 24,
        {"bad": (how, np.array(label)), "x": ({"decimals": 2}, np.round(amount, 2))},
    )
    made = MarkovRenewal().fit(data).sample(400, seed=1)
    bad, x = np.array(made.column("bad").to_pylist()), made.numeric("x")
    assert 0.03 < bad.mean() < 0.08  # .05 in 8,000 real rows
    follows = made.step_of_row[1:] > 0
    assert np.mean(bad[1:][bad[:-1] & follows]) > 0.6  # .75 in the source, .05 by chance
    assert np.mean(x[bad] > 150) > 0.95
    assert np.mean(x[~bad] > 150) < 0.05


def test_values_know_the_balance_they_are_added_to():
    draw = np.random.default_rng(7)
    entity, code, amount, balance = [], [], [], []
    for i in range(300):
        total = 0.0
        for j in range(20):
            out = j > 0 and draw.random() < 0.6
            x = round(total * draw.uniform(0.3, 0.9), 1) if out else round(np.exp(draw.normal(5, 0.5)), 1)
            x = max(x, 0.1)
            total = round(total - x if out else total + x, 1)
            entity.append(i)
            code.append(int(out))
            amount.append(x)
            balance.append(total)
    columns = {
        "code": mark(np.array(code), "ab"),
        "x": ({"decimals": 1}, amount),
        "sum": ({"decimals": 1}, balance),
    }
    data = build(entity, None, columns)
    data = data.with_schema(data.schema.replace(constraints=None))
    generator = MarkovRenewal().fit(data)
    np.testing.assert_array_equal(generator.total_["sign"], [1.0, -1.0])
    made = generator.sample(300, seed=1)
    real, drawn = data.numeric("sum"), made.numeric("sum")
    # Without the total in mind a walk of 20 rows of about 160 goes below 0 in a third of the rows.
    assert np.mean(drawn < -1) < 0.05
    assert abs(np.median(drawn) / np.median(real) - 1) < 0.3


@pytest.mark.needs_data
def test_bank_accounts(shared_data):
    import tsynth

    path = shared_data / "transactions/berka/trans_1993-01_1994-03.parquet"
    data = tsynth.read(path, entity="account_id", time="date")
    train, holdout = data.split(holdout=0.5, seed=0)
    made = MarkovRenewal().fit(train).sample(holdout.n_entities, seed=1)
    # Half against half: the standard error of the mean length (about 40, deviation 24, 560 accounts) is 1.
    assert abs(made.lengths.mean() - holdout.lengths.mean()) < 5
    interest = [
        x.time[np.asarray(x.column("k_symbol").to_pylist(), dtype=object) == "UROK"].astype("datetime64[D]")
        for x in (holdout, made)
    ]
    real, drawn = (np.mean((d + 1).astype("datetime64[M]") != d.astype("datetime64[M]")) for d in interest)
    assert drawn > real - 0.02
    triples = [
        set(zip(*(x.column(n).to_pylist() for n in ("type", "operation", "k_symbol")), strict=True))
        for x in (data, made)
    ]
    assert triples[1] <= triples[0]

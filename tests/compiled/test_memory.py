"""Memory, replay and walk: one set of features for both, as an obvious twin computes them; limits; weights; streams.

Nets are random arrays, so nothing here needs torch.
"""

import datetime
import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from tsynth.compiled import features, fields, first_layer, memory
from tsynth.compiled.fields import Nets
from tsynth.compiled.replay import densify, replay
from tsynth.compiled.sparse import product_by_code
from tsynth.compiled.walk_rows import walk
from tsynth.data import constraints as rules
from tsynth.data.constraints import Constraints
from tsynth.data.encoding import Encoder
from tsynth.data.streams import key
from tsynth.generators.neural import totals
from tsynth.generators.neural.arrays import empty_memory, layout, limits, widest
from tsynth.generators.neural.codes import table
from tsynth.generators.neural.plan import fixed_features, plan
from tsynth.testing import EXAMPLES

TICKED, GAPPED, MARKED = "mixed", "cohort", "events"
"""Examples by days, by gaps without a mark to speak of, and by gaps with marks."""


@cache
def world(example):
    """Plan, layout and rows of an example, as a generator would have them."""
    data = EXAMPLES[example]()
    found = Constraints(rules.find(data, seed=0))
    bare = found.remove(data)
    encoder = Encoder(bare.schema)
    encoder = encoder.merge([encoder.learn(bare)])
    view = encoder.encode(bare)
    rows = table(view, encoder)
    total, ratios, begin = totals.learn(found, encoder, rows)
    made = plan(rows, encoder, total, ratios)
    fixed = fixed_features(made, view.statics, view.n_entities)
    assert made["ticked"] == (example == TICKED)
    return SimpleNamespace(
        made=made, lay=layout(made), lim=limits(made), view=view, rows=rows, begin=begin, fixed=fixed
    )


def replayed(w, keep=1.0, end=None, seed=0):
    names = "at index value label weight row gat gindex gvalue low high grow own held here aim twin tally"
    end = np.full(w.view.n_entities, w.made["span"][1]) if end is None else end
    found = replay(
        w.lay, empty_memory(w.made), w.view.offsets, w.view.time, w.rows.code, w.rows.choice, w.rows.value, w.begin,
        end, float(w.made["tick"]), keep, w.made["edges"], w.made["widths"], *w.fixed, key(seed, "replay"),
        np.arange(w.view.n_entities), widest(w.made),
    )  # fmt: skip
    return SimpleNamespace(**dict(zip(names.split(), found, strict=True)))


def dense(at, index, value, rows, features):
    out = np.empty((len(rows), features), np.float32)
    densify(at, index, value, np.asarray(rows, np.int64), out)
    return out


def nets(w, seed=0, sharp=1.0):
    """Random nets; the larger `sharp`, the surer they are."""
    random = np.random.default_rng(seed)
    made, hidden, second, head, mixtures = w.made, 16, 12, 10, 3
    features, codes = made["features"], made["codes"]

    def layer(*shape, scale=1.0):
        return (scale * random.normal(size=shape) / math.sqrt(shape[0])).astype(np.float32)

    def layers(first, outs):
        straight = 0.1 * sharp * layer(first, outs)
        return [
            np.hstack([layer(first, hidden, scale=4.0), straight]), layer(hidden + outs),
            layer(hidden, second, scale=2.0), layer(second), layer(second, outs, scale=sharp), layer(outs),
        ]  # fmt: skip

    flat, begin, outs = [], [0], []
    for f, (choices, first) in enumerate(zip(made["field_choices"], made["field_first"], strict=True)):
        own = int(np.diff(made["widths"])[f])
        out = int(choices) + 3 + (2 + 3 * mixtures if first >= 0 else 0)
        shapes = [(hidden + own, head), (head,), (head, out), (own, out), (out,)]
        flat += [layer(*shape).ravel() for shape in shapes]
        begin.append(begin[-1] + sum(math.prod(shape) for shape in shapes))
        outs.append(out)
    return Nets(
        *layers(features, codes + 1), *layers(features, len(made["edges"])),
        layer(features + codes, hidden), layer(hidden), layer(hidden, hidden), layer(hidden),
        np.concatenate([*flat, np.zeros(1, np.float32)]), np.array(begin, np.int64), np.array([*outs, 0], np.int64),
        0.1 * layer(2 * codes, int(made["place"].max()) + 1, 2 * len(made["fields"])), made["ranks"], head, mixtures,
    )  # fmt: skip


def walked(w, weights, lim=None, entities=None, given=None, begin=None, free=True, end=None, seed=0):
    """New rows of some entities; `given` are offsets, time, code, choice, value of rows before."""
    entities = np.arange(w.view.n_entities) if entities is None else np.asarray(entities)
    n, fields = len(entities), len(w.made["fields"])
    if given is None:
        nothing = np.zeros((0, fields))
        given = (
            np.zeros(n + 1, np.int64),
            np.zeros(0),
            np.zeros(0, np.int64),
            nothing.astype(np.int64),
            nothing,
        )
    at, index, value = w.fixed
    lines = [slice(at[i], at[i + 1]) for i in entities % w.view.n_entities]
    cut = np.concatenate([[0], np.cumsum([s.stop - s.start for s in lines])]).astype(np.int64)
    pick = [np.concatenate([part[s] for s in lines]) for part in (index, value)]
    begin = np.full(n, w.made["span"][0]) if begin is None else begin
    end = np.full(n, w.made["span"][1]) if end is None else end
    return walk(
        w.lay, empty_memory(w.made), weights, lim or w.lim, *given, begin, w.begin[entities % w.view.n_entities],
        np.full(n, -np.inf), end, free, cut, *pick, key(seed, "walk"), entities, widest(w.made),
    )  # fmt: skip


def forward(x, weights, prefix):
    """The obvious product of three layers, and what goes straight to the outputs."""
    one, two = getattr(weights, f"{prefix}1"), getattr(weights, f"{prefix}2")
    first = x @ one + getattr(weights, f"{prefix}1_bias")
    h = np.maximum(first[:, : len(two)], 0)
    h = np.maximum(h @ two + getattr(weights, f"{prefix}2_bias"), 0)
    return h @ getattr(weights, f"{prefix}3") + getattr(weights, f"{prefix}3_bias") + first[:, len(two) :]


def prefixes(w, rows):
    """Entities that each hold the rows of one real entity up to one of `rows`, and whose entity it is."""
    first = w.view.offsets[np.searchsorted(w.view.offsets, rows, side="right") - 1]
    whose = np.searchsorted(w.view.offsets, rows, side="right") - 1
    take = np.concatenate([np.arange(a, r + 1) for a, r in zip(first, rows, strict=True)])
    offsets = np.concatenate([[0], np.cumsum(rows - first + 1)]).astype(np.int64)
    parts = (w.view.time, w.rows.code, w.rows.choice, w.rows.value)
    return whose, (offsets, *(part[take].copy() for part in parts))


# -- replay and walk


@pytest.mark.parametrize("example", [TICKED, MARKED])
def test_walk_decides_on_the_features_that_replay_wrote(example):
    """The code of a given row's blank cell is the surest one of a sure net on the features that replay wrote for that
    row; so the walk saw the same features."""
    w = world(example)
    found, weights = replayed(w), nets(w, sharp=3000.0)
    weights.event3[:, -1], weights.event3_bias[-1] = 0, -1e9  # "nothing", which a given row is not
    rows = np.arange(0, w.view.n_rows, 7)
    at = np.flatnonzero(found.row >= 0)
    event = at[np.searchsorted(found.row[at], rows)]
    x = dense(found.at, found.index, found.value, event, w.made["features"])
    logits = forward(x, weights, "event")[:, : w.made["codes"]]
    top = np.sort(logits, axis=1)
    clear = top[:, -1] - top[:, -2] > 20  # where float sums in another order decide nothing
    assert clear.mean() > 0.8
    whose, given = prefixes(w, rows)
    last = given[0][1:] - 1
    given[2][last] = -1
    code = walked(w, weights, given=given, entities=whose, free=False)[2][last]
    assert np.array_equal(code[clear], logits.argmax(axis=1)[clear])
    # planted fault: features of the row before are not good enough
    wrong = forward(np.roll(x, 1, axis=0), weights, "event")[:, : w.made["codes"]].argmax(axis=1)
    assert not np.array_equal(code[clear], wrong[clear])


def test_walk_draws_the_gap_on_the_features_that_replay_wrote():
    w = world(GAPPED)
    found, weights = replayed(w, end=np.full(w.view.n_entities, np.inf)), nets(w, sharp=3000.0)
    rows = found.grow[::5]
    logits = forward(
        dense(found.gat, found.gindex, found.gvalue, np.arange(len(found.low))[::5], w.made["features"]),
        weights,
        "gap",
    )
    top = np.sort(logits, axis=1)
    clear = top[:, -1] - top[:, -2] > 20
    whose, given = prefixes(w, rows)
    offsets, time, *_ = walked(w, weights, given=given, entities=whose, end=np.full(len(rows), np.inf))
    more = np.diff(offsets) - np.diff(given[0])
    expected = logits.argmax(axis=1)
    ends = len(w.made["edges"]) - 1
    assert np.array_equal((more == 0)[clear], (expected == ends)[clear])
    went = clear & (expected < ends)
    assert went.sum() > 10
    place = np.minimum(offsets[:-1] + np.diff(given[0]), len(time) - 1)
    gap = time[place] - w.view.time[rows]
    inner = w.made["inner"]
    low, high = inner[expected[went], 0], inner[expected[went], -1]
    assert ((gap[went] >= low - 1e-9) & (gap[went] <= high + 1e-9)).all()


@pytest.mark.parametrize("example", [TICKED, GAPPED])
def test_given_rows_come_back_to_the_letter(example):
    w = world(example)
    given = (w.view.offsets, w.view.time, w.rows.code, w.rows.choice, w.rows.value)
    offsets, time, code, choice, value = walked(w, nets(w), given=given, free=False)
    for before, after in zip(given, (offsets, time, code, choice, value), strict=True):
        assert np.array_equal(before, after)


def test_own_features_of_a_field_are_those_of_the_row_before_it():
    """What a field sees of itself: whether it was null, its last score, its mean, last minus the one before."""
    w = world(TICKED)
    found = replayed(w)
    for e in range(12):
        rows = np.arange(w.view.offsets[e], w.view.offsets[e + 1])
        for f in range(len(w.made["fields"])):
            own = found.own[:, w.made["widths"][f] : w.made["widths"][f + 1]]
            score = [scored(w, r, f) for r in rows]
            for k, r in enumerate(rows):
                known = [s for s in score[:k] if s is not None]
                assert own[r, 0] == (k > 0)
                assert own[r, 1] == (k > 0 and score[k - 1] is None)
                before = known[-2] if len(known) > 1 else known[-1] if known else 0.0
                expected = [known[-1], np.mean(known), known[-1] - before] if known else [0.0] * 3
                assert own[r, 2:5] == pytest.approx(expected, abs=1e-5)


def scored(w, r, f):
    """Score of a cell by definition; None for null."""
    c, first = int(w.rows.choice[r, f]), int(w.made["field_first"][f])
    if c == 0:
        return None
    return float(w.rows.value[r, f]) if 0 <= first <= c else float(w.made["plain"][f, c])


# -- an obvious twin of the features


def hat(knots, x):
    out = np.zeros(len(knots))
    x = min(max(x, knots[0]), knots[-1])
    k = min(int(np.searchsorted(knots, x, side="right")) - 1, len(knots) - 2)
    share = (x - knots[k]) / (knots[k + 1] - knots[k])
    out[k], out[k + 1] = 1 - share, share
    return out


def twin(w, e, r):
    """Features of row r of entity e before its code is known, group by group, from the list of rows before it."""
    made, lay = w.made, w.lay
    past = list(range(w.view.offsets[e], r))
    t, time, slot = w.view.time[r], w.view.time, made["slot"]
    code = [int(slot[w.rows.code[p]]) for p in past]
    out = {0: hat(made["knots_count"], math.log2(1 + len(past)))}
    for group, back in ((1, 1), (2, 2)):
        out[group] = np.eye(made["slots"] + 1)[code[-back] + 1 if len(past) >= back else 0]
    kept = made["kept"]
    out[3] = np.zeros((made["slots"], features.PER_CODE + 2 * len(kept)))
    for j in range(made["slots"]):
        own = [p for p, c in zip(past, code, strict=True) if c == j]
        if not own:
            out[3][j, 0] = 1
            continue
        out[3][j, 1:3] = math.log2(1 + len(own)) / 4, len(own) / len(past)
        out[3][j, 4] = len(own) == 1
        for k, f in enumerate(kept):
            known = [s for p in own if (s := scored(w, p, f)) is not None]
            if known:
                at = features.PER_CODE + 2 * k
                out[3][j, at : at + 2] = known[-1], np.mean(known)
    out[7] = np.eye(5)[4 if not past else min(sum(time[p] == t for p in past), 3)]
    unit = made["scale"][0]
    if past:
        out[8] = hat(made["knots_gap"], math.log2(1 + (t - time[past[-1]]) / unit))
        out[9] = hat(made["knots_age"], math.log2(1 + (t - time[past[0]]) / unit))
    out[10] = hat(made["knots_time"], t)
    if lay.day > 0:
        date = datetime.date(1970, 1, 1) + datetime.timedelta(days=math.floor(t / lay.day + 1e-9))
        month_after = (date.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
        left = (month_after - date).days - 1
        for part, group, size, place in (
            (0, 11, 31, date.day - 1), (0, 12, 8, min(left, 7)), (1, 13, 7, date.weekday()),
            (2, 14, 12, date.month - 1),
        ):  # fmt: skip
            out[group] = np.eye(size)[place] * lay.parts[part]
    out[16] = np.zeros((made["slots"], features.PER_MOMENT))
    for j in set(code):
        last = max(p for p, c in zip(past, code, strict=True) if c == j)
        since = t - time[last]
        out[16][j, :2] = since == 0, math.log2(1 + since / unit) / 4
        decayed = np.exp(-since / made["scale"][1:4])
        decayed[:2] *= not lay.exact  # single days say what fast decays would
        out[16][j, 2:5] = np.where(decayed > 1e-3, decayed, 0)
    return {group: np.ravel(values) for group, values in out.items()}


@pytest.mark.parametrize("example", [TICKED, GAPPED])
def test_features_are_what_an_obvious_twin_computes(example):
    w = world(example)
    found = replayed(w)
    event = {int(r): k for k, r in enumerate(found.row) if r >= 0}
    at, compared, planted = w.made["at"], 0, 0
    for e in range(6):
        for r in range(w.view.offsets[e], w.view.offsets[e + 1]):
            x = dense(found.at, found.index, found.value, [event[r]], w.made["features"])[0]
            for group, expected in twin(w, e, r).items():
                got = x[at[group] : at[group] + len(expected)].copy()
                if group == 3:  # regularity has a test of its own
                    got = got.reshape(w.made["slots"], -1)
                    got[:, 3] = 0
                if group == 16:
                    got = got.reshape(w.made["slots"], -1)
                    got[:, 5:] = 0
                assert got.ravel() == pytest.approx(expected, abs=1e-5), (group, e, r)
                compared += 1
            other = twin(w, e, max(r - 1, w.view.offsets[e]))  # planted fault: a memory one row late
            planted += not np.allclose(x[at[0] : at[1]], other[0], atol=1e-5)
    assert compared > 200
    assert planted > 20


def test_a_code_that_recurs_by_the_month_is_due():
    """Feature 6 of a code's moment: a month after its last row on the same day, or the last day of a shorter month."""
    w = world(TICKED)
    start, due = datetime.date(2023, 1, 31), {}
    m = empty_memory(w.made)
    memory.forget(m, 0.0)
    epoch = datetime.date(1970, 1, 1)
    choice, value = np.zeros(len(w.made["fields"]), np.int64), np.zeros(len(w.made["fields"]))
    memory.remember(m, w.lay, (start - epoch).days * w.lay.day, 0, choice, value)
    index, x = np.empty(widest(w.made), np.int32), np.empty(widest(w.made))
    place = w.made["at"][16] + w.made["slot"][0] * features.PER_MOMENT + 6
    for day in range(1, 75):
        date = start + datetime.timedelta(days=day)
        n = features.passing(m, w.lay, (date - epoch).days * w.lay.day, index, x, 0)
        due[date] = place in index[:n]
    assert [date for date, is_due in due.items() if is_due] == [datetime.date(2023, 2, 28)]


# -- smaller parts


def test_densify_adds_up_what_a_loop_adds_up():
    random = np.random.default_rng(0)
    at = np.concatenate([[0], np.cumsum(random.integers(0, 9, 50))])
    index, value = (
        random.integers(0, 7, at[-1]).astype(np.int32),
        random.normal(size=at[-1]).astype(np.float32),
    )
    expected = np.zeros((50, 7))
    for r in range(50):
        for k in range(at[r], at[r + 1]):
            expected[r, index[k]] += value[k]
    rows = random.integers(0, 50, 80)
    assert dense(at, index, value, rows, 7) == pytest.approx(expected[rows], abs=1e-6)


def test_a_number_and_its_score_are_inverse():
    w = world(TICKED)
    assert w.lay.total >= 0
    fine = w.lay._replace(grids=np.zeros_like(w.lay.grids))
    valued = len(fine.atoms) + 1
    for score in np.linspace(fine.knot_scores[0], fine.knot_scores[-1], 41):
        number = memory.number_of(fine, valued, score)
        assert memory.number_of(fine, valued, memory.score_of(fine, number)) == pytest.approx(
            number, rel=1e-9
        )
    assert memory.number_of(fine, 0, 1.0) == 0
    for k, atom in enumerate(fine.atoms):
        assert memory.number_of(fine, k + 1, 0.3) == atom
    for code in range(min(3, w.made["codes"])):
        for place in np.linspace(-2, 2, 9):
            score = memory.unplaced(w.lay, code, w.lay.total, place)
            again = memory.unplaced(w.lay, code, w.lay.total, memory.placed(w.lay, code, w.lay.total, score))
            assert again == pytest.approx(score, abs=1e-9)


def test_quiet_ticks_that_are_thinned_weigh_as_much_as_all():
    """Each quiet tick is kept with probability .2 and weighs 5: the sum has a relative standard error of
    sqrt(.8 / .2 / ticks), about 2 %; 5 of them fail by chance in fewer than one of a million runs."""
    w = world(TICKED)
    whole, thin = replayed(w, keep=1.0), replayed(w, keep=0.2)
    nothing = w.made["codes"]
    ticks = whole.weight[whole.label == nothing].sum()
    assert (whole.weight == 1).all()
    error = math.sqrt(0.8 / 0.2 / ticks)
    got = thin.weight[thin.label == nothing].sum()
    assert abs(got / ticks - 1) < 5 * error
    assert len(thin.label) < 0.6 * len(whole.label)
    assert np.array_equal(thin.label[thin.row >= 0], whole.label[whole.row >= 0]), "rows are never thinned"
    # planted fault: weights forgotten
    assert abs((thin.label == nothing).sum() / ticks - 1) > 5 * error


# -- limits


def rare(w, **changes):
    """Limits that allow everything but what is changed."""
    open_all = {
        name: np.ones_like(getattr(w.lim, name))
        for name in ("day_of_month", "to_month_end", "weekday", "pair", "opens", "follows")
    }
    many = {
        name: np.full_like(getattr(w.lim, name), 1 << 30) for name in ("most_tick", "most_month", "most_ever")
    }
    return w.lim._replace(**{**open_all, **many, "most": 60, **changes})


def forbidden(w, name):
    """Limits that forbid one thing, and the share of entities or rows in which it happens."""
    lay = w.lay
    arrays = {
        k: getattr(rare(w), k).copy() for k in rare(w)._fields if isinstance(getattr(w.lim, k), np.ndarray)
    }
    change = arrays[name]

    def day(time, column):
        return lay.calendar[np.floor(time / lay.day + 1e-9).astype(int) - lay.day_zero, column]

    if name == "opens":
        change[0] = False
        return change, lambda o, t, c: (c[o[:-1][np.diff(o) > 0]] == 0).sum()
    if name == "follows":
        change[0] = False
        return change, lambda o, t, c: (np.delete(c, o[:-1][np.diff(o) > 0]) == 0).sum()
    if name == "weekday":
        change[:, 6] = False
        return change, lambda o, t, c: (day(t, 2) == 6).sum()
    if name == "day_of_month":
        change[1, :15] = False
        return change, lambda o, t, c: ((c == 1) & (day(t, 0) < 15)).sum()
    if name == "most_ever":
        change[:] = 1
        whose = lambda o: np.repeat(np.arange(len(o) - 1), np.diff(o))  # noqa: E731
        return change, lambda o, t, c: len(c) - len(np.unique(whose(o) * 1000 + c))
    assert name == "pair"
    change[:-1] = False  # nothing follows on the same tick
    return change, lambda o, t, c: (
        np.diff(t)[np.diff(np.repeat(np.arange(len(o) - 1), np.diff(o))) == 0] == 0
    ).sum()


@pytest.mark.parametrize("name", ["opens", "follows", "weekday", "day_of_month", "most_ever", "pair"])
def test_what_is_forbidden_is_never_drawn(name):
    w, weights = world(TICKED), nets(world(TICKED), sharp=0.1)
    change, count = forbidden(w, name)
    offsets, time, code, *_ = walked(w, weights, rare(w, **{name: change}))
    assert len(code) > 100
    if name == "weekday":  # the first row comes at a given time
        first = offsets[:-1][np.diff(offsets) > 0]
        time = np.delete(time, first)
    assert count(offsets, time, code) == 0
    offsets, time, code, *_ = walked(w, weights, rare(w))
    assert count(offsets, time, code) > 0, "without the limit it happens"


def test_an_entity_has_no_more_rows_than_the_limit():
    w = world(TICKED)
    offsets = walked(w, nets(w, sharp=0.1), rare(w, most=5))[0]
    assert np.diff(offsets).max() == 5


# -- streams


@pytest.mark.parametrize("example", [TICKED, GAPPED])
def test_an_entity_is_the_same_alone_in_any_block_and_thread(example):
    w, weights = world(example), nets(world(example))

    def rows(entities):
        offsets, *columns = walked(w, weights, entities=entities)
        return {
            int(e): [c[a:b].tolist() for c in columns]
            for e, a, b in zip(entities, offsets, offsets[1:], strict=False)
        }

    whole = rows(np.arange(40))
    assert sum(len(r[0]) for r in whole.values()) > 100
    assert rows(np.array([7])) == {7: whole[7]}
    assert rows(np.array([39, 7, 3])) == {e: whole[e] for e in (39, 7, 3)}
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(rows, np.array_split(np.arange(40), 4)))
    assert {e: r for part in parts for e, r in part.items()} == whole
    assert rows(np.array([8]))[8] != whole[7], "another entity has other rows"


@pytest.mark.parametrize("example", [GAPPED, MARKED])
def test_nobody_ends_before_the_fewest_rows_where_gaps_are_drawn(example):
    w = world(example)
    late = np.full(w.view.n_entities, 0.98 * w.made["span"][1] + 0.02 * w.made["span"][0])
    assert np.diff(walked(w, nets(w, sharp=0.1), rare(w, least=4), begin=late)[0]).min() >= 4, "they hurry"
    assert np.diff(walked(w, nets(w, sharp=0.1), rare(w, least=1), begin=late)[0]).min() < 4


# -- sums that go from row to row


@pytest.mark.parametrize("example", [TICKED, GAPPED, MARKED])
def test_a_first_layer_kept_from_row_to_row_is_that_of_all_features(example):
    w = world(example)
    random = np.random.default_rng(0)
    weight = random.normal(size=(w.made["features"], 5)).astype(np.float32)
    sums = first_layer.make_sums(weight, np.ones(5, np.float32))
    m, (at, index, value) = empty_memory(w.made), w.fixed
    bi, bx = np.empty(widest(w.made), np.int32), np.empty(widest(w.made))
    farthest = 0.0
    for i in range(3):
        fi, fx = index[at[i] : at[i + 1]], value[at[i] : at[i + 1]]
        memory.forget(m, w.begin[i])
        first_layer.begin(sums, m, w.lay, fi, fx, bi, bx)
        for r in range(w.view.offsets[i], min(w.view.offsets[i + 1], w.view.offsets[i] + 60)):
            t, slot = w.view.time[r], w.lay.slot[w.rows.code[r]]
            n = features.lately(m, w.lay, bi, bx, 0)
            now = np.zeros(5, np.float32)
            first_layer.stay(sums, m, bi, bx, n, now)
            k = features.moment(m, w.lay, t, bi, bx, n)
            first_layer.then(sums, m, w.lay, t, bi, bx, n, k, now)
            k = features.passing(m, w.lay, t, bi, bx, features.steady(m, w.lay, fi, fx, bi, bx))
            farthest = max(farthest, np.abs(1.0 + bx[:k] @ weight[bi[:k]] - now).max())
            k = features.of_slot(m, w.lay, slot, bi, bx, 0)
            first_layer.before(sums, m, w.lay, slot, t, bi, bx, k)
            memory.remember(m, w.lay, t, w.rows.code[r], w.rows.choice[r], w.rows.value[r])
            first_layer.after(sums, m, w.lay, slot, bi, bx, features.of_slot(m, w.lay, slot, bi, bx, 0))
    assert farthest < 3 * w.lay.slots * features.FAINT + 1e-4, "but for decays too faint to be written"


@pytest.mark.parametrize("example", [TICKED, GAPPED])
def test_lines_are_products_of_statics_and_memory_with_the_matrix_of_the_code(example):
    w = world(example)
    found, line = replayed(w), np.random.default_rng(1).normal(size=nets(w).line.shape).astype(np.float32)
    weights = nets(w)._replace(line=line)
    m, (at, index, value), moved = empty_memory(w.made), w.fixed, np.zeros(line.shape[2])
    assert line.shape[2] > 0
    for i in range(3):
        memory.forget(m, w.begin[i])
        for r in range(w.view.offsets[i], w.view.offsets[i + 1]):
            code = w.rows.code[r]
            fields.lines(code, m, w.lay, weights, index[at[i] : at[i + 1]], value[at[i] : at[i + 1]], moved)
            event = np.flatnonzero(found.row == r)
            x = dense(found.at, found.index, found.value, event, w.made["features"])[0]
            inside = w.made["place"] >= 0
            code_or_first = code + w.made["codes"] * (m.times[w.lay.slot[code]] == 0)
            assert moved == pytest.approx(x[inside] @ line[code_or_first, w.made["place"][inside]], abs=1e-4)
            product = np.zeros((1, line.shape[2]), np.float32)
            product_by_code(
                found.at, found.index, found.value.astype(np.float32), event, np.array([code_or_first]),
                w.made["place"], line, product,
            )  # fmt: skip
            assert product[0] == pytest.approx(moved, abs=1e-4)
            memory.remember(m, w.lay, w.view.time[r], code, w.rows.choice[r], w.rows.value[r])

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tsynth.data.constraints import Constraints, find, from_dict
from tsynth.data.constraints.evidence import halve
from tsynth.data.constraints.repeats import ChangesOnly, Kept, SameMoment, find_repeats


def visits(seed=0, n=150):
    """Patients with 6 visits of 3 rows: a clinic a patient, a nurse a visit, a dose that is set in some rows only."""
    random = np.random.default_rng(seed)
    rows = 18 * n
    ids, step = np.repeat(np.arange(n), 18), np.tile(np.arange(18), n)
    code = random.choice(["set", "measure", "talk"], rows, p=[0.2, 0.5, 0.3])
    new = (code == "set") | (step == 0)
    dose = random.integers(1, 40, rows)[np.maximum.accumulate(np.where(new, np.arange(rows), 0))]
    return {
        "id": ids,
        "time": (step // 3).astype(float),
        "code": code,
        "clinic": pa.array(
            np.array(list("ABCDE"))[random.integers(0, 5, n)][ids], mask=random.random(rows) < 0.3
        ),
        "nurse": np.repeat(random.choice(np.array(["Ann", "Bo", "Cy"]), rows // 3), 3),
        "dose": dose,
    }


SENTENCES = {
    "clinic keeps its first value inside an entity",
    "nurse is the same in all rows of an entity at one time",
    "dose changes only where code = set",
}


def shuffled(data, random):
    """What a generator might make that knows of no row but the one."""
    order = pa.array(random.permutation(data.n_rows))
    return data.with_columns(
        {name: data.column(name).take(order) for name in ("clinic", "nurse", "dose", "code")}
    )


class TestFinding:
    def test_each_is_found(self, sequences):
        rules = find(sequences(visits()))
        assert {rule.sentence() for rule in rules} == SENTENCES
        assert all(rule.share == 1.0 for rule in rules)

    def test_shuffled_rows_have_none(self, sequences):
        data = shuffled(sequences(visits()), np.random.default_rng(0))
        assert find_repeats(halve(data, 0, 0.995), []) == []

    def test_values_that_change_now_and_then_are_passed_over(self, sequences):
        columns = visits()
        late = np.flatnonzero(np.arange(len(columns["id"])) % 36 == 30)  # in every second patient
        clinic = np.array(columns["clinic"].to_pylist(), dtype=object)
        clinic[late] = "F"
        columns["clinic"] = pa.array(clinic.tolist())
        columns["dose"][late] = 99
        columns["code"][late] = "talk"
        nurses = columns["nurse"].copy()
        nurses[late] = "Di"
        columns["nurse"] = nurses
        assert find_repeats(halve(sequences(columns), 0, 0.995), []) == []

    def test_a_rare_flag_is_not_kept_just_because_it_is_mostly_off(self, sequences):
        random = np.random.default_rng(0)
        ids = np.repeat(np.arange(600), 4)
        flag = random.random(2400) < 0.01
        data = sequences({"id": ids, "time": random.uniform(0, 1, 2400), "flag": flag})
        assert find_repeats(halve(data, 0, 0.98), []) == []

    def test_a_value_that_clings_is_not_tied_to_a_code_that_clings(self, sequences):
        """Both change in few rows only, so that by chance they seldom change together; seen in none of 40 tables."""
        for seed in range(40):
            random = np.random.default_rng(seed)
            rows = 100 * 30
            begins = np.arange(rows) % 30 == 0
            held = [
                np.maximum.accumulate(np.where((random.random(rows) < p) | begins, np.arange(rows), 0))
                for p in (0.03, 0.05)
            ]
            data = sequences(
                {
                    "id": np.repeat(np.arange(100), 30),
                    "time": np.tile(np.arange(30.0), 100),
                    "x": random.normal(size=rows)[held[0]],
                    "code": random.choice(["a", "b", "c"], rows)[held[1]],
                }
            )
            assert find_repeats(halve(data, seed, 0.995), []) == []


class TestRestoring:
    @settings(max_examples=15)
    @given(st.integers(0, 10**6))
    def test_any_rows_are_put_right(self, sequences, seed):
        data = sequences(visits(n=20))
        rules = Constraints(
            [
                Kept(columns=("clinic",)),
                SameMoment(columns=("nurse", "time")),
                ChangesOnly(columns=("dose", "code"), levels=("set",)),
            ]
        )
        assert rules.restore(rules.remove(data)) is data
        made = rules.restore(shuffled(data, np.random.default_rng(seed)))
        assert [rule.holds(made) for rule in rules] == [1.0] * 3
        assert made.schema == data.schema

    def test_nulls_stay_and_are_passed_over(self, sequences):
        columns = {"id": [1] * 5, "time": [0.0, 1.0, 1.0, 2.0, 2.0], "x": [None, 3, None, 4, 5]}
        data = sequences({**columns, "k": ["a", "b", "b", "a", "b"]})
        assert Kept(columns=("x",)).restore(data).column("x").to_pylist() == [None, 3, None, 3, 3]
        assert SameMoment(columns=("x", "time")).restore(data).column("x").to_pylist() == [
            None,
            3,
            None,
            4,
            4,
        ]
        only = ChangesOnly(columns=("x", "k"), levels=("a", None))
        assert only.restore(data).column("x").to_pylist() == [None, 3, None, 4, 4]
        assert only.sentence() == "x changes only where k = a or null"
        assert only.holds(data) == 0.0
        none = data.keep_rows(np.zeros(5, bool))
        assert only.restore(none).n_rows == 0

    def test_json_and_back(self, sequences):
        for rule in find(sequences(visits())):
            assert from_dict(rule.to_dict()) == rule

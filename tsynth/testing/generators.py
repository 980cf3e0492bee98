"""Checks that every generator must pass, on every example that it can take."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth import registry
from tsynth.data.reading import read
from tsynth.data.sequences import Sequences, concat
from tsynth.errors import (
    ArtifactError,
    DataError,
    DataWarning,
    NotFitted,
    PrivacyWarning,
    TsynthError,
    TsynthWarning,
    UsageError,
)
from tsynth.generators.artifacts import load, model_hash
from tsynth.generators.base import Generator
from tsynth.testing.checks import Check
from tsynth.testing.examples import EXAMPLES

__all__ = ["generator_checks"]

Make = Callable[[], Generator]
STEPS = 40
"""Steps for generators that learn by steps: the contract asks for form, not for likeness, and must stay quick."""


def generator_checks(generator: str | type[Generator], examples: list[str] | None = None) -> list[Check]:
    """All checks of the contract for a generator.

    Parameters
    ----------
    generator : str or type
        A name in the registry (plug-ins too), or a class.
    examples : list of str, optional
        Names of `EXAMPLES` to check on; those that fit what the generator takes where None.

    Returns
    -------
    list of Check
        Each is called without arguments and raises AssertionError with what broke.
    """
    kind: type[Generator] = (
        registry.find("generators", generator) if isinstance(generator, str) else generator
    )
    chosen = examples or (["panel"] if kind.takes == "series" else list(EXAMPLES))
    checks = [Check(name, partial(run, kind), kind.name) for name, run in _ALONE.items()]
    for example in chosen:
        for name, run in _ON_DATA.items():
            checks.append(Check(name, partial(run, kind, EXAMPLES[example]()), kind.name, example))
    return checks


# -- without data


def _parameters_are_only_stored(kind: type[Generator]) -> None:
    made = kind()
    assert set(vars(made)) == set(kind._parameter_names()), (
        "a constructor stores its parameters and nothing else"
    )
    twin = kind(**made.get_params())
    assert twin.get_params() == made.get_params(), "get_params does not rebuild the generator"
    assert made.set_params(**made.get_params()) is made
    _raises(UsageError, lambda: made.set_params(no_such_parameter=1))


def _clones_as_scikit_learn_does(kind: type[Generator]) -> None:
    from sklearn.base import clone

    made = kind()
    twin = clone(made)
    assert twin is not made
    assert twin.get_params() == made.get_params()


def _describes_itself(kind: type[Generator]) -> None:
    assert kind.name.isidentifier(), "a name is a word"
    assert kind.__doc__, "a generator has a docstring"
    assert len(kind.__doc__) > 100, "a docstring says what it assumes and when to choose another"
    assert kind.cannot_keep, "a generator says what it cannot keep"
    assert kind.name in repr(kind()) or kind.__name__ in repr(kind())


def _refuses_to_sample_unfitted(kind: type[Generator]) -> None:
    _raises(NotFitted, lambda: kind().sample(3, seed=0))
    with tempfile.TemporaryDirectory() as folder:
        _raises(NotFitted, lambda: kind().save(Path(folder) / "model.tsynth"))


def _refuses_no_rows(kind: type[Generator]) -> None:
    example = EXAMPLES["panel" if kind.takes == "series" else "mixed"]()
    nothing = example.take(np.array([], dtype=np.int64))
    _raises(DataError, lambda: kind().fit(nothing))
    _raises(UsageError, lambda: kind().fit([[1, 2, 3]]))  # type: ignore[arg-type]


_ALONE: dict[str, Callable[[type[Generator]], None]] = {
    "parameters_are_only_stored": _parameters_are_only_stored,
    "clones_as_scikit_learn_does": _clones_as_scikit_learn_does,
    "describes_itself": _describes_itself,
    "refuses_to_sample_unfitted": _refuses_to_sample_unfitted,
    "refuses_no_rows": _refuses_no_rows,
}


# -- on data


def _keeps_the_schema(kind: type[Generator], data: Sequences) -> None:
    made = _fit(kind, data).sample(17, seed=2)
    assert made.n_entities == 17, f"17 entities were asked for, {made.n_entities} came"
    assert made.schema.differences(data.schema) == [], made.schema.differences(data.schema)
    source, result = data.table().schema, made.table().schema
    assert result.names == source.names, f"columns {result.names}, not {source.names}"
    for before, after in zip(source, result, strict=True):
        assert before.type == after.type, f"{before.name}: {after.type}, not {before.type}"
    assert type(made.frame) is type(data.frame)


def _keeps_values_inside(kind: type[Generator], data: Sequences) -> None:
    made = _fit(kind, data).sample(40, seed=2)
    for column in data.schema:
        if column.name not in made or not column.learned or column.role == "entity":
            continue
        values = made.column(column.name)
        if not column.nullable:
            assert values.null_count == 0, f"{column.name}: nulls where the source has none"
        if column.discrete:
            assert not (made.codes(column.name) == -2).any(), (
                f"{column.name}: a level that the source does not have"
            )
        elif column.kind in ("continuous", "count") and column.role != "time":
            numbers = made.numeric(column.name)
            assert np.isfinite(numbers[~made.nulls(column.name)]).all(), f"{column.name}: not finite"
            if column.decimals is not None:
                known = numbers[np.isfinite(numbers)]
                off = np.abs(known - np.round(known, column.decimals)).max(initial=0.0)
                assert off < 1e-6, f"{column.name}: more than {column.decimals} decimals"


def _never_goes_back_in_time(kind: type[Generator], data: Sequences) -> None:
    made = _fit(kind, data).sample(40, seed=2)
    inside = np.diff(made.entity_of_row) == 0
    assert (np.diff(made.time)[inside] >= 0).all(), "time goes back inside an entity"


def _holds_the_constraints(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    made = fitted.sample(40, seed=2)
    for constraint in fitted.constraints_:
        share = constraint.holds(made)
        assert np.isnan(share) or share >= 0.999, f"{constraint.sentence()}: holds in {share:.4f} of the rows"


def _gives_surrogate_ids(kind: type[Generator], data: Sequences) -> None:
    if data.schema.entity is None:
        return
    fitted = _fit(kind, data)
    ids = pa.concat_arrays(
        [fitted.sample(20, seed=2, first=a).entities[data.schema.entity].combine_chunks() for a in (0, 20)]
    )
    assert pc.count_distinct(ids).as_py() == 40, "ids are not unique over first"
    assert not pc.any(pc.is_in(ids, value_set=data.entities[data.schema.entity].combine_chunks())).as_py(), (
        "a synthetic id equals a source id"
    )


def _same_seed_same_bytes(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    whole = fitted.sample(30, seed=5).content_hash()
    assert fitted.sample(30, seed=5).content_hash() == whole, "the same seed gives other rows"
    assert fitted.sample(30, seed=6).content_hash() != whole, "another seed gives the same rows"
    again = kind().fit(data, seed=1, steps=STEPS)
    assert model_hash(again) == model_hash(fitted), "two fits on the same rows differ"
    assert again.sample(30, seed=5).content_hash() == whole, "two fits on the same rows sample differently"


def _parts_equal_the_whole(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    whole = fitted.sample(30, seed=5).content_hash()
    for part in (1, 7, 30, 100):
        parts = list(fitted.stream(30, seed=5, part=part))
        assert [p.n_entities for p in parts[:-1]] == [part] * (len(parts) - 1)
        assert concat(parts).content_hash() == whole, f"parts of {part} differ from the whole"
    two = concat([fitted.sample(12, seed=5), fitted.sample(18, seed=5, first=12)])
    assert two.content_hash() == whole, "first= does not continue"


def _threads_share_a_fit(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    alone = [fitted.sample(15, seed=s).content_hash() for s in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda s: fitted.sample(15, seed=s).content_hash(), range(4)))
    assert together == alone, "threads that share a fit get other rows"


def _leaves_global_state_alone(kind: type[Generator], data: Sequences) -> None:
    before = np.random.get_state()[1].tobytes()  # type: ignore[index]
    kind().fit(data, seed=1, steps=STEPS).sample(5, seed=2)
    assert np.random.get_state()[1].tobytes() == before, "numpy's global random state was used"  # type: ignore[index]


def _row_order_does_not_matter(kind: type[Generator], data: Sequences) -> None:
    order = np.random.default_rng(3).permutation(data.n_rows)
    shuffled = read(data.table().take(pa.array(order)), schema=data.schema.replace(entity_columns=()))
    assert shuffled.content_hash() == data.content_hash(), "reading depends on the order of rows"
    first, second = _fit(kind, data), kind().fit(shuffled, seed=1, steps=STEPS)
    assert first.sample(10, seed=2).content_hash() == second.sample(10, seed=2).content_hash()


def _saves_and_loads(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tsynth"
        fitted.save(path)
        loaded = load(path)
        assert type(loaded) is kind, "the registry finds another class under this name"
        assert model_hash(loaded) == model_hash(fitted), "what was loaded is not what was saved"
        assert loaded.get_params() == fitted.get_params()
        assert loaded.sample(11, seed=3).content_hash() == fitted.sample(11, seed=3).content_hash()
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        path.write_bytes(bytes(raw))
        _raises(ArtifactError, lambda: load(path))
        path.write_bytes(bytes(raw[: len(raw) // 3]))
        _raises(ArtifactError, lambda: load(path))


def _model_holds_no_source_id(kind: type[Generator], data: Sequences) -> None:
    """Identifiers and texts of the source never enter an artifact: looked for as text in every stored string."""
    fitted = _fit(kind, data)
    secret: set[str] = set()
    for column in data.schema:
        if (column.role == "entity" or not column.learned) and pa.types.is_string(
            data.column(column.name).type
        ):
            secret |= {v for v in data.column(column.name).to_pylist() if v}
    stored = set(_strings(fitted.get_state()))
    assert not secret & stored, f"the model holds {sorted(secret & stored)[:3]}"


def _samples_so_many_rows(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    made = fitted.sample(rows=100, seed=4)
    assert made.n_rows >= 100 > made.n_rows - made.lengths[-1], "rows= is not the fewest whole entities"
    same = fitted.sample(made.n_entities, seed=4)
    assert made.content_hash() == same.content_hash(), "rows= gives other entities than n="


def _refuses_wrong_counts(kind: type[Generator], data: Sequences) -> None:
    fitted = _fit(kind, data)
    for wrong in (0, -1, 2.5, "many", True):
        _raises(UsageError, partial(fitted.sample, wrong, seed=0))  # type: ignore[arg-type]
    _raises(UsageError, lambda: fitted.sample(3, rows=10))
    _raises(UsageError, lambda: fitted.sample(3, first=-1))


def _keeps_conditions(kind: type[Generator], data: Sequences) -> None:
    statics = [c for c in data.schema.statics if c.discrete and c.levels]
    if not statics or kind.takes == "series":
        return
    fitted = _fit(kind, data)
    column = statics[0]
    assert column.levels
    level = column.levels[0]
    given = pa.table({column.name: pa.array([level] * 9)})
    made = fitted.sample(conditions=given, seed=2)
    assert made.n_entities == 9
    assert made.column(column.name).to_pylist() == [level] * 9, f"{column.name} is not what was given"
    _raises(UsageError, lambda: fitted.sample(5, conditions=given))
    _raises(TsynthError, lambda: fitted.sample(conditions=pa.table({column.name: ["no such level"]})))
    _raises(TsynthError, lambda: fitted.sample(conditions=pa.table({"no such column": [1]})))


def _survives_small_data(kind: type[Generator], data: Sequences) -> None:
    for few in (data.take(np.array([0])), data.take(np.array([1, 2]))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", TsynthWarning)
            made = kind().fit(few, seed=1, steps=STEPS).sample(3, seed=2)
        assert made.n_entities == 3
        if few.n_entities == 1:
            told = [w for w in caught if issubclass(w.category, PrivacyWarning)]
            assert told, "one entity is learned from without a privacy warning"
    first = np.zeros(data.n_rows, bool)
    first[data.offsets[:-1][data.lengths > 0]] = True
    if kind.takes != "series":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            short = kind().fit(data.keep_rows(first), seed=1, steps=STEPS).sample(20, seed=2)
        assert short.lengths.max() <= 1, "sequences of one row grew"


_ON_DATA: dict[str, Callable[[type[Generator], Sequences], None]] = {
    "keeps_the_schema": _keeps_the_schema,
    "keeps_values_inside": _keeps_values_inside,
    "never_goes_back_in_time": _never_goes_back_in_time,
    "holds_the_constraints": _holds_the_constraints,
    "gives_surrogate_ids": _gives_surrogate_ids,
    "same_seed_same_bytes": _same_seed_same_bytes,
    "parts_equal_the_whole": _parts_equal_the_whole,
    "threads_share_a_fit": _threads_share_a_fit,
    "leaves_global_state_alone": _leaves_global_state_alone,
    "row_order_does_not_matter": _row_order_does_not_matter,
    "saves_and_loads": _saves_and_loads,
    "model_holds_no_source_id": _model_holds_no_source_id,
    "samples_so_many_rows": _samples_so_many_rows,
    "refuses_wrong_counts": _refuses_wrong_counts,
    "keeps_conditions": _keeps_conditions,
    "survives_small_data": _survives_small_data,
}


_FITTED: dict[tuple[type[Generator], int], tuple[Sequences, Generator]] = {}


def _fit(kind: type[Generator], data: Sequences) -> Generator:
    """A generator fitted to an example, once a process: fitted objects are read-only while sampling."""
    key = (kind, id(data))
    if key not in _FITTED:
        # the data is kept beside the fit, so that its id is not given to another object
        _FITTED[key] = (data, kind().fit(data, seed=1, steps=STEPS))
    return _FITTED[key][1]


def _raises(kind: type[BaseException], run: Callable[[], Any]) -> None:
    try:
        run()
    except kind:
        return
    except Exception as error:
        raise AssertionError(f"raised {type(error).__name__} ({error}), not {kind.__name__}") from error
    raise AssertionError(f"did not raise {kind.__name__}")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _strings(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _strings(part)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return [str(v) for v in value.ravel()]
    return []

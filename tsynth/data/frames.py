"""The one way in and out for data frames: pandas, polars, pyarrow and what speaks Arrow or narwhals.

No other module touches a frame library; each is imported only where a frame of it is at hand.
`to_table` also gives an *origin*, a short text that says which frame came in and which of its types Arrow does not
name; `from_table` reads it and gives the same kind of frame with the same types back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import arrow_types
from tsynth.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["from_table", "is_frame", "origin_facts", "outgoing", "to_table", "with_facts"]

Levels = Mapping[str, Sequence[Any]]


def is_frame(source: object) -> bool:
    """Whether `to_table` can take `source`."""
    return _library(source) is not None


def to_table(frame: Any) -> tuple[pa.Table, str]:
    """A frame as an Arrow table, and its origin.

    Takes pandas (NumPy, nullable, Arrow-backed, ``str`` and categorical columns), polars (eager or lazy), pyarrow,
    every object with the Arrow PyCapsule protocol and every frame that narwhals knows. Integers, decimals and
    durations stay exact; NaN becomes null. Categories stay dictionaries, so that unused levels are seen. A named
    index of pandas becomes columns and comes back as index.

    Parameters
    ----------
    frame : DataFrame or pyarrow.Table

    Returns
    -------
    table : pyarrow.Table
    origin : str
        A token for `from_table`.

    Raises
    ------
    DataError
        For names that are empty or doubled and for values that have no place in a column: complex, nested,
        periods, mixed types, integers over 64 bits, text that is not valid Unicode.
    UsageError
        Where `frame` is no frame.
    """
    library = _library(frame)
    if library == "pandas":
        return _from_pandas(frame)
    if library == "polars":
        lazy = type(frame).__name__ == "LazyFrame"
        eager = frame.collect() if lazy else frame
        for name, kind in eager.schema.items():
            if str(kind).startswith(("Object", "Struct", "List", "Array")):
                raise DataError(f"has type {kind}", column=name, fix="spread it over columns or leave it out")
        return _arrow(eager.to_arrow(), "polars.lazy" if lazy else "polars")
    if library == "narwhals":
        table, origin = to_table(frame.to_native())
        return table, "narwhals." + origin
    if library == "pyarrow":
        return _arrow(frame if isinstance(frame, pa.Table) else pa.table(frame), "pyarrow")
    if library == "any":
        import narwhals as nw

        native = nw.from_native(frame)
        return _arrow(
            (native.collect() if isinstance(native, nw.LazyFrame) else native).to_arrow(), "pyarrow"
        )
    raise UsageError(
        f"{type(frame).__name__} is not a frame",
        fix="hand in a pandas, polars or pyarrow frame, or a path to a file",
    )


def from_table(table: pa.Table, origin: str, levels: Levels | None = None) -> Any:
    """The frame that `origin` names, with the types that it names.

    Parameters
    ----------
    table : pyarrow.Table
    origin : str
        From `to_table`.
    levels : mapping of str to sequence, optional
        Levels by column, in order, for columns that come back as categories; those that occur, where not given.
    """
    name, facts = origin_facts(origin)
    if name.startswith("narwhals."):
        import narwhals as nw

        return nw.from_native(from_table(table, origin.removeprefix("narwhals."), levels))
    table = outgoing(table, origin, levels)
    if name == "pandas":
        return _to_pandas(table, facts, levels or {})
    if name in ("polars", "polars.lazy"):
        frame = _to_polars(table, facts, levels or {})
        return frame.lazy() if name == "polars.lazy" else frame
    return table


def outgoing(table: pa.Table, origin: str, levels: Levels | None = None) -> pa.Table:
    """The table as it should stand in a file: a time put together from two columns is two columns again, and
    dictionary columns of an Arrow source are dictionaries again.
    """
    name, facts = origin_facts(origin)
    if parts := facts.get("time_parts"):
        from tsynth.data.time_parts import part_again

        table = part_again(table, parts)
    if name != "pyarrow":
        return table
    for column, token in facts.get("dtypes", {}).items():
        if column in table.column_names:
            at, kind = table.column_names.index(column), arrow_types.parse(token)
            table = table.set_column(at, column, _dictionary(table[column], kind, (levels or {}).get(column)))
    return table


def origin_facts(origin: str) -> tuple[str, dict[str, Any]]:
    """Name and facts of an origin."""
    name, _, facts = origin.partition(":")
    return name, json.loads(facts) if facts else {}


def with_facts(origin: str, **facts: Any) -> str:
    """The origin with further facts."""
    name, old = origin_facts(origin)
    return _token(name, {**old, **facts})


def _token(name: str, facts: Mapping[str, Any]) -> str:
    kept = {k: v for k, v in facts.items() if v}
    return f"{name}:{json.dumps(kept, separators=(',', ':'))}" if kept else name


def _library(frame: object) -> str | None:
    if isinstance(frame, (pa.Table, pa.RecordBatch)):
        return "pyarrow"
    for library, kinds in (("pandas", ("DataFrame",)), ("polars", ("DataFrame", "LazyFrame"))):
        loaded = sys.modules.get(library)
        if loaded is not None and isinstance(frame, tuple(getattr(loaded, k) for k in kinds)):
            return library
    if type(frame).__module__.startswith("narwhals") and hasattr(frame, "to_native"):
        return "narwhals"
    if hasattr(frame, "__arrow_c_stream__"):
        return "pyarrow"
    if hasattr(frame, "__narwhals_dataframe__") or hasattr(frame, "__narwhals_lazyframe__"):
        return "any"
    if isinstance(frame, (str, bytes, Mapping, Sequence)) or frame is None:
        return None
    module = type(frame).__module__.partition(".")[0]
    return "any" if module in ("modin", "cudf", "dask", "duckdb", "ibis", "sqlframe", "pyspark") else None


def _arrow(table: pa.Table, name: str) -> tuple[pa.Table, str]:
    table = arrow_types.settle(table.replace_schema_metadata(None))
    tokens = {}
    for field in table.schema:
        if pa.types.is_dictionary(field.type):
            tokens[field.name] = str(field.type) if name == "pyarrow" else _polars_token(field)
    return table, _token(name, {"dtypes": tokens})


def _dictionary(column: pa.ChunkedArray, kind: pa.DataType, levels: Sequence[Any] | None) -> pa.ChunkedArray:
    """A column as a dictionary over `levels`, or over the values that occur, sorted."""
    if pa.types.is_dictionary(column.type):
        return column
    from tsynth.data.sequences import level_array

    known = level_array(tuple(levels), kind.value_type) if levels else pa.array([], kind.value_type)
    found = pc.drop_null(pc.unique(column.cast(kind.value_type)))
    new = found.filter(pc.invert(pc.is_in(found, value_set=known)))
    new = new.take(pc.sort_indices(new))
    values = pa.concat_arrays([known, new.combine_chunks() if isinstance(new, pa.ChunkedArray) else new])
    width = kind.index_type if len(values) <= 2 ** (kind.index_type.bit_width - 1) else pa.int32()
    codes = pc.index_in(column.cast(kind.value_type), value_set=values, skip_nulls=True).cast(width)
    chunks = [pa.DictionaryArray.from_arrays(c, values, ordered=kind.ordered) for c in codes.chunks]
    return pa.chunked_array(chunks, pa.dictionary(width, kind.value_type, kind.ordered))


def _declared(column: pa.ChunkedArray) -> list[Any]:
    """Levels of a column that is a dictionary."""
    if not pa.types.is_dictionary(column.type):
        return []
    return list(
        dict.fromkeys(v for chunk in column.chunks for v in chunk.dictionary.to_pylist() if v is not None)
    )


# -- polars


def _polars_token(field: pa.Field) -> str:
    return "enum" if b"_PL_ENUM_VALUES2" in (field.metadata or {}) or field.type.ordered else "categorical"


def _to_polars(table: pa.Table, facts: Mapping[str, Any], levels: Levels) -> pl.DataFrame:
    import polars as pl

    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table did not become a frame")
    casts: dict[str, pl.Expr] = {}
    for name, token in facts.get("dtypes", {}).items():
        if name in frame.columns:
            known = levels.get(name) or _declared(table[name])
            seen = [str(v) for v in known]
            seen += sorted(set(frame[name].drop_nulls().cast(pl.String).to_list()) - set(seen))
            casts[name] = pl.col(name).cast(pl.Enum(seen) if token == "enum" else pl.Categorical)
    return frame.with_columns(**casts) if casts else frame


# -- pandas


def _from_pandas(frame: Any) -> tuple[pa.Table, str]:
    import pandas as pd

    facts: dict[str, Any] = {}
    if frame.columns.nlevels > 1:
        raise DataError("the column names have several levels", fix="flatten them to one name each")
    named = [name for name in frame.index.names if name is not None]
    if named:
        if frame.index.nlevels != len(named):
            raise DataError("a level of the index has no name", fix="name every level, or reset the index")
        facts["index"] = [str(name) for name in named]
        frame = frame.reset_index()
    names = []
    for place, name in enumerate(frame.columns):
        if isinstance(name, str):
            names.append(name)
        elif isinstance(name, int) or type(name).__module__ == "numpy":
            names.append(str(name))
            facts["renamed"] = True
        else:
            raise DataError(
                f"column number {place} has the name {name!r}, which is no text", fix="name it with text"
            )
    arrow_types.check_names(names)
    columns: dict[str, pa.ChunkedArray] = {}
    tokens: dict[str, str] = {}
    for place, name in enumerate(names):
        series = frame.iloc[:, place]
        columns[name], token = _from_series(name, series, pd)
        if token:
            tokens[name] = token
    facts["dtypes"] = tokens
    table = pa.table(columns) if columns else pa.table({})
    return arrow_types.settle(table), _token("pandas", facts)


def _from_series(name: str, series: Any, pd: Any) -> tuple[pa.ChunkedArray, str]:
    dtype = series.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return _chunked(series.array.__arrow_array__()), "arrow"
    if isinstance(dtype, pd.CategoricalDtype):
        # Categories of any other type than text are rare; all go the same way.
        _from_series(name, pd.Series(dtype.categories), pd)
        return _convert(name, series), "ordered" if dtype.ordered else "category"
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        fix = (
            "use `.dt.to_timestamp()`" if isinstance(dtype, pd.PeriodDtype) else "use the two ends as columns"
        )
        raise DataError(f"has type {dtype}", column=name, fix=fix)
    if isinstance(dtype, pd.SparseDtype):
        series = series.sparse.to_dense()
        return _convert(name, series), str(series.dtype)
    if dtype.kind == "c":
        raise DataError(
            "holds complex numbers", column=name, fix="give real and imaginary part a column each"
        )
    if isinstance(dtype, pd.StringDtype):
        token = "str" if str(dtype) == "str" else f"string[{dtype.storage}]"
        return _convert(name, series), token
    if dtype.kind == "O":
        return _from_objects(name, series, pd)
    return _convert(name, series), str(dtype)


_ONE_TYPE = ("string", "empty", "decimal", "date", "boolean", "integer", "floating", "time", "timedelta", "timedelta64",
             "datetime", "datetime64", "mixed-integer-float")  # fmt: skip


def _from_objects(name: str, series: Any, pd: Any) -> tuple[pa.ChunkedArray, str]:
    found = pd.api.types.infer_dtype(series, skipna=True)
    if found not in _ONE_TYPE:
        kinds: dict[str, int] = {}
        for row, value in enumerate(series):
            if isinstance(value, (list, tuple, dict, set)):
                raise DataError(
                    f"holds nested values ({type(value).__name__})",
                    column=name,
                    row=row,
                    fix="spread it over columns",
                )
            if isinstance(value, complex):
                raise DataError(
                    "holds complex numbers",
                    column=name,
                    row=row,
                    fix="give real and imaginary part a column each",
                )
            if found == "period":
                raise DataError("holds periods", column=name, row=row, fix="use `.dt.to_timestamp()`")
            if not (value is None or value is pd.NA or value is pd.NaT or value != value):
                kinds.setdefault(type(value).__name__, row)
        (first, _), *rest = kinds.items()
        other, row = rest[0] if rest else (first, 0)
        what = f"mixes {first} and {other}" if rest else f"holds values of type {first}"
        raise DataError(f"{what} (first in row {row})", column=name, row=row, fix="convert it to one type")
    if found in ("datetime", "datetime64"):
        zones: dict[str, int] = {}
        for row, value in enumerate(series):
            if not pd.isna(value):
                zones.setdefault(str(getattr(value, "tzinfo", None)), row)
        if len(zones) > 1:
            (first, _), (other, row), *_ = zones.items()
            raise DataError(
                f"mixes time zones {first} and {other} (first in row {row})", column=name, row=row,
                fix="convert all to one zone with `pandas.to_datetime(..., utc=True).dt.tz_convert(zone)`",
            )  # fmt: skip
    if found == "integer":
        for row, value in enumerate(series):
            if not pd.isna(value) and not -(2**63) <= value < 2**64:
                raise DataError(
                    f"holds {value} in row {row}, more than 64 bits",
                    column=name,
                    row=row,
                    fix="convert it to text or float",
                )
        clean = [None if pd.isna(v) else int(v) for v in series]
        try:
            return _chunked(pa.array(clean, pa.int64())), "object"
        except OverflowError:
            if any(v is not None and v < 0 for v in clean):
                row = next(i for i, v in enumerate(clean) if v is not None and v >= 2**63)
                raise DataError(
                    f"holds negative integers and {clean[row]} in row {row}: more than 64 bits together",
                    column=name, row=row, fix="convert it to text or float",
                ) from None  # fmt: skip
            return _chunked(pa.array(clean, pa.uint64())), "object"
    missing = series[series.isna()]
    nan = len(missing) > 0 and isinstance(missing.iloc[0], float)
    return _convert(name, series), "object nan" if nan else "object"


def _convert(name: str, series: Any) -> pa.ChunkedArray:
    try:
        return _chunked(pa.array(series, from_pandas=True))
    except UnicodeEncodeError:
        for row, value in enumerate(series):
            if isinstance(value, str):
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise DataError(f"holds a lone surrogate, which is no text, in row {row}", column=name, row=row,
                                    fix="clean it with `.encode('utf-8', 'replace').decode()`") from None  # fmt: skip
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"cannot be read ({str(error).splitlines()[0]})", column=name, fix="convert it to one type"
        ) from None


def _chunked(array: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _to_pandas(table: pa.Table, facts: Mapping[str, Any], levels: Levels) -> Any:
    import pandas as pd

    tokens = facts.get("dtypes", {})
    columns = {n: _to_series(table[n], tokens.get(n, ""), levels.get(n), pd) for n in table.column_names}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), columns=pd.Index(table.column_names))
    index = [name for name in facts.get("index", ()) if name in columns]
    return frame.set_index(index) if index else frame


def _to_series(column: pa.ChunkedArray, token: str, levels: Sequence[Any] | None, pd: Any) -> Any:
    if token == "arrow":
        return pd.Series(pd.arrays.ArrowExtensionArray(column))
    if token in ("category", "ordered"):
        kind = pa.dictionary(pa.int32(), column.type, token == "ordered")
        if levels and token == "category":
            levels = sorted(levels)
        return _dictionary(column, kind, levels).to_pandas()
    if token in ("object", "object nan"):
        values = column.to_pandas(date_as_object=True, integer_object_nulls=True).to_numpy(
            dtype=object, copy=True
        )
        if column.null_count:
            values[column.is_null().to_numpy()] = None if token == "object" else float("nan")
        return pd.Series(values, dtype=object)
    if token == "str" or token.startswith("string"):
        return pd.Series(column.to_pandas().astype(object), dtype=token)
    if token in _NULLABLE:
        return column.to_pandas(types_mapper={column.type: pd.api.types.pandas_dtype(token)}.get)
    series = column.to_pandas()
    if token and str(series.dtype) != token:
        try:
            if column.null_count and token.lstrip("u").startswith("int"):
                # NumPy integers have no null: the nullable twin holds them exactly.
                return _to_series(column, token.replace("uint", "UInt").replace("int", "Int"), levels, pd)
            series = series.astype(token)
        except (TypeError, ValueError):
            return series
    return series


_NULLABLE = {
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "boolean",
}  # fmt: skip

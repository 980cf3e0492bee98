"""CSV as people have it: dialects, numbers, dates and missing values are found over the whole column, or refused."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import math

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from tsynth.data.files import read_file, write_csv
from tsynth.data.reading import read
from tsynth.data.text_files import TextOptions
from tsynth.errors import DataError


@pytest.fixture
def table(tmp_path):
    """Reads text as a file."""

    def read_text(text: str | bytes, name: str = "rows.csv", **options: object):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_file(path, TextOptions(**options))

    return read_text


def codes(found) -> list[str]:
    return [note.code for note in found.notes]


# -- dialect


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found(table, separator):
    rows = (
        separator.join(["id", "note", "x"])
        + "\n"
        + "\n".join(separator.join([str(i), '"a, b; c"', f"{i}.5"]) for i in range(20))
    )
    found = table(rows).table
    assert found.column_names == ["id", "note", "x"]
    assert found["x"].to_pylist() == [i + 0.5 for i in range(20)]
    assert set(found["note"].to_pylist()) == {"a, b; c"}


def test_one_column(table):
    assert table("x\n1\n2\n").table["x"].to_pylist() == [1, 2]


def test_first_line_of_excel(table):
    assert table("sep=;\na;b\n1,5;2\n").table.to_pydict() == {"a": [1.5], "b": [2]}


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", False),
        ("utf-8-sig", False),
        ("utf-16", True),
        ("utf-16-le", True),
        ("cp1252", True),
        ("latin-1", True),
    ],
)
def test_encoding_is_found(table, encoding, noted):
    found = table("name,x\nJosé,1\nMüller,2\n".encode(encoding))
    assert found.table.to_pydict() == {"name": ["José", "Müller"], "x": [1, 2]}
    assert ("encoding" in codes(found)) == noted


def test_encoding_is_named(table):
    assert table("a\nж\n".encode("koi8-r"), encoding="koi8-r").table["a"].to_pylist() == ["ж"]
    with pytest.raises(DataError, match="no encoding is called"):
        table("a\n1\n", encoding="nonsense")


def test_compressed(table):
    assert table(gzip.compress(b"a,b\n1,2\n"), "rows.csv.gz").table.to_pydict() == {"a": [1], "b": [2]}
    with pytest.raises(DataError, match=r"rows\.csv\.gz is damaged"):
        table(gzip.compress(b"a,b\n" + b"1,2\n" * 9999)[:-20], "rows.csv.gz")


def test_quotes_and_lines_inside_fields(table):
    found = table('a,b\n"x ""y"" z","two\nlines"\n"1,5",q\n').table
    assert found.to_pydict() == {"a": ['x "y" z', "1,5"], "b": ["two\nlines", "q"]}
    assert table("a,b\n'x, y','z'\n'u','v'\n").table.to_pydict() == {"a": ["x, y", "u"], "b": ["z", "v"]}


def test_row_numbers_of_pandas(table):
    found = table(",a\n0,5\n1,6\n2,7\n")
    assert found.table.column_names == ["a"]
    assert codes(found) == ["row_numbers"]
    with pytest.raises(DataError, match="has no name"):
        table(",a\n3,5\n1,6\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "1 fields in row 1"),
        ("a,b\n1,2,3\n4,5\n", "3 fields in row 0"),
        ("a,a\n1,2\n", "same name"),
        ("1.5,2.5\n3.5,4.5\n", "has no header"),
        ("2024-01-01,2.5\n2024-01-02,4.5\n", "has no header"),
        ("\n\n", "holds nothing"),
        ("", "is empty"),
    ],
)
def test_refused_files(table, text, message):
    with pytest.raises(DataError, match=message):
        table(text)


def test_header_only(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="no rows"):
        read(path)


def test_ends_of_lines(table):
    for end in ("\n", "\r\n", "\r"):
        assert table(f"a,b{end}1,2{end}3,4{end}").table.to_pydict() == {"a": [1, 3], "b": [2, 4]}
    assert table('"a\nb",c\n1,2\n').table.to_pydict() == {"a\nb": [1], "c": [2]}


def test_separators_at_the_end_of_lines(table):
    found = table("a,b,\n1,2,\n3,4,\n")
    assert found.table.to_pydict() == {"a": [1, 3], "b": [2, 4]}
    assert codes(found) == ["nameless"]


# -- numbers


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-2", "30"], [1, -2, 30]),
        (["1.5", "2", "-.5"], [1.5, 2.0, -0.5]),
        (["1e5", "2.5E-3", "3"], [1e5, 0.0025, 3.0]),
        (["+5", "-3", "2"], [5, -3, 2]),
        (["00123", "00456", "00001"], ["00123", "00456", "00001"]),
        (["0.5", "0", "10"], [0.5, 0.0, 10.0]),
        (["true", "False", "TRUE"], [True, False, True]),
        (["yes", "no", "no"], ["yes", "no", "no"]),
        (["1 234,5", "7,25", "1 000 000,0"], [1234.5, 7.25, 1e6]),
        (["1'234.5", "7.25", "2'000.0"], [1234.5, 7.25, 2000.0]),
        (["1.234,56", "0,5", "12.000,00"], [1234.56, 0.5, 12000.0]),
        (["1,234.56", "0.5", "12,000.00"], [1234.56, 0.5, 12000.0]),
        (["1,234,567", "2,000", "3"], [1234567, 2000, 3]),
        (["1.234.567", "2.000", "3"], [1234567, 2000, 3]),
        ([" 5", "6 ", "7"], [5, 6, 7]),
        (["0x1F", "3", "4"], ["0x1F", "3", "4"]),
        (["1_000", "3", "4"], ["1_000", "3", "4"]),
    ],
)
@pytest.mark.parametrize("separator", [";", "\t"])
def test_numbers(table, texts, values, separator):
    rows = "\n".join(separator.join([text, "w"]) for text in texts)
    found = table(f"x{separator}other\n{rows}\n").table["x"].to_pylist()
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


def test_decimal_sign_of_the_file_speaks_for_a_column(table):
    found = table("a;b\n1,5;1.234\n2,25;2.345\n")
    assert found.table.to_pydict() == {"a": [1.5, 2.25], "b": [1234, 2345]}
    assert codes(found) == ["number_format", "number_format"]
    found = table("a;b\n1.5;1,234\n2.25;2,345\n")
    assert found.table.to_pydict() == {"a": [1.5, 2.25], "b": [1234, 2345]}


def test_numbers_that_fit_both_readings(table):
    with pytest.raises(DataError, match=r"a: could be read with thousands or with decimals.*decimal="):
        table("a;b\n1.234;x\n2.345;y\n")
    assert table("a;b\n1.234;x\n2.345;y\n", decimal=".").table["a"].to_pylist() == [1.234, 2.345]
    assert table("a;b\n1.234;x\n2.345;y\n", decimal=",").table["a"].to_pylist() == [1234, 2345]
    # A comma inside quotes in a file with commas is what English speaking tools write.
    assert table('a,b\n"1,234",x\n"2,345",y\n').table["a"].to_pylist() == [1234, 2345]
    # With commas between the columns a point is a decimal point.
    assert table("a,b\n1.234,x\n2.345,y\n").table["a"].to_pylist() == [1.234, 2.345]


def test_never_half_converted(table):
    rows = "\n".join(str(i) for i in range(999))
    found = table(f"a,b\n{rows.replace(chr(10), ',x' + chr(10))},x\nC536379,x\n")
    assert pa.types.is_string(found.table["a"].type)
    assert found.table["a"][5].as_py() == "5"
    (note,) = found.notes
    assert (note.code, note.column) == ("kept_as_text", "a")
    assert "row 999" in note.message
    # Notes go into reports that are handed out: they hold no value.
    assert "C536379" not in note.message
    taken = table(f"a\n{rows}\nC536379\n", null_values=("C536379",))
    assert taken.table["a"].null_count == 1


def test_late_surprises_decide_for_the_whole_column(table):
    # Long enough that a reader which looks only at the first block would go wrong.
    rows = "\n".join(f"{i},{i}" for i in range(400_000))
    found = table(f"a,b\n{rows}\n1.5,007\n").table
    assert found["a"].type == pa.float64()
    assert found["b"].type == pa.string()
    assert found["b"][3].as_py() == "3"


# -- missing values


@pytest.mark.parametrize("blank", ["NA", "N/A", "NaN", "null", "None", "-", "?", ".", "#N/A", "nil"])
def test_missing_among_numbers(table, blank):
    found = table(f"a,b\n1.5,x\n{blank},y\n,z\n3,w\n")
    assert found.table["a"].to_pylist() == [1.5, None, None, 3.0]
    assert codes(found) == ["null_spelling"]
    assert repr(blank) in found.notes[0].message


def test_missing_among_texts(table):
    found = table('a,b\nred,1\nNA,2\n,3\n"",4\n-,5\nnone,6\n')
    assert found.table["a"].to_pylist() == ["red", None, None, "", "-", "none"]
    assert codes(found) == ["null_spelling"]


def test_namibia(table):
    found = table("country,x\nDE,1\nNA,2\nFR,3\nZA,4\n")
    assert found.table["country"].to_pylist() == ["DE", "NA", "FR", "ZA"]


def test_missing_in_dates_and_own_spelling(table):
    found = table("day,x\n2024-01-01,1\nNaT,-999\n2024-01-03,3\n", null_values=("-999",))
    assert found.table.to_pydict() == {
        "day": [dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)],
        "x": [1, None, 3],
    }


def test_all_missing(table):
    assert table("a,b\nNA,1\n,2\n").table["a"].null_count == 2


# -- dates


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["2024-03-14", "2024-12-01"], dt.date(2024, 3, 14)),
        (["2024/3/14", "2024/12/1"], dt.date(2024, 3, 14)),
        (["14/03/2024", "01/12/2024"], dt.date(2024, 3, 14)),
        (["03/14/2024", "12/01/2024"], dt.date(2024, 3, 14)),
        (["14.3.2024", "1.12.2024"], dt.date(2024, 3, 14)),
        (["4.3.2024", "1.12.2024"], dt.date(2024, 3, 4)),
        (["14-03-24", "01-12-24"], dt.date(2024, 3, 14)),
        (["14 Mar 2024", "1 December 2024"], dt.date(2024, 3, 14)),
        (["March 14, 2024", "Dec 1, 2024"], dt.date(2024, 3, 14)),
        (["14-MAR-2024", "01-DEC-2024"], dt.date(2024, 3, 14)),
        (["20240314", "20241201"], dt.date(2024, 3, 14)),
        (["2024-03", "2024-12"], dt.date(2024, 3, 1)),
        (["2024Q2", "2024-Q4"], dt.date(2024, 4, 1)),
        (["2024-W03", "2024-W01"], dt.date(2024, 1, 15)),
        (["2024-03-14 10:20:30", "2024-12-01 00:00:00"], dt.datetime(2024, 3, 14, 10, 20, 30)),
        (["2024-03-14T10:20", "2024-12-01T00:00"], dt.datetime(2024, 3, 14, 10, 20)),
        (["2024-03-14 10:20:30.125", "2024-12-01"], dt.datetime(2024, 3, 14, 10, 20, 30, 125_000)),
        (["14/03/2024 10:20", "01/12/2024 9:05"], dt.datetime(2024, 3, 14, 10, 20)),
        (["3/14/2024 1:20:30 PM", "12/1/2024 12:05:00 AM"], dt.datetime(2024, 3, 14, 13, 20, 30)),
        (["1710411630", "1733011200"], dt.datetime(2024, 3, 14, 10, 20, 30)),
        (["1710411630125", "1733011200000"], dt.datetime(2024, 3, 14, 10, 20, 30, 125_000)),
        (["1710411630125000", "1733011200000000"], dt.datetime(2024, 3, 14, 10, 20, 30, 125_000)),
        (["1710411630.125", "1733011200.0"], dt.datetime(2024, 3, 14, 10, 20, 30, 125_000)),
    ],
)
def test_dates(table, texts, first):
    found = table("time;x\n" + "".join(f'"{text}";1\n' for text in texts)).table["time"]
    assert found[0].as_py() == first
    assert found.null_count == 0


def test_day_and_month_that_cannot_be_told_apart(table):
    text = "day,x\n03/04/2024,1\n05/06/2024,2\n"
    with pytest.raises(
        DataError, match=r"day: could be read with day or with month first.*03/04/2024.*dayfirst=True"
    ):
        table(text)
    assert table(text, dayfirst=True).table["day"][0].as_py() == dt.date(2024, 4, 3)
    assert table(text, dayfirst=False).table["day"][0].as_py() == dt.date(2024, 3, 4)
    assert table(text, date_format="%d/%m/%Y").table["day"][0].as_py() == dt.date(2024, 4, 3)


def test_dates_that_contradict(table):
    with pytest.raises(
        DataError, match=r"mixes dates with day first \(13/02/2024\) and month first \(02/13/2024\)"
    ):
        table("day,x\n13/02/2024,1\n02/13/2024,2\n")
    with pytest.raises(DataError, match="contradicts dayfirst=False"):
        table("day,x\n13/02/2024,1\n01/02/2024,2\n", dayfirst=False)


def test_what_is_no_date_stays(table):
    found = table("ip,ratio,day\n1.2.3.4,1/2,2024-02-30\n1.2.3.5,3/4,2024-02-28\n").table
    assert [str(kind) for kind in found.schema.types] == ["string"] * 3
    # Numbers are times only where the name says so.
    assert table("amount,x\n1710411630,1\n1733011200,2\n").table["amount"].type == pa.int64()


def test_a_time_with_odd_values_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("day,x\n" + "".join(f"2024-01-{i + 1:02d},1\n" for i in range(28)) + "_RARE_,1\n")
    with pytest.raises(DataError, match="day: holds '_RARE_' in row 28, which is no date") as caught:
        read(path, time="day")
    assert (caught.value.column, caught.value.row) == ("day", 28)


def test_times_with_a_zone(table):
    found = table("time,x\n2024-01-01T00:00:00Z,1\n2024-01-01T01:00:00Z,2\n").table["time"]
    assert found.type == pa.timestamp("s", "UTC")
    with pytest.raises(DataError, match="with a zone"):
        table("time,x\n2024-01-01T00:00:00Z,1\n2024-01-01T01:00:00,2\n")


# -- round trips


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=6)
DIALECTS = st.tuples(
    st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
)


@given(st.data())
def test_any_dialect_comes_back(tmp_path_factory, data):
    separator, quoting = data.draw(DIALECTS)
    comma = data.draw(st.booleans()) and separator != ","
    rows = data.draw(st.integers(2, 12))
    numbers = [data.draw(st.integers(0, 10**6)) * 0.25 + 0.25 for _ in range(rows)]
    words = [data.draw(CELLS) for _ in range(rows)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, quoting=quoting, lineterminator="\n")
    writer.writerow(["n", "x", "word"])
    for i, (number, word) in enumerate(zip(numbers, words, strict=True)):
        shown = str(number).replace(".", ",") if comma else number
        writer.writerow([i + 1000, shown, "w" + word])
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_text(
        buffer.getvalue(), encoding=data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])), newline=""
    )
    found = read_file(path, TextOptions(separator=separator)).table
    assert found["n"].to_pylist() == list(range(1000, 1000 + rows))
    assert found["x"].to_pylist() == numbers
    assert found["word"].to_pylist() == ["w" + word for word in words]


VALUES = {
    "i": st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=3, max_size=3),
    "f": st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=3, max_size=3
    ),
    "d": st.lists(
        st.one_of(st.none(), st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31))), min_size=3, max_size=3
    ),
    "s": st.lists(st.one_of(st.none(), CELLS.map("t".__add__)), min_size=3, max_size=3),
    "formula": st.lists(
        st.one_of(st.none(), st.sampled_from(["=cmd()", "'=x", "''+a", "@b", "-1+1|x", "\tq", "+a", "'"])),
        min_size=3,
        max_size=3,
    ),
}


@given(st.fixed_dictionaries(VALUES), st.sampled_from(["rows.csv", "rows.csv.gz"]))
def test_what_is_written_reads_back(tmp_path_factory, columns, name):
    kinds = {"i": pa.int64(), "f": pa.float64(), "d": pa.date32(), "s": pa.string(), "formula": pa.string()}
    table = pa.table({n: pa.array([*values, *values], kinds[n]) for n, values in columns.items()})
    path = tmp_path_factory.mktemp("csv") / name
    write_csv(table, path)
    found = read_file(path).table
    for column in table.column_names:
        expected = table[column].to_pylist()
        got = found[column].to_pylist()
        if column == "f":
            assert all(
                (a is None and b is None) or math.isclose(a, b, rel_tol=0)
                for a, b in zip(got, expected, strict=True)
            )
        else:
            assert got == expected


def test_formulas_do_not_run(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(pa.table({"=name": ["=cmd()", "+49 171", "-5", "a"]}), path)
    lines = path.read_text().splitlines()
    assert lines == ['"\'=name"', '"\'=cmd()"', '"+49 171"', '"-5"', '"a"']
    found = read_file(path)
    assert found.table.to_pydict() == {"=name": ["=cmd()", "+49 171", "-5", "a"]}

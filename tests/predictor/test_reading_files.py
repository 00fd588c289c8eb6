"""Files as they stand: every row with its number, every column carried over, what is faulty named."""

import csv
import gzip
import io
import json
from contextlib import suppress

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.csv_rows import CsvReader
from tweet_sentiment.predictor.files.job import FileJob
from tweet_sentiment.predictor.files.json_rows import JsonReader
from tweet_sentiment.predictor.files.rows import Row, chunks, columns_of
from tweet_sentiment.predictor.files.source import reader_of


def job(path, **options):
    return FileJob(source=str(path), output=path.with_name("out.csv"), **{"text_column": "text"} | options)


def reader(path, content, **options):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return reader_of(path, path.name, job(path, **options))


def refusal(path, content, **options):
    with pytest.raises(StudyError) as refused:
        list(reader(path, content, **options).rows())
    assert path.name in str(refused.value)
    return str(refused.value)


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine.csv"


def test_a_csv_keeps_what_pandas_would_change(mine):
    content = '\ufeffid,text\r\n007,NaN\r\n1e5,null\r\n,"two\nlines"\r\n3,a\rb\r\n4,"say ""hi"", he"\n'
    found = [(row.line, row.values, row.text) for row in reader(mine, content).rows()]
    assert found == [
        (2, ["007", "NaN"], "NaN"),
        (3, ["1e5", "null"], "null"),
        (4, ["", "two\nlines"], "two\nlines"),
        (6, ["3", "a\rb"], "a\rb"),
        (7, ["4", 'say "hi", he'], 'say "hi", he'),
    ]


def test_rows_of_another_width_are_faulty_and_lose_nothing(mine):
    rows = list(reader(mine, "id,text\n1,ok\n2\n\n3,so,bad\n4,ok\n\n\n").rows())
    assert [row.line for row in rows] == [2, 3, 4, 5, 6]
    assert [row.fault for row in rows] == [
        None,
        "found 1 fields, expected 2",
        "found 0 fields, expected 2",
        "found 3 fields, expected 2; beyond them stands 'bad'",
        None,
    ]
    assert [row.values for row in rows] == [["1", "ok"], ["2", None], [None, None], ["3", "so"], ["4", "ok"]]


def test_without_a_header_columns_are_positions(mine):
    found = reader(mine, "1,ok\n2,so bad\n", header=False, text_column="1")
    assert found.schema.names == ["0", "1"]
    assert [row.text for row in found.rows()] == ["ok", "so bad"]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", {}, "the file is empty"),
        ("id,post\n1,ok\n", {}, "there is no column 'text'; found ['id', 'post']"),
        ("id;text\n1;ok\n", {"delimiter": ","}, "The fields seem to be separated by ';': give --delimiter ';'"),
        ("text,text\na,b\n", {}, "names ['text'] twice"),
        ("id,text\n1,ok\n", {"header": False}, "there is no column 'text'; found ['0', '1']"),
        ("id,post\n1,ok\n", {}, "if the file has no header, give --no-header"),
        ('id,text\n1,"ok\n2,bad\n', {}, "line 2: the quote that opens the field '\"ok"),
        ('id,text\n1,"ok\n2,bad\n', {}, "If quotes are ordinary characters in the file, give --quoting none"),
        ('id,text\n1,"ok"x\n', {}, "line 2: the quote that opens the field '\"ok"),
        ("id,text\n1," + "x" * 140_000 + "\n", {}, "a field of more than 131,072 characters"),
        ("id,text\n1,ok\n", {"delimiter": '"'}, "the delimiter is '\"'; expected one character"),
        ("id,text\n1,ok\n", {"entity_column": "brand"}, "there is no column 'brand'"),
        ("id,text\n1,caf\u00e9\n".encode("latin-1"), {}, "line 2: the byte at offset 13 (0xe9) is not UTF-8"),
        ("id,text\n1,ok\n".encode("utf-16"), {}, "the file seems to be UTF-16.\n  Give --encoding utf-16"),
        ("id,text\n1,ok\n".encode("utf-16-le"), {}, "the file seems to be UTF-16"),
        (gzip.compress(b"id,text\n1,ok\n", mtime=0), {}, "compressed with gzip"),
        (b"PAR1....", {"format": "csv"}, "the file seems to be Parquet"),
        (b"PAR1....", {}, "this is no whole Parquet file"),
    ],
)
def test_a_csv_that_cannot_be_is_refused_with_what_was_found(mine, content, options, said):
    assert said in refusal(mine, content, **options)


def test_a_file_without_line_ends_does_not_fill_the_memory(mine):
    with mine.open("wb") as file:
        file.truncate(40_000_000)
    assert "longer than 16,000,000 bytes" in refusal(mine, mine.read_bytes())


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@hypothesis_settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.tuples(fields, fields), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_whatever_csv_writes_is_read_again(tmp_path_factory, rows, delimiter):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "text"), *rows])
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    found = reader(path, out.getvalue(), delimiter=delimiter, quoting="csv")
    assert [tuple(row.values) for row in found.rows()] == rows


@hypothesis_settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_no_file_ends_in_another_error_than_a_message(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("any") / f"mine{suffix}"
    for head in (b"", b"id,text\n", b'{"text": "ok"}\n'):
        with suppress(StudyError):
            found = reader(path, head + content)
            for chunk in chunks(found.rows(), 2):
                assert columns_of(chunk, found.schema).num_rows == len(chunk.faults())


def test_json_lines_keep_kinds_and_name_what_is_no_object(tmp_path):
    path = tmp_path / "mine.jsonl"
    lines = [
        '{"text": "ok", "n": 1, "x": 1, "mixed": 1, "tags": ["a"], "yes": true}',
        '{"text": "so bad", "n": 2, "x": 1.5, "mixed": "one", "late": "here"}',
        "",
        "[1]",
        '{"text": NaN}',
        '{"text": "\\ud83d"}',
        '{"text": 5, "n": null}',
        "{",
        "",
    ]
    found = reader(path, "\n".join(lines) + "\n\n")
    assert {field.name: str(field.type) for field in found.schema} == {
        "text": "string",
        "n": "int64",
        "x": "double",
        "mixed": "string",
        "tags": "string",
        "yes": "bool",
        "late": "string",
    }
    (chunk,) = chunks(found.rows(), 100)
    assert [chunk.place(i) for i in (0, 7)] == ["row 1 (line 1)", "row 8 (line 8)"]
    expected = [None, None, "not a line of JSON", "expected a JSON object, found: [1]", "NaN is no JSON"]
    expected += ["half a character", "expected a text (str), found 5 of type int", "not a line of JSON"]
    for fault, said in zip(
        chunk.faults(),
        expected,
        strict=True,
    ):
        assert (fault is None) if said is None else said in fault
    table = columns_of(chunk, found.schema).to_pylist()
    assert table[0] == {"text": "ok", "n": 1, "x": 1, "mixed": "1", "tags": '["a"]', "yes": True, "late": None}
    assert table[1]["mixed"] == '"one"'
    assert table[6]["text"] == "5"
    assert set(table[7].values()) == {None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ('{"post": "ok"}\n', "no row has 'text'; found ['post']"),
        ('[{"text": "ok"}]\n', "one object a line"),
        (b"\xff\n", "is not UTF-8"),
    ],
)
def test_json_lines_that_cannot_be_are_refused(tmp_path, content, said):
    assert said in refusal(tmp_path / "mine.jsonl", content)


def test_parquet_keeps_types_and_a_missing_text_is_a_fault(tmp_path):
    path = tmp_path / "mine.parquet"
    table = pa.table(
        {
            "text": pa.array(["ok", None, "NaN"]).dictionary_encode(),
            "when": pa.array([1, 2, 3], pa.timestamp("ns")),
            "tags": [["a"], None, []],
            "n": pa.array([1, None, 3], pa.int16()),
        }
    )
    pq.write_table(table, path)
    found = reader_of(path, path.name, job(path))
    (chunk,) = chunks(found.rows(), 100)
    assert chunk.faults() == [None, "expected a text (str), found None of type NoneType", None]
    assert columns_of(chunk, found.schema).equals(table.cast(found.schema))
    assert chunk.place(1) == "row 2"


def test_parquet_that_cannot_be_is_refused(tmp_path):
    path = tmp_path / "mine.parquet"
    assert "no whole Parquet file" in refusal(path, b"")
    pd.DataFrame({"text": [1, 2]}).to_parquet(path)
    assert "'text' holds int64, expected texts" in refusal(path, path.read_bytes())
    assert "there is no column 'post'; found ['text']" in refusal(path, path.read_bytes(), text_column="post")
    assert "no whole Parquet file" in refusal(path, path.read_bytes()[:-10])


def test_chunks_take_no_more_rows_than_they_hold_and_long_texts_make_them_shorter():
    taken = []

    def endless():
        number = 0
        while True:
            taken.append(number)
            yield Row(None, [], "ok", characters=3_000_000 if 10 <= number < 14 else 1)
            number += 1

    several = chunks(endless(), 5)
    sizes, firsts = [], []
    for _ in range(5):
        chunk = next(several)
        sizes.append(len(chunk.rows))
        firsts.append(chunk.first)
        assert len(taken) == sum(sizes) + 1
    assert (sizes, firsts) == ([5, 5, 2, 5, 5], [1, 6, 11, 13, 18])


def test_the_format_is_told_by_the_name_or_the_start_or_asked_for(tmp_path):
    line = '{"text": "ok"}\n'
    assert isinstance(reader(tmp_path / "a.NDJSON", line), JsonReader)
    assert isinstance(reader(tmp_path / "input", line), JsonReader)
    assert isinstance(reader(tmp_path / "a.tsv", "text\nok\n"), CsvReader)
    assert isinstance(reader(tmp_path / "a.jsonl", "text\nok\n", format="csv"), CsvReader)


def test_a_line_of_json_is_read_as_json_reads_it(tmp_path):
    values = {"text": 'a\u2028b\r\n"', "deep": {"x": [1, None]}, "big": 2**60}
    found = reader(tmp_path / "mine.jsonl", json.dumps(values) + "\n")
    (row,) = found.rows()
    assert row.text == values["text"]
    assert json.loads(row.values[2]) == 2**60

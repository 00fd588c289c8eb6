"""Files as they stand: every row with its number, every column carried over, what is faulty named."""

import io
import json
from contextlib import suppress

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tweet_sentiment.data.lines import Source, as_option
from tweet_sentiment.data.records import CsvForm, Row
from tweet_sentiment.data.tables import Table, open_table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.scorer import Texts


def read(name, content, text="text", entity=None, format=None, **form):
    source = Source.of(name, content.encode() if isinstance(content, str) else content, as_option)
    return Texts(open_table(source, CsvForm(**form), format), text, entity)


def chunk_of(texts):
    return texts.chunk(list(texts.table.rows()))


def carried(texts):
    """Return the columns of all rows as they are carried over."""
    return chunk_of(texts).table


def refusal(name, content, **options):
    with pytest.raises(StudyError, match=name) as refused:
        chunk_of(read(name, content, **options))
    return str(refused.value)


def test_rows_of_another_width_are_faulty_and_lose_nothing():
    rows = list(read("mine.csv", "id,text\n1,ok\n2\n\n3,so,bad\n4,ok\n\n\n").table.rows())
    assert [(row.line, row.values, row.fault) for row in rows] == [
        (2, ["1", "ok"], None),
        (3, ["2", None], "found 1 fields, expected 2"),
        (4, [None, None], "found 0 fields, expected 2"),
        (5, ["3", "so"], "found 3 fields, expected 2; the rest is 'bad'"),
        (6, ["4", "ok"], None),
    ]


def test_without_a_header_columns_are_positions():
    found = read("mine.csv", "1,ok\n2,so bad\n", "1", header=False)
    assert found.schema.names == ["0", "1"]
    assert chunk_of(found).posts == [("ok", ""), ("so bad", "")]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", {}, "the file is empty"),
        ("id,post\n1,ok\n", {}, "there is no column 'text'; found ['id', 'post']"),
        ("id;text\n1;ok\n", {"delimiter": ","}, "The fields seem to be separated by ';': give --delimiter ';'"),
        ("text,text\na,b\n", {}, "named ['text'] twice"),
        ("id,text\n1,ok\n", {"header": False}, "there is no column 'text'; found ['0', '1']"),
        ("id,post\n1,ok\n", {}, "if the file has no header, give --no-header"),
        ("id,text\n1,ok\n", {"entity": "brand"}, "there is no column 'brand'"),
        (b"PAR1....", {"format": "csv"}, "the file seems to be Parquet"),
        (b"PAR1....", {}, "this is no whole Parquet file"),
        (bytes(17_000_000), {}, "longer than 16,000,000 characters"),  # it must not fill the memory
    ],
)
def test_a_csv_that_cannot_be_is_refused_with_what_was_found(content, options, said):
    assert said in refusal("mine.csv", content, **options)


@settings(max_examples=300)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_no_file_ends_in_another_error_than_a_message(content, suffix):
    for head in (b"", b"id,text\n", b'{"text": "ok"}\n'):
        with suppress(StudyError):
            found = read(f"mine{suffix}", head + content)
            assert carried(found).num_rows == sum(len(chunk.lines) for chunk in found.chunks(2))


def test_json_lines_keep_kinds_and_name_what_is_no_object():
    lines = [
        '{"text": "ok", "n": 1, "x": 1, "mixed": 1, "tags": ["a"], "yes": true, "big": 1152921504606846976}',
        '{"text": "so bad", "n": 2, "x": 1.5, "mixed": "one", "late": "a\\u2028b\\r\\n"}',
        "",
        "[1]",
        '{"text": NaN}',
        '{"text": "\\ud83d"}',
        '{"text": 5, "n": null}',
        "{",
        "",
    ]
    found = read("mine.jsonl", "\n".join(lines) + "\n\n")
    assert {field.name: str(field.type) for field in found.schema} == {
        "text": "string",
        "n": "int64",
        "x": "double",
        "mixed": "string",
        "tags": "string",
        "yes": "bool",
        "big": "string",
        "late": "string",
    }
    chunk = chunk_of(found)
    assert [chunk.place(i) for i in (0, 6)] == ["row 1 (line 1)", "row 7 (line 8)"]
    expected = [None, None, "expected a JSON object, found: [1]", "NaN is no JSON", "half a character"]
    expected += ["expected a text (str), found 5 of type int", "not a line of JSON"]
    for fault, said in zip(chunk.faults, expected, strict=True):
        assert (fault is None) if said is None else said in fault
    table = carried(found).to_pylist()
    first = {"text": "ok", "n": 1, "x": 1, "mixed": "1", "tags": '["a"]', "yes": True, "big": str(2**60), "late": None}
    assert table[0] == first
    assert (table[1]["mixed"], table[1]["late"], table[5]["text"]) == ('"one"', "a\u2028b\r\n", "5")
    assert set(table[6].values()) == {None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ('{"post": "ok"}\n', "there is no column 'text'; found ['post']"),
        ('[{"text": "ok"}]\n', "one object per line"),
        (b"\xff\n", "is not UTF-8"),
        ("".join(f'{{"{n}": 1}}\n' for n in range(1001)), "line 1001: more than 1000 different keys"),
    ],
)
def test_json_lines_that_cannot_be_are_refused(content, said):
    assert said in refusal("mine.jsonl", content)


def written(table):
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_parquet_keeps_types_and_a_missing_text_is_a_fault():
    table = pa.table(
        {
            "text": pa.array(["ok", None, "NaN"]).dictionary_encode(),
            "when": pa.array([1, 2, 3], pa.timestamp("ns")),
            "tags": [["a"], None, []],
            "n": pa.array([1, None, 3], pa.int16()),
        }
    )
    found = read("mine.parquet", written(table))
    chunk = chunk_of(found)
    assert chunk.faults == [None, "expected a text (str), found None of type NoneType", None]
    assert carried(found).equals(table.cast(found.schema))
    assert chunk.place(1) == "row 2"


def test_parquet_that_cannot_be_is_refused():
    content = written(pa.Table.from_pandas(pd.DataFrame({"text": [1, 2]})))
    for damaged in (b"", content[:-10]):
        assert "no whole Parquet file" in refusal("mine.parquet", damaged)
    assert "'text' holds int64, expected texts" in refusal("mine.parquet", content)
    assert "there is no column 'post'; found ['text']" in refusal("mine.parquet", content, text="post")


def test_chunks_take_no_more_rows_than_they_hold_and_long_texts_make_them_shorter():
    taken = []

    class Endless(Table):
        def rows(self):
            while True:
                taken.append(len(taken))
                yield Row(None, ["ok"], size=3_000_000 if 10 <= taken[-1] < 14 else 1)

    several = Texts(Endless(Source.of("mine", b""), pa.schema([("text", pa.string())])), "text", None).chunks(5)
    sizes, firsts = [], []
    for _ in range(5):
        chunk = next(several)
        sizes.append(len(chunk.lines))
        firsts.append(chunk.first)
        assert len(taken) == sum(sizes) + 1
    assert (sizes, firsts) == ([5, 5, 2, 5, 5], [1, 6, 11, 13, 18])


@pytest.mark.parametrize(
    ("name", "content", "options", "format"),
    [
        ("a.NDJSON", '{"text": "ok"}\n', {}, "jsonl"),
        ("input", '{"text": "ok"}\n', {}, "jsonl"),
        ("input", written(pa.table({"text": ["ok"]})), {}, "parquet"),
        ("a.tsv", "text\nok\n", {}, "csv"),
        ("a.jsonl", "text\nok\n", {"format": "csv"}, "csv"),
    ],
)
def test_the_format_is_told_by_the_name_or_the_start_or_asked_for(name, content, options, format):
    found = read(name, content, **options)
    assert found.table.format == format
    assert chunk_of(found).posts == [("ok", "")]


def test_values_of_json_come_back_as_they_were():
    values = {"text": 'a\u2028b\r\n"', "deep": {"x": [1, None]}, "big": 2**60}
    (row,) = read("mine.jsonl", json.dumps(values) + "\n").table.rows()
    assert dict(zip(values, row.values, strict=True)) == values

import csv
import io
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Columns

LABELS = ["Positive", "Negative", "Neutral"]
GOOD = b"1,a,Positive,hi\n2,b,Negative,ho\n"
BY_NAME = Columns(id=None, entity=None, label="mood", post="text")


def read(data, content, **changes):
    return read_posts(Source.of("my.csv", content), data.model_copy(update=changes), LABELS)


def refusal(data, content, **changes):
    with pytest.raises(StudyError) as caught:
        read(data, content, **changes)
    return str(caught.value)


def test_columns_and_row_numbers(data):
    posts = read(data, GOOD)
    assert posts.to_dict("records") == [
        {"row": 1, "id": "1", "entity": "a", "label": "Positive", "post": "hi"},
        {"row": 2, "id": "2", "entity": "b", "label": "Negative", "post": "ho"},
    ]
    assert [str(kind) for kind in posts.dtypes] == ["int64", "str", "str", "str", "str"]


def test_a_user_s_file_with_header_delimiter_and_further_columns(data):
    posts = read(data, b"x;text;mood\n0;a, b;Neutral\n", header=True, delimiter=";", columns=BY_NAME)
    assert posts.to_dict("records") == [{"row": 1, "id": "row-1", "entity": "", "label": "Neutral", "post": "a, b"}]


def test_columns_that_nobody_asks_for_may_stand_behind_the_others(data):
    columns = Columns(id=None, entity=None, label=0, post=1)
    content = b"Neutral,hi,web,5\nPositive,ho,app,\n"
    assert read(data, content, columns=columns)["post"].tolist() == ["hi", "ho"]
    assert "line 3: found 3 fields, expected 4" in refusal(data, content + b"Neutral,hi,web\n", columns=columns)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, ["no such file", "kaggle.com", "data.training_file"], id="missing"),
        pytest.param(b"", ["is empty", "data/01_raw"], id="empty"),
        pytest.param(b"\xef\xbb\xbf \n", ["is empty"], id="white space only"),
        pytest.param(b"id,of,sentiment,text\n" + GOOD, ["line 1", "column names", "data.header to true"], id="header"),
        pytest.param(b"id,of,Art,text\n" + GOOD, ["line 1", "column names", "'Art'"], id="header in other words"),
        pytest.param(
            b"1,a,Positive,hi,x\n" + GOOD, ["line 1", "found 5 fields, expected 4", "in quotes"], id="5 first"
        ),
        pytest.param(
            GOOD + b"3,a,Positive,hi,x\n",
            ["line 3", "found 5 fields, expected 4; the rest is 'x'"],
            id="5 later",
        ),
        pytest.param(GOOD + b"3,a,Positive\n" + GOOD, ["line 3", "found 3 fields", "Complete"], id="3 later"),
        pytest.param(GOOD + b"\n" + GOOD, ["line 3", "found 0 fields"], id="empty line in the middle"),
        pytest.param(GOOD + b"3,a,Posi", ["line 3", "found 3 fields", "cut off"], id="truncated"),
        pytest.param(GOOD + b'3,a,Positive,"so f', ["line 3", "not closed", "cut off"], id="truncated in quotes"),
        pytest.param(GOOD.replace(b",", b";"), ["line 1", "data.delimiter to ';'"], id="semicolons"),
        pytest.param(GOOD.replace(b",", b"\t"), ["line 1", "a tab", r"data.delimiter to '\t'"], id="tabs"),
        pytest.param(GOOD + b"3,a,Positive,x\0y\n", ["line 3: found a NUL character"], id="NUL"),
    ],
)
def test_refused_with_file_line_and_remedy(data, content, said):
    message = refusal(data, content)
    assert message.startswith("my.csv")
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'0,a,Neutral,"two\nlines"\n1,a,Neutral,"oh\n2,b,Neutral,x\n3,b,Neutral,"no"\n',
            "line 3: the quote that opens",
        ),
        (GOOD + b'3,"a\n""b",Neutral,"oh\n', "line 4: the quote that opens"),
        (GOOD * 1000 + b'3,a,Neutral,"oh\n' + GOOD * 100_000, "line 2001: the quote that opens"),
    ],
)
def test_an_unclosed_quote_is_told_by_the_line_it_opens_on(data, content, said):
    assert said in refusal(data, content)


def test_unknown_labels_are_listed_with_count_line_and_likeness(data):
    message = refusal(data, GOOD + b"3,a,negative ,x\n4,a,Foo,x\n5,a,Foo,x\n")
    assert "'negative ': 1 times, first on line 3; 'negative ' looks like 'Negative'" in message
    assert "'Foo': 2 times, first on line 4\n" in message
    assert "Known: Positive, Negative, Neutral, Irrelevant." in message
    assert "data.drop_labels" in message
    many = refusal(data, b"".join(b"1,a,L%d,x\n" % n for n in range(30)))
    assert [said in many for said in ("30 unknown label(s)", "'L19'", "10 more", "'L20'")] == [True, True, True, False]
    assert "'Foo': 1 times, first on line 1" in refusal(data, b"9,a,Foo,x\n" + GOOD)  # no header


@pytest.mark.parametrize(
    ("content", "columns", "said"),
    [
        (b"text;mood\nhi;Neutral\n", BY_NAME, ["no column 'mood' (data.columns.label)", "data.delimiter to ';'"]),
        (
            b"text,feel\nhi,Neutral\n",
            BY_NAME,
            ["no column 'mood' (data.columns.label); found ['text', 'feel']", "data.header"],
        ),
        (b"text,mood,mood\nhi,Neutral,\n", BY_NAME, ["no one column 'mood'"]),
        (b"text,mood\n", BY_NAME, ["no post below"]),
        (b"text,mood\nhi,Neutral,x\n", BY_NAME, ["line 2", "found 3 fields, expected 2"]),
        (GOOD, Columns(id=0, entity=1, label=2, post=3), ["line 1", "labelled 'Positive'", "data.header to false"]),
        (GOOD, Columns(id=0, entity=1, label=2, post=9), ["no column 9 (data.columns.post)"]),
    ],
)
def test_header_that_does_not_fit(data, content, columns, said):
    message = refusal(data, content, header=True, columns=columns)
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize(("columns", "said"), [({"id": -1}, "no column -1"), ({"label": 3}, "a different position")])
def test_positions_that_cannot_be(data, columns, said):
    assert said in refusal(data, GOOD, columns=data.columns.model_copy(update=columns))


TEXTS = st.text(
    st.one_of(st.sampled_from("\r\n\",;' \ue000"), st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


@given(st.lists(TEXTS, min_size=1), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(",;\t"))
def test_whatever_is_written_is_read_back_identically(data, texts, quoting, delimiter):
    file = io.StringIO(newline="")
    rows = [(n, text, "Neutral", text) for n, text in enumerate(texts)]
    csv.writer(file, quoting=quoting, delimiter=delimiter).writerows(rows)
    posts = read(data, file.getvalue().encode(), delimiter=delimiter)
    assert posts["post"].tolist() == texts
    assert posts["entity"].tolist() == texts


@pytest.mark.real_data
def test_the_real_training_file_is_read_whole(data, raw_folder):
    content = (raw_folder / "twitter_training.csv").read_bytes()
    posts = read(data, content)
    assert posts["label"].value_counts().to_dict() == {
        "Negative": 22_542,
        "Positive": 20_832,
        "Neutral": 18_318,
        "Irrelevant": 12_990,
    }
    assert (posts["post"] == "").sum() == 686
    assert posts["id"].nunique() == 12_447
    assert posts["row"].tolist() == list(range(1, 74_683))
    assert posts.duplicated(["id", "entity", "label", "post"]).sum() == 2_700


def lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


TABLE = {"tweet_id": ["00196", "1e5", "7"], "stars": [1, 0, 1], "text": ["NaN", "so\rit\ngoes", "“null”"]}
TABLE_ROWS = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.jsonl", lines(TABLE_ROWS)),
        ("my.ndjson", lines(TABLE_ROWS)),
        ("my.json", lines(TABLE_ROWS)),
        ("my.parquet", parquet(**TABLE)),
        ("data", parquet(**TABLE)),
        ("my.csv", b'tweet_id,stars,text\n00196,1,NaN\n1e5,0,"so\rit\ngoes"\n7,1,\xe2\x80\x9cnull\xe2\x80\x9d\n'),
        (
            "my.tsv",
            b'tweet_id\tstars\ttext\n00196\t1\tNaN\n1e5\t0\t"so\rit\ngoes"\n7\t1\t\xe2\x80\x9cnull\xe2\x80\x9d\n',
        ),
        ("utf16.csv", 'tweet_id;stars;text\n00196;1;NaN\n1e5;0;"so\rit\ngoes"\n7;1;“null”\n'.encode("utf-16")),
        ("cp1252.csv", 'tweet_id;stars;text\n00196;1;NaN\n1e5;0;"so\rit\ngoes"\n7;1;“null”\n'.encode("cp1252")),
    ],
)
@pytest.mark.parametrize(
    "columns",
    [Columns(id="tweet_id", entity=None, label="stars", post="text"), Columns(id=0, entity=None, label=1, post=2)],
)
def test_one_table_in_any_format_is_read_alike_and_numbers_are_texts_as_they_stand(data, name, content, columns):
    found = dict.fromkeys(("header", "delimiter", "quoting", "encoding"), "auto")
    changed = data.model_copy(update=found | {"columns": columns})
    posts = read_posts(Source.of(name, content), changed, ["0", "1"])
    assert posts["id"].tolist() == TABLE["tweet_id"]
    assert posts["label"].tolist() == ["1", "0", "1"]
    assert posts["post"].tolist() == TABLE["text"]
    assert [str(kind) for kind in posts.dtypes] == ["int64", "str", "str", "str", "str"]


def test_values_that_are_missing_are_empty_and_others_the_text_that_json_has(data):
    content = b'{"text": null, "mood": true}\n{"mood": 1.50}\n{"text": ["a"], "mood": 1.50}\n\n'
    posts = read_posts(Source.of("my.jsonl", content), data.model_copy(update={"columns": BY_NAME}), ["true", "1.50"])
    assert posts["post"].tolist() == ["", "", '["a"]']
    assert posts["label"].tolist() == ["true", "1.50", "1.50"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("my.parquet", parquet(**TABLE)[:-9], ["no whole Parquet file"]),
        ("my.parquet", parquet(text=["a"]), ["no column 'mood' (data.columns.label); found ['text']"]),
        ("my.parquet", parquet(text=["a", "b"], mood=["Neutral", "Foo"]), ["'Foo': 1 times, first in row 2"]),
        ("my.parquet", parquet(text=["a\0b"], mood=["Neutral"]), ["row 1", "NUL"]),
        ("my.parquet", parquet(text=[b"so"], mood=["Neutral"]), ["row 1", "found bytes, expected texts"]),
        ("my.parquet", parquet(text=[], mood=[]), ["is empty"]),
        (
            "my.jsonl",
            b'{"text": "a", "mood": "Neutral"}\n{"text": \n',
            ["line 2", "not a line of JSON", "one object per line"],
        ),
        ("my.json", b'[{"text": "a"}]', ["expected a JSON object", "jq -c '.[]'"]),
        ("my.jsonl", b'{"text": "a", "mood": "Foo"}\n', ["'Foo': 1 times, first on line 1"]),
        ("my.csv.xz", lzma.compress(GOOD), ["compressed with xz", "unxz"]),
        ("my.xls", b"\xd0\xcf\x11\xe0" + bytes(9), ["an old spreadsheet", "as CSV"]),
    ],
)
def test_files_of_other_formats_are_read_or_named(data, name, content, said):
    with pytest.raises(StudyError) as caught:
        read_posts(Source.of(name, content), data.model_copy(update={"columns": BY_NAME, "header": True}), LABELS)
    assert [part for part in [name, *said] if part not in str(caught.value)] == []


def unquoted(texts):
    return "".join(f"{n}\ta\tNeutral\t{text}\n" for n, text in enumerate(texts)).encode()


def test_a_file_that_does_not_quote_is_found_out_and_said(data, caplog):
    texts = ["plain words"] * 9 + ['"Seven Lamps", the new novel', "more", '"oh no', "more", 'and "so" on', 'yes"']
    posts = read(data, unquoted(texts), delimiter="\t", quoting="auto")
    assert posts["post"].tolist() == texts
    assert "quotes are read as ordinary characters" in caplog.text
    assert "set data.quoting to csv" in caplog.text
    assert "If quotes are ordinary characters in the file, set data.quoting to none" in refusal(
        data, unquoted(texts), delimiter="\t"
    )


@given(st.lists(st.text(st.sampled_from("\"ab ,;'\r"), min_size=1).filter(lambda t: not t.endswith("\r")), min_size=1))
def test_without_quoting_every_line_is_a_row_as_it_stands(data, texts):
    assert read(data, unquoted(texts), delimiter="\t", quoting="none")["post"].tolist() == texts


def test_a_name_of_a_column_needs_a_header(data):
    assert "there is no header, so the positions are the names" in refusal(data, GOOD, columns=BY_NAME)

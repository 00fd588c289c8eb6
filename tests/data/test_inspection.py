"""What a file of posts is, found out: format, encoding, delimiter, header, quoting, and which column holds what."""

import codecs
import csv
import io
import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.conftest import raw_parameters

from tweet_sentiment.data.inspection import found_out, inspect, leaves_open
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.records import AUTO, CsvForm
from tweet_sentiment.errors import StudyError

LABELS = ["bad", "fair", "good"]
WORDS = ["the", "café", "opens", "at", "nine", "so", "lovely", "“yes”", "it's", "a | b", "x;y", "no,", 'say "hi"', "5€"]
ENCODINGS = {  # how Python writes it: what is found
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": "utf-32",
    "utf-32-be": "utf-32-be",
    "cp1252": "cp1252",
}


def rows(number, words=WORDS):
    """Return rows of id, shop, label and text."""
    texts = [" ".join(words[(n * k + k * k) % len(words)] for k in range(1, 9)) for n in range(number)]
    return [[f"{100 + n:05}", f"Shop {n % 4}", LABELS[n % 3], f"{text} {n}"] for n, text in enumerate(texts)]


def written(lines, delimiter=",", encoding="utf-8", **options):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, **options).writerows(lines)
    return Source.of("mine.csv", out.getvalue().encode(encoding))


def roles(form):
    return {column.role: column.key for column in form.columns if column.role}


@hypothesis_settings(max_examples=150)
@given(
    number=st.integers(20, 40),
    header=st.booleans(),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    order=st.permutations(range(4)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    lineterminator=st.sampled_from(["\n", "\r\n"]),
)
def test_a_written_csv_is_found_out_as_it_was_written(
    number, header, delimiter, encoding, order, quoting, lineterminator
):
    names = ["tweet_id", "shop", "stars", "Text"]
    lines = [*([names] if header else []), *rows(number)]
    lines = [[line[place] for place in order] for line in lines]
    form = inspect(written(lines, delimiter, encoding, quoting=quoting, lineterminator=lineterminator))
    assert (form.format, form.encoding, form.delimiter) == ("csv", ENCODINGS[encoding], delimiter)
    assert (form.quoting, form.header, form.rows) == ("csv", header, number)
    assert form.reasons["encoding"].startswith("assumed") == (encoding == "cp1252")
    places = {role: order.index(place) for role, place in zip(("id", "entity", "label", "text"), range(4), strict=True)}
    assert {role: form.column(role).position for role in places} == places
    if header:
        assert roles(form) == {"id": "tweet_id", "entity": "shop", "label": "stars", "text": "Text"}
    assert sorted(form.column("label").values) == LABELS
    assert all(form.reasons[what] for what in ("encoding", "delimiter", "header"))


LOOSE = st.text(st.sampled_from("\"ab, ;|'é"), min_size=1, max_size=12)


@hypothesis_settings(max_examples=300)
@given(texts=st.lists(LOOSE, min_size=4, max_size=30), header=st.booleans())
@example(texts=['"so', "b", 'c"', "d"], header=False)
@example(texts=[';;"', ";", ";", '"'], header=False)
def test_a_file_that_does_not_quote_never_loses_a_row_without_a_word(texts, header):
    lines = [f"{LABELS[n % 3]}\tx{text}" if n < 2 else f"{LABELS[n % 3]}\t{text}" for n, text in enumerate(texts)]
    content = "\n".join([*(["label\ttext"] if header else []), *lines]) + "\n"
    with suppress(StudyError):
        assert inspect(Source.of("mine.tsv", content.encode())).rows == len(texts)


def test_rows_that_can_be_read_either_way_are_refused_with_both_ways_to_go_on():
    lines = ["a,b", 'c,"d', 'e,f"', "g,h"]
    with pytest.raises(StudyError, match="lines 2 to 3: a quote opens") as refused:
        inspect(Source.of("mine.csv", "\n".join(lines).encode()))
    assert "set data.quoting to none" in str(refused.value)
    assert "set data.quoting to csv" in str(refused.value)


def test_lines_of_a_text_are_no_rows_for_having_as_many_commas():
    texts = "".join(f'{n % 2},"so it goes\nand on, again {n}"\n' for n in range(9))
    with pytest.raises(StudyError, match=r"set data\.quoting to csv"):
        inspect(Source.of("mine.csv", f"label,text\n{texts}".encode()))


SEVERAL = ["I love it\nreally", "so bad", 'they said "no"\n\nand left', "fine, thanks\nbye", "meh"]
TABLES = {
    "one column": [["text"], *([text] for text in SEVERAL)],
    "the text before its label": [["text", "label"], [SEVERAL[0], "good"], ["so bad", "bad"]],
    "the label before its text": [["label", "text"], ["good", SEVERAL[0]], ["bad", "so bad"]],
}


@pytest.mark.parametrize(
    ("delimiter", "quoting"), [(",", csv.QUOTE_MINIMAL), (",", csv.QUOTE_ALL), ("\t", csv.QUOTE_ALL)]
)
@pytest.mark.parametrize("lines", TABLES.values(), ids=TABLES)
def test_texts_of_several_lines_are_no_rows(lines, delimiter, quoting):
    form = inspect(written(lines, delimiter, quoting=quoting))
    assert (form.rows, form.quoting) == (len(lines) - 1, "csv")


SENTENCES = st.lists(st.sampled_from(["so", "on, and", 'he said "no"', '"', ""]), min_size=1, max_size=3)


@hypothesis_settings(max_examples=200)
@given(
    texts=st.lists(SENTENCES.map("\n".join).filter(str.strip), min_size=1, max_size=12),
    labelled=st.sampled_from([lambda text: [text], lambda text: [text, "good"], lambda text: ["good", text]]),
    delimiter=st.sampled_from(",\t"),
)
def test_a_csv_with_texts_of_several_lines_never_gets_other_rows_without_a_word(texts, labelled, delimiter):
    lines = [["a", "b"][: len(labelled(""))], *map(labelled, texts)]
    with suppress(StudyError):
        assert inspect(written(lines, delimiter), CsvForm(encoding=AUTO)).rows == len(texts)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("words", ["今天天气真好啊一", "привет, как дела", "مرحبا بك", "😀 fine"])
def test_wide_encodings_without_a_mark_are_known_in_any_language(words, encoding):
    content = "".join(f'{n % 2},"{words} {n}"\n' for n in range(12))
    assert inspect(Source.of("mine.csv", content.encode(encoding))).encoding == encoding


def test_a_first_line_of_a_spreadsheet_names_the_delimiter():
    form = inspect(Source.of("mine.csv", b"sep=;\r\ntext;stars\r\nlovely, so;5\r\nbad, so;1\r\n"))
    assert (form.delimiter, form.header, form.rows, roles(form)) == (";", True, 2, {"text": "text", "label": "stars"})


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b"stars,words\n5,lovely\n1,broke again\n", True),
        (b"5,lovely\n1,broke again\n", False),
        (b",text,label\n0,lovely,good\n1,broke,bad\n", True),
        (b"Art,Inhalt\ngut,so ein Tag\nschlecht,wieder kaputt\n", True),
        (b"gut,so ein Tag\nschlecht,wieder kaputt\ngut,na ja\n", False),
        (b"what a lovely evening\nthe bus broke again\n", False),
        (b"text\nthe bus broke again\n", True),
        (b"text,text\nthe bus,broke\n", False),
        (b"v1,v2,,\n" + b"ham,so it goes,,\nspam,call now,,\nham,on and on, and on,\n" * 3, True),
        (b"what did you think of the show that you came to see,was it good?\n" + b"oh my,yes\nwell,no\n" * 3, True),
        (b"so lovely,good,,\n" + b"broke again,bad,,\nas ever,good,,\n" * 3, False),
    ],
)
def test_a_header_is_told_from_a_post(content, header):
    assert inspect(Source.of("mine.csv", content)).header is header


def test_one_text_a_line_is_one_column_whatever_it_holds():
    form = inspect(Source.of("tweets.txt", b"so, what a day\nthe bus; it broke\nwell\nbest coffee, in town, ever\n"))
    assert (len(form.columns), form.rows, roles(form)) == (1, 4, {"text": 0})


@pytest.mark.parametrize("names", [("sentence", "label", "label_text"), ("reviewText", "overall", "verified")])
def test_of_several_columns_the_right_ones_are_taken(names):
    lines = [[f"what was said of it as number {n}", str(n % 3), ["so bad", "so so"][n % 2]] for n in range(30)]
    form = inspect(written([names, *lines]))
    assert (form.column("text").key, form.column("label").key) == names[:2]


def test_json_lines_and_parquet_name_their_columns(tmp_path):
    table = {"tweet_id": ["00196", "7"], "sentiment": [1, 0], "tweet": ["so lovely", None]}
    pq.write_table(pa.table(table), tmp_path / "mine.parquet")
    lines = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for form in (inspect(tmp_path / "mine.parquet"), inspect(str(tmp_path / "mine.jsonl"))):
        assert (form.header, form.rows, form.delimiter, form.quoting) == (True, 2, None, None)
        assert roles(form) == {"id": "tweet_id", "label": "sentiment", "text": "tweet"}
        assert form.column("label").values == ("0", "1")
        assert "00196" in form.column("id").values


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mine.csv", b"", "is empty"),
        ("mine.csv", codecs.BOM_UTF8 + b" \n", "is empty"),
        ("mine.parquet", b"a,b\n", "no whole Parquet file"),
        ("mine.json", b'{"a": [\n1]}\n', "line 1: not a line of JSON"),
        ("mine.jsonl", b'[{"a": 1}]\n', "jq -c"),
    ],
)
def test_what_cannot_be_read_is_named(name, content, said):
    with pytest.raises(StudyError, match=name) as refused:
        inspect(Source.of(name, content))
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nothing\.csv: there is no such file"):
        inspect(tmp_path / "nothing.csv")
    with pytest.raises(StudyError, match=r"nothing\.csv: there is no such file"):
        found_out(raw_of(), Source.of("nothing.csv", None))


@hypothesis_settings(max_examples=300)
@given(content=st.binary(max_size=200), name=st.sampled_from(["mine.csv", "mine.jsonl", "mine.parquet", "mine"]))
def test_any_bytes_give_the_same_answer_twice_or_a_message(content, name):
    source = Source.of(name, content)
    with suppress(StudyError):
        assert inspect(source) == inspect(source)


FORM = {"header": "auto", "delimiter": "auto", "quoting": "auto", "encoding": "auto"}


def raw_of(labels="auto", label="auto", post="auto", drop=(), **form):
    columns = {"id": None, "entity": None, "label": label, "post": post}
    return {"labels": labels, "data": FORM | {"columns": columns, "drop_labels": list(drop)} | form}


def file_of(labels, header="stars,text", name="mine.csv"):
    rows = "".join(f"{label},what was said of it as number {n}\n" for n, label in enumerate(labels))
    return Source.of(name, f"{header}\n{rows}".encode() if header else rows.encode())


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["10", "9", "1"] * 10, ["1", "9", "10"]),
        (["good", "bad"] * 10, ["bad", "good"]),
        (["True", "False"] * 10, ["False", "True"]),
        ([f"label {n:02}" for n in range(50)] * 4, [f"label {n:02}" for n in range(50)]),
    ],
)
def test_columns_and_labels_are_found_out(values, labels):
    found = found_out(raw_of(), file_of(values))
    assert found["labels"] == labels
    assert found["data"]["columns"] == {"id": None, "entity": None, "label": "stars", "post": "text"}


def test_without_a_header_columns_are_positions():
    found = found_out(raw_of(), file_of(["good", "bad"] * 10, header=""))
    assert found["data"]["columns"] | {"id": None} == {"id": None, "entity": None, "label": 0, "post": 1}


def test_an_empty_label_is_dropped_and_a_dropped_one_is_not_learnt():
    found = found_out(raw_of(drop=["unclear"]), file_of(["good", "bad", "", "unclear"] * 10))
    assert (found["labels"], found["data"]["drop_labels"]) == (["bad", "good"], ["unclear", ""])


@pytest.mark.parametrize(
    ("given", "values", "labels"),
    [
        ([True, False], ["yes", "no"], ["yes", "no"]),
        ([True, False], ["TRUE", "FALSE"], ["TRUE", "FALSE"]),
        ([True, "maybe"], ["on", "maybe"], ["on", "maybe"]),
        ([True, False], ["1", "0"], ["true", "false"]),
        ([None, "good"], ["NULL", "good"], ["NULL", "good"]),
    ],
)
def test_labels_that_yaml_reads_as_booleans_or_null_are_those_of_the_file(given, values, labels):
    raw = raw_of(labels=given)
    assert leaves_open(raw)
    assert found_out(raw, file_of(values * 10))["labels"] == labels


def test_a_null_to_drop_is_that_of_the_file_and_labels_that_may_mean_no_label_are_named(caplog):
    found = found_out(raw_of(drop=[None]), file_of(["good", "bad", "null", "N/A"] * 10))
    assert (found["labels"], found["data"]["drop_labels"]) == (["N/A", "bad", "good"], ["null"])
    assert "3 labels: N/A, bad, good (N/A may mean that there is no label: data.drop_labels leaves" in caplog.text


@pytest.mark.parametrize(
    ("given", "values", "said"),
    [
        (raw_of(label="star"), ["a", "b"], "there is no column 'star' for the labels; its columns are 'stars', 'text'"),
        (raw_of(label="text"), ["a", "b"], "its columns are 'stars', 'text'"),
        (raw_of(label="stars"), ["a", "a"], "has 1 label(s), ['a']; expected two or more"),
        (raw_of(label="stars"), ["Good", "good "], "'Good' and 'good ', which differ only by case or spaces"),
    ],
)
def test_a_file_that_does_not_tell_is_named_with_what_to_give(given, values, said):
    with pytest.raises(StudyError) as refused:
        found_out(given, file_of(values * 10))
    assert said in str(refused.value)
    assert "mine.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("parts", "said"), [(["train", "Test"], True), (["val", "test"], True), (["red", "test"], False)]
)
def test_a_column_that_divides_the_file_is_said_not_to_be_used(parts, said, caplog):
    rows = "".join(f"some words {n},{'ab'[n % 2]},{parts[n % 3 % 2]}\n" for n in range(30))
    found_out(raw_of(), Source.of("mine.csv", f"text,label,part\n{rows}".encode()))
    assert ("the column 'part' is not used: test posts are drawn" in caplog.text) == said


def test_too_many_labels_to_be_labels_are_said():
    rows = "".join(f"what was said of it as number {n},topic {n % 77},{n % 2}\n" for n in range(300))
    with pytest.raises(StudyError, match="nothing tells which column holds the labels"):
        found_out(raw_of(), Source.of("mine.csv", f"text,category,checked\n{rows}".encode()))
    with pytest.raises(StudyError, match="60 different values; at most 50 labels are detected"):
        found_out(raw_of(label="stars"), file_of([str(n) for n in range(60)] * 2))


def test_nothing_is_read_where_everything_is_said():
    assert not leaves_open(raw_parameters())
    assert leaves_open(raw_of())

"""What a file of one's own tells of its columns and labels, and what is said where it tells nothing."""

import pytest
from tests.conftest import raw_parameters

from tweet_sentiment.data.inspection import found_out, leaves_open
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.errors import StudyError

AUTO = {"header": "auto", "delimiter": "auto", "quoting": "auto", "encoding": "auto"}


def raw(labels="auto", label="auto", post="auto", drop=(), **form):
    columns = {"id": None, "entity": None, "label": label, "post": post}
    return {"labels": labels, "data": AUTO | {"columns": columns, "drop_labels": list(drop)} | form}


def file(labels, header="stars,text", name="mine.csv"):
    rows = "".join(f"{label},what was said of it as number {n}\n" for n, label in enumerate(labels))
    return RawFile(name, f"{header}\n{rows}".encode() if header else rows.encode())


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
    found = found_out(raw(), file(values))
    assert found["labels"] == labels
    assert found["data"]["columns"] == {"id": None, "entity": None, "label": "stars", "post": "text"}


def test_without_a_header_columns_are_positions():
    found = found_out(raw(), file(["good", "bad"] * 10, header=""))
    assert found["data"]["columns"] | {"id": None} == {"id": None, "entity": None, "label": 0, "post": 1}


def test_an_empty_label_is_dropped_and_a_dropped_one_is_not_learnt():
    found = found_out(raw(drop=["unclear"]), file(["good", "bad", "", "unclear"] * 10))
    assert (found["labels"], found["data"]["drop_labels"]) == (["bad", "good"], ["unclear", ""])


@pytest.mark.parametrize(
    ("given", "values", "labels"),
    [
        ([True, False], ["yes", "no"], ["yes", "no"]),
        ([True, False], ["TRUE", "FALSE"], ["TRUE", "FALSE"]),
        ([True, "maybe"], ["on", "maybe"], ["on", "maybe"]),
        ([True, False], ["1", "0"], ["true", "false"]),
    ],
)
def test_labels_that_yaml_reads_as_booleans_are_those_of_the_file(given, values, labels):
    assert found_out(raw(labels=given), file(values * 10))["labels"] == labels


@pytest.mark.parametrize(
    ("given", "values", "said"),
    [
        (raw(label="star"), ["a", "b"], "data.columns.label is 'star'; its columns are 'stars', 'text'"),
        (raw(label="text"), ["a", "b"], "its columns are 'stars', 'text'"),
        (raw(label="stars"), ["a", "a"], "has 1 label(s), ['a']; expected two or more"),
        (raw(label="stars"), ["Good", "good "], "'Good' and 'good ', which differ only by case or spaces"),
    ],
)
def test_a_file_that_does_not_tell_is_named_with_what_to_give(given, values, said):
    with pytest.raises(StudyError) as refused:
        found_out(given, file(values * 10))
    assert said in str(refused.value)
    assert "mine.csv" in str(refused.value)


def test_too_many_labels_to_be_labels_are_said():
    with pytest.raises(StudyError, match="60 different values; labels found out are at most 50"):
        found_out(raw(label="stars"), file([str(n) for n in range(60)] * 2))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(StudyError, match=r"nothing\.csv: there is no such file"):
        found_out(raw(), RawFile("nothing.csv", None))


def test_nothing_is_read_where_everything_is_said():
    assert not leaves_open(raw_parameters())
    assert leaves_open(raw())

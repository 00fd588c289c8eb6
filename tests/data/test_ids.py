"""Ids that do not name a post: found, said, and left aside by everything that asks for ids."""

import json
import random
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data.filtering import has_ids, with_known_ids
from tweet_sentiment.data.leakage import distrust, without_untrusted
from tweet_sentiment.data.lines import Source
from tweet_sentiment.pipelines.data_processing.nodes import audit_posts, filter_posts, read_posts, split_posts
from tweet_sentiment.pipelines.evaluation.nodes import analyse_errors
from tweet_sentiment.reports.inputs import About
from tweet_sentiment.scoring.uncertainty import tweet_codes

WORDS = ["river", "stone", "lamp", "window", "garden", "bread", "letter", "music", "winter", "paper", "silver", "road"]


def texts(count: int, seed: int = 0) -> list[str]:
    """Return unlike texts of ten words."""
    drawing = random.Random(seed)
    return [" ".join(drawing.choices(WORDS, k=10)) for _ in range(count)]


def posts(ids, of=None) -> pd.DataFrame:
    given = of or texts(len(ids))
    return pd.DataFrame({"row": range(1, len(ids) + 1), "id": list(map(str, ids)), "post": given})


def rounded_ids(count: int) -> list[str]:
    """Return ids of 18 digits as a spreadsheet shows them."""
    return [f"{random.Random(n).randrange(10**17, 10**18):.5E}" for n in range(count)]


@pytest.mark.parametrize("one", ["1.23457E+17", "1,23457E+17", "1.2345678901234568e+17", "5E+17"])
def test_an_id_in_exponent_notation_is_rounded(one):
    assert distrust(posts(["12", one, "13"])) == f"1 of 3 are rounded, as a spreadsheet does, such as {one}"


@pytest.mark.parametrize("digits", [6, 15])
def test_ids_that_end_in_the_same_zeros_are_rounded(digits):
    ids = [str(random.Random(n).randrange(10**17, 10**18))[:digits].ljust(18, "0") for n in range(30)]
    assert "30 of 30 are rounded" in distrust(posts(ids))
    assert f"such as {ids[0]}" in distrust(posts(ids))


def test_ids_of_unlike_texts_are_named_with_their_count_and_an_example():
    reason = distrust(posts([n // 3 for n in range(300)]))
    assert re.match(r"\d+ of the 100 that stand beside several texts join unlike ones, such as \d+: '.+' and '", reason)


def test_wordings_of_one_post_are_alike():
    wordings = [text.replace("river", "stream") + end for text in texts(10) for end in ("", "!", " today")]
    assert distrust(posts([n // 3 for n in range(30)], wordings)) is None
    assert distrust(posts(["", ""])) is None


@given(st.lists(st.integers(0, 2**63), unique=True, max_size=60))
def test_distinct_ids_are_trusted_whatever_numbers_they_are(ids):
    zeros = sum(str(one).endswith("000") for one in ids)
    assert zeros > len(ids) / 2 or distrust(posts(ids)) is None


@pytest.mark.real_data
def test_the_papers_ids_are_trusted(real_posts):
    assert without_untrusted(list(real_posts.values()))[1] is None


def csv(ids, labels, of=None):
    lines = zip(ids, labels, of or texts(len(ids)), strict=True)
    return Source.of("mine.csv", "".join(f"{one},shop,{label},{text}\n" for one, label, text in lines).encode())


def test_what_is_not_trusted_is_said_and_nothing_uses_it(parameters, caplog):
    data = parameters.data.model_copy(update={"validation_file": None})
    mine, study = parameters.model_copy(update={"data": data}), parameters.study
    given = csv(rounded_ids(90), ["Negative", "Neutral", "Positive"] * 30)
    training, validation, account = read_posts(given, given, data, study)
    assert account["training"]["ids"].startswith("not used: 90 of 90 are rounded")
    assert "The ids (data.columns.id) are not used: 90 of 90 are rounded" in caplog.text
    assert not has_ids(training, data)
    assert with_known_ids(training, data).columns.id is None
    training, validation, _ = filter_posts(training, validation, data, study)
    figures, _ = audit_posts(training, validation, data, study)
    assert not figures["ids_known"]
    assert "id_share" not in figures["overlap"]
    split, out, split_counts = split_posts(training, validation, pd.DataFrame(), data, parameters.dev_split, study)
    assert "id_count" not in split_counts["overlap"]
    assert (split_counts["removed_tweet_id"], split_counts["overlap"]["normalised_text_count"]) == (0, 0)
    assert len(set(tweet_codes(out))) == len(out)
    answers = out.assign(predicted=out["label"], **{f"probability_{label}": 1 / 3 for label in mine.labels})
    answers = answers[["row", "id", "label", "predicted", *(f"probability_{label}" for label in mine.labels)]]
    by_group, _ = analyse_errors(answers, out, split, mine.study, mine.data, mine.uncertainty)
    assert set(by_group["grouping"]) == {"entity", "length", "label"}
    json.dumps(account)


def test_ids_that_are_trusted_stay_and_a_file_without_them_says_so(parameters):
    data = parameters.data.model_copy(update={"validation_file": None})
    wordings = [*texts(29), f"{texts(1)[0]}!"]
    given = csv([*range(100, 129), 100], ["Negative", "Neutral", "Positive"] * 10, wordings)
    training, _, account = read_posts(given, given, data, parameters.study)
    assert account["training"]["ids"] == "trusted"
    assert (has_ids(training, data), with_known_ids(training, data)) == (True, data)
    columns = data.columns.model_copy(update={"id": None})
    data = data.model_copy(update={"columns": columns})
    training, _, account = read_posts(given, given, data, parameters.study)
    assert (account["training"]["ids"], has_ids(training, data)) == ("none", False)


@pytest.mark.parametrize("column", [None, 0])
def test_without_ids_or_with_row_numbers_test_posts_with_like_texts_are_drawn_together(parameters, column, caplog):
    data = parameters.data.model_copy(update={"columns": parameters.data.columns.model_copy(update={"id": column})})
    labels = ["Negative", "Neutral", "Positive"] * 10
    posts = "{},shop,{},{}\n".format
    many = Source.of("mine.csv", "".join(map(posts, range(30), labels, texts(30))).encode())
    like = texts(60)[30:36]
    like = [*like, like[0], f"{like[1]}!!", like[2].upper(), "ok", "OK", "no"]
    few = Source.of("test.csv", "".join(map(posts, range(30, 42), labels, like)).encode())
    with caplog.at_level("INFO"):
        training, test, account = read_posts(many, few, data, parameters.study)
    assert account["training"]["ids"] == ("none" if column is None else "not used: no two posts share one")
    assert ("No two posts share an id" in caplog.text) == (column is not None)
    training, test, _ = filter_posts(training, test, data, parameters.study)
    _, out, _ = split_posts(training, test, pd.DataFrame(), data, parameters.dev_split, parameters.study)
    shared = out.groupby("id")["row"].apply(sorted).tolist()
    assert sorted(shared) == [[1, 7], [2, 8], [3, 9], [4], [5], [6], [10, 11], [12]]
    assert not has_ids(out, data)


def test_users_are_drawn_together_and_never_distrusted(parameters):
    columns = parameters.data.columns.model_copy(update={"id": None, "group": 0})
    data = parameters.data.model_copy(update={"columns": columns, "validation_file": None})
    given = csv(
        [f"u{n % 15}" for n in range(90)], ["Negative", "Neutral", "Positive", "Negative"] * 22 + ["Neutral"] * 2
    )
    training, test, account = read_posts(given, given, data, parameters.study)
    assert (account["training"]["ids"], account["training"]["group"]) == ("none", 0)
    training, test, _ = filter_posts(training, test, data, parameters.study)
    assert training["original"].all()
    split, out, _ = split_posts(training, test, pd.DataFrame(), data, parameters.dev_split, parameters.study)
    assert not set(split["id"]) & set(out["id"])
    assert len(set(tweet_codes(out))) == len(set(out["id"])) < len(out)
    about = About.of({"training": account["training"] | {"group": "user"}})
    assert about.unit == "values of user"
    assert about.shared == "a value of user, a text or a near-duplicate text"

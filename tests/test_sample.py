"""The sample is what it is said to be: invented, awkward as the real file, and enough to learn from."""

import pytest

from tests.conftest import PROJECT
from tests.projects import copy_project, kedro_here
from tweet_sentiment.data.cleaning import clean_as_intended
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.data.reading import read_posts


@pytest.fixture(scope="module")
def sample():
    from tests.conftest import raw_parameters, validate_parameters

    parameters = validate_parameters(raw_parameters())
    files = {part: PROJECT / f"data/01_raw/sample_{part}.csv" for part in ("training", "validation")}
    return {
        part: read_posts(RawFile(file.name, file.read_bytes()), parameters.data, parameters.labels)
        for part, file in files.items()
    }


def test_it_is_as_large_and_varied_as_said(sample):
    training, validation = sample["training"], sample["validation"]
    assert 1_100 <= len(training) <= 1_300
    assert 110 <= len(validation) <= 150
    assert training["id"].nunique() >= 250
    assert training["entity"].nunique() >= 12
    assert set(training["label"]) == set(validation["label"]) == {"Negative", "Neutral", "Positive", "Irrelevant"}
    assert training.groupby("id")["post"].nunique().median() >= 3


@pytest.mark.parametrize("mark", ['"', ",", "\n", "http", "#", "<", "NaN"])
def test_every_awkwardness_of_the_real_file_is_in_it(sample, mark):
    assert sample["training"]["post"].str.contains(mark, regex=False).any()


def test_missing_and_blank_posts_emoji_and_leaking_ids_are_in_it(sample):
    posts = sample["training"]["post"]
    assert (posts == "").any()
    assert ((posts != "") & (posts.str.strip() == "")).any()
    assert posts.str.contains(r"[\U0001F300-\U0001FAFF]").any()
    assert sample["validation"]["id"].isin(sample["training"]["id"]).any()


@pytest.mark.slow
def test_a_model_trained_on_it_classifies_plain_new_sentences(tmp_path, encoder):
    from transformers import pipeline

    project = copy_project(tmp_path / "sample", encoder)
    done = kedro_here(project, "run", "--pipelines=layer_unfreezing", "--params=device=cpu")
    assert done.returncode == 0, done.stderr
    folder = project / "data/06_models/sample/leak_free/layer_unfreezing"
    classify = pipeline("text-classification", model=str(folder), device="cpu")
    sentences = {
        "I love this, it works wonderfully and made my day!": "Positive",
        "Worst purchase ever, it broke after a day and support is useless.": "Negative",
        "The new version will be released on Tuesday at 10 am.": "Neutral",
    }
    given = [answer["label"] for answer in classify([clean_as_intended(text) for text in sentences])]
    assert given == list(sentences.values())

"""The sample is what it is said to be: invented, awkward as the real file, and enough to learn from."""

import pytest

from tests.conftest import PROJECT
from tests.projects import copy_project, kedro_here
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import read_posts


@pytest.fixture(scope="module")
def sample():
    from tests.conftest import raw_parameters, validate_parameters

    parameters = validate_parameters(raw_parameters())
    files = {part: PROJECT / f"data/01_raw/sample_{part}.csv" for part in ("training", "validation")}
    return {
        part: read_posts(Source.of(file.name, file.read_bytes()), parameters.data, parameters.labels)
        for part, file in files.items()
    }


def test_it_is_as_large_and_varied_as_said(sample):
    training, validation = sample["training"], sample["validation"]
    assert 1_800 <= len(training) <= 2_000
    assert 110 <= len(validation) <= 150
    assert training["id"].nunique() >= 500
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


PLAIN = {
    "Positive": [
        "My kids adore their new teacher",
        "The soup was delicious",
        "I am so glad we came here",
        "Great job, everyone",
        "No problems so far, I like it",
        "The hotel was clean and the view was beautiful",
        "It works perfectly",
    ],
    "Negative": [
        "I do not love this game",
        "Not happy at all",
        "The hotel was dirty and the view was ugly",
        "I don't like the taste",
        "It never works when I need it",
        "They lost my luggage and nobody cared",
        "This book is not worth reading",
        "I am so angry right now",
    ],
    "Neutral": [
        "The library is closed on Sundays",
        "Is there a bus to the airport?",
        "She works in the office on Tuesdays",
        "The concert starts at half past seven",
        "The report has twelve pages",
    ],
}


def test_none_of_the_plain_sentences_stands_in_it(sample):
    posts = set(sample["training"]["post"].str.lower().str.strip(" .!?"))
    assert posts.isdisjoint(text.lower().strip(" .!?") for texts in PLAIN.values() for text in texts)


@pytest.mark.slow
def test_prompt_tuning_on_it_answers_plain_sentences_and_negations(tmp_path, encoder):
    from tweet_sentiment import Predictor

    project = copy_project(tmp_path / "sample", encoder)
    chosen = "This tweet expresses a sentiment that is:"  # of the three on the dev split; the others take as long
    done = kedro_here(
        project,
        "run",
        "--pipelines=prompt_tuning",
        f"--params=device=cpu,precision=fp32,prompt_tuning.hard_prompts=['{chosen}']",  # alike on every processor
    )
    assert done.returncode == 0, done.stderr
    predictor = Predictor.load(project / "data/06_models/sample/leak_free/prompt_tuning")
    answers = {label: predictor(texts) for label, texts in PLAIN.items()}
    wrong = [text for label, given in answers.items() for text in given["text"][given["label"] != label]]
    assert len(wrong) <= 2, wrong

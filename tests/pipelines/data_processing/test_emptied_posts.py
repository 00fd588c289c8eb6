"""Posts that cleaning leaves nothing of: counted and said; refused where they are many."""

import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.data_processing.nodes import clean_posts

ARABIC = ["هذا رائع", "خدمة سيئة جدا", "لا بأس به"]


def cleaned(parameters, texts, cleaning):
    data = parameters.data.model_copy(update={"cleaning": cleaning})
    posts = pd.DataFrame({"post": texts})
    return clean_posts(posts, posts, data)


@pytest.mark.parametrize(("texts", "cleaning"), [(ARABIC, "published"), (["🤣", "good", "bad"], "corrected")])
def test_posts_that_are_mostly_emptied_are_refused_with_the_way_out(parameters, texts, cleaning):
    with pytest.raises(StudyError, match=r"empties \d of 3 posts.*\n.*data\.cleaning=none"):
        cleaned(parameters, texts, cleaning)


@pytest.mark.parametrize("cleaning", ["corrected", "none"])
def test_letters_of_another_script_stay(parameters, cleaning, caplog):
    training, _, account = cleaned(parameters, ARABIC, cleaning)
    assert list(training["post"]) == ARABIC
    assert account["training"] == account["validation"] == {"empty_after_cleaning": 0}
    assert not caplog.messages


def test_a_few_emptied_posts_are_counted_and_said(parameters, caplog):
    training, _, account = cleaned(parameters, ["🤣", *["good"] * 4], "corrected")
    assert list(training["post"]) == ["", *["good"] * 4]
    assert account["training"] == {"empty_after_cleaning": 1}
    assert "1 of 5 training posts lose all their text by data.cleaning=corrected" in caplog.text

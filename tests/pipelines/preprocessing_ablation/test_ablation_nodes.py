import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tweet_sentiment.pipelines.preprocessing_ablation.nodes import encode_variant, fit_variant, show_variants
from tweet_sentiment.pipelines.preprocessing_ablation.variants import VARIANTS, Variant

from tweet_sentiment.data.cleaning import clean_as_intended, clean_as_published, clean_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
from tweet_sentiment.modeling.prediction import encode

PLAIN = {cleaning: Variant(cleaning, False, False) for cleaning in ("published", "corrected", "none")}
BY_HAND = {"published": clean_as_published, "corrected": clean_as_intended, "none": str}


def test_there_are_thirteen_ways_and_each_but_one_has_a_plain_reference():
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == len(names) == 13
    assert [v.name for v in VARIANTS if not v.reference] == ["corrected_plain"]
    for variant in VARIANTS:
        if variant.steps != "plain":
            assert variant.reference == f"{variant.cleaning}_plain"
    assert {PLAIN[name].reference for name in ("published", "none")} == {"corrected_plain"}


@given(st.lists(st.text(), min_size=1))
def test_plainly_published_text_has_no_w_and_no_s(texts):
    variant = PLAIN["published"]
    cleaned = clean_posts(pd.Series(texts), variant.cleaning, variant.stop_words_removed, variant.lemmatised)
    assert not any(letter in text for text in cleaned for letter in "wsWS")


@pytest.mark.nltk
def test_one_post_is_shown_every_way():
    shown = show_variants()
    assert list(shown) == [variant.name for variant in VARIANTS]
    assert not set("ws") & set(shown["published_plain"] + shown["published_no_stop_words"])
    assert "dont" in shown["corrected_plain"].split()
    assert "this" not in shown["corrected_no_stop_words"].split()
    assert "wa" in shown["corrected_lemmas"].split()


def test_without_nltk_s_data_the_first_node_says_how_to_get_them():
    code = (
        "import nltk; nltk.data.path[:] = []\n"
        "from tweet_sentiment.errors import StudyError\n"
        "from tweet_sentiment.pipelines.preprocessing_ablation.nodes import show_variants\n"
        "try:\n    show_variants()\nexcept StudyError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "python -m nltk.downloader stopwords wordnet" in done.stdout, done.stderr


@pytest.mark.parametrize("cleaning", ["published", "corrected", "none"])
def test_the_encoder_gets_the_cleaned_texts_in_the_order_of_the_posts(cleaning, training, validation, tiny, encoder):
    found = encode_variant(PLAIN[cleaning], training, validation, tiny)
    tokenizer = load_tokenizer(str(encoder))
    for features, posts in zip(found, (training, validation), strict=False):
        input_ids = tokenizer([BY_HAND[cleaning](post) for post in posts["post"]])["input_ids"]
        expected = encode(load_encoder(str(encoder)), input_ids, Device("cpu", "fp32"))
        np.testing.assert_allclose(features, expected, atol=1e-5)


def test_each_distinct_text_is_encoded_once(training, validation, tiny):
    features, _, encoding = encode_variant(PLAIN["corrected"], training, validation, tiny)
    assert encoding["distinct_texts"] == 6
    np.testing.assert_array_equal(features[:6], features[6:12])


def test_posts_that_lose_all_their_text_stay_and_are_counted(training, validation, tiny):
    features, _, encoding = encode_variant(PLAIN["corrected"], training, validation, tiny)
    assert len(features) == encoding["n_train"] == len(training)
    assert encoding["empty_after_cleaning"] == 3
    assert encode_variant(PLAIN["none"], training, validation, tiny)[2]["empty_after_cleaning"] == 0


def test_the_posts_given_are_not_changed(training, validation, tiny):
    before = training.copy(), validation.copy()
    encode_variant(PLAIN["published"], training, validation, tiny)
    pd.testing.assert_frame_equal(training, before[0])
    pd.testing.assert_frame_equal(validation, before[1])


def test_the_row_limit_takes_the_first_training_posts_and_all_validation_posts(training, validation, tiny):
    ablation = tiny.preprocessing_ablation.model_copy(update={"row_limit": 7})
    limited = tiny.model_copy(update={"preprocessing_ablation": ablation})
    every, measured, _ = encode_variant(PLAIN["corrected"], training, validation, tiny)
    few, also_measured, encoding = encode_variant(PLAIN["corrected"], training, validation, limited)
    assert encoding["n_train"] == 7
    np.testing.assert_allclose(few, every[:7], atol=1e-5)
    np.testing.assert_allclose(also_measured, measured, atol=1e-5)
    predictions, _ = fit_variant(training, validation, few, also_measured, encoding, limited)
    assert list(predictions["row"]) == list(validation["row"])


def test_the_labels_of_the_validation_posts_decide_nothing(training, validation, tiny):
    encoded = encode_variant(PLAIN["corrected"], training, validation, tiny)
    other = validation.assign(label=validation["label"].to_numpy()[::-1])
    one, two = (fit_variant(training, posts, *encoded, tiny)[0] for posts in (validation, other))
    pd.testing.assert_frame_equal(one.drop(columns="label"), two.drop(columns="label"))


def test_a_head_learns_what_the_features_say_of_the_labels(training, validation, tiny):
    more = tiny.preprocessing_ablation.hyperparameters.model_copy(update={"num_train_epochs": 30})
    longer = tiny.model_copy(
        update={"preprocessing_ablation": tiny.preprocessing_ablation.model_copy(update={"hyperparameters": more})}
    )
    telling = [np.eye(32, dtype=np.float32)[posts["label"].map(tiny.labels.index)] for posts in (training, validation)]
    encoding = {"cleaning": "corrected", "steps": "plain"}
    predictions, metrics = fit_variant(training, validation, *telling, encoding, longer)
    assert list(predictions["predicted"]) == list(validation["label"])
    assert metrics["accuracy"] == 1
    silent = [np.zeros_like(features) for features in telling]
    assert fit_variant(training, validation, *silent, encoding, longer)[0]["predicted"].nunique() == 1


def test_features_of_other_posts_are_refused(training, validation, tiny):
    features, measured, encoding = encode_variant(PLAIN["corrected"], training, validation, tiny)
    with pytest.raises(StudyError, match=r"of 17 \+ 12 posts, but there are 18 \+ 12"):
        fit_variant(training, validation, features[1:], measured, encoding, tiny)

"""The inference pipeline's node: what the predictor says of every row of a file."""

import pytest
from tests.conftest import raw_parameters, validate_parameters
from tests.predictor.conftest import save_sample

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.inference.nodes import predict
from tweet_sentiment.predictor import Predictor


def parameters(**inference):
    raw = raw_parameters()
    typed = validate_parameters(raw | {"device": "cpu", "precision": "fp32", "inference": raw["inference"] | inference})
    return typed.inference, typed.compute


@pytest.fixture(scope="module")
def folder(encoder, tmp_path_factory):
    return save_sample(encoder, tmp_path_factory.mktemp("models") / "best")


def test_every_row_of_the_file_has_what_the_predictor_says_of_it(folder, tmp_path):
    posts = tmp_path / "mine.csv"
    posts.write_text('1,Nvidia,Positive,i love it\n2,Nvidia,,""\n3,Nvidia,,NaN\n')
    table = predict(posts, folder, *parameters()).to_pylist()
    predictor = Predictor.load(folder, device="cpu", precision="fp32")
    expected = predictor.records(["i love it", "NaN"])
    assert [row["3"] for row in table] == ["i love it", "", "NaN"]
    assert [row["label"] for row in table] == [expected[0]["label"], None, expected[1]["label"]]
    assert table[1]["error"] == "the text is empty or blank"
    for row, record in ((table[0], expected[0]), (table[2], expected[1])):
        assert [row[f"probability_{name}"] for name in predictor.labels] == pytest.approx(
            list(record["probabilities"].values())
        )


def test_a_faulty_row_where_that_is_wanted_and_a_missing_file_or_model_stop_it(folder, tmp_path):
    posts = tmp_path / "mine.csv"
    posts.write_text("text\nok\n \n")
    with pytest.raises(StudyError, match=r"row 2 \(line 3\): the text is empty or blank"):
        predict(posts, folder, *parameters(header=True, text_column="text", on_error="stop"))
    with pytest.raises(StudyError, match=r"Name one: --params=inference\.file="):
        predict(tmp_path / "nothing.csv", folder, *parameters())
    with pytest.raises(StudyError, match=r"nowhere: no manifest\.json here"):
        predict(posts, tmp_path / "nowhere", *parameters(header=True, text_column="text"))


def test_a_file_without_rows_gives_a_table_without_rows(folder, tmp_path):
    posts = tmp_path / "mine.csv"
    posts.write_text("text\n")
    table = predict(posts, folder, *parameters(header=True, text_column="text"))
    assert (table.num_rows, table.column_names[:2]) == (0, ["text", "label"])

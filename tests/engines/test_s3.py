"""Files and models in S3: what the same ones give on this machine."""

import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file

pytestmark = pytest.mark.slow


def test_input_output_and_model_in_s3_give_the_same_bytes(s3, posts, plain_folder, tmp_path):
    s3.put(str(plain_folder), "bucket/model", recursive=True)
    s3.put_file(str(posts), "bucket/in.csv")
    here, there = tmp_path / "out.parquet", "s3://bucket/new/out.parquet"
    expected = predict_file(lambda: Predictor.load(plain_folder, device="cpu"), FileJob(str(posts), here, "content"))
    found = predict_file(
        lambda: Predictor.load("s3://bucket/model", device="cpu"), FileJob("s3://bucket/in.csv", there, "content")
    )
    assert (found.rows, found.faults, found.faulty) == (expected.rows, expected.faults, expected.faulty)
    assert found.faults == 8
    assert s3.cat_file(there) == here.read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_model_with_another_file_than_its_manifest_names_is_refused(s3, plain_folder, name):
    s3.put(str(plain_folder), f"bucket/{name}/model", recursive=True)
    content = bytearray(s3.cat_file(f"bucket/{name}/model/{name}"))
    content[-1] ^= 1
    s3.pipe_file(f"bucket/{name}/model/{name}", bytes(content))
    s3.pipe_file(f"bucket/{name}/model/manifest.json", s3.cat_file(f"bucket/{name}/model/manifest.json") + b"\n")
    with pytest.raises(StudyError, match=rf"s3://bucket/{name}/model: {name} has changed since it was saved"):
        Predictor.load(f"s3://bucket/{name}/model")


def test_what_is_not_there_is_said(s3, tmp_path):
    for source in ("s3://bucket/nothing.csv", "s3://nobody/nothing.csv"):
        with pytest.raises(StudyError, match=rf"{source}(: there is no such file| cannot be reached)"):
            predict_file(lambda: None, FileJob(source, tmp_path / "out.csv", "content"))
    with pytest.raises(StudyError, match=r"s3://bucket/nothing: no manifest\.json here"):
        Predictor.load("s3://bucket/nothing")

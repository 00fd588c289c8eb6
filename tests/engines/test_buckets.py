"""Files and models in S3 and in Google Cloud Storage: what the same ones give on this machine."""

import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file

pytestmark = pytest.mark.slow


def test_input_output_and_model_in_a_bucket_give_the_same_bytes(bucket, posts, plain_folder, tmp_path):
    address, store = bucket
    store.put(str(plain_folder), "bucket/model", recursive=True)
    store.put_file(str(posts), "bucket/in.csv")
    here, there = tmp_path / "out.parquet", f"{address}/new/out.parquet"
    expected = predict_file(lambda: Predictor.load(plain_folder, device="cpu"), FileJob(str(posts), here, "content"))
    found = predict_file(
        lambda: Predictor.load(f"{address}/model", device="cpu"), FileJob(f"{address}/in.csv", there, "content")
    )
    assert (found.rows, found.faults, found.faulty) == (expected.rows, expected.faults, expected.faulty)
    assert found.faults == 8
    assert store.cat_file("bucket/new/out.parquet") == here.read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_model_with_another_file_than_its_manifest_names_is_refused(bucket, plain_folder, name):
    address, store = bucket
    store.put(str(plain_folder), f"bucket/{name}/model", recursive=True)
    content = bytearray(store.cat_file(f"bucket/{name}/model/{name}"))
    content[-1] ^= 1
    store.pipe_file(f"bucket/{name}/model/{name}", bytes(content))
    store.pipe_file(f"bucket/{name}/model/manifest.json", store.cat_file(f"bucket/{name}/model/manifest.json") + b"\n")
    with pytest.raises(StudyError, match=rf"{address}/{name}/model: {name} has changed since it was saved"):
        Predictor.load(f"{address}/{name}/model")


def test_what_is_not_there_is_said(bucket, tmp_path):
    address, _ = bucket
    for source in (f"{address}/nothing.csv", f"{address.replace('bucket', 'nobody')}/nothing.csv"):
        with pytest.raises(StudyError, match=rf"{source}(: there is no such file| cannot be reached)"):
            predict_file(lambda: None, FileJob(source, tmp_path / "out.csv", "content"))
    with pytest.raises(StudyError, match=rf"{address}/nothing: no manifest\.json here"):
        Predictor.load(f"{address}/nothing")

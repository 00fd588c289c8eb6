"""Files and models at addresses: what the same ones give on this machine; another file is refused."""

import json
import shutil

import pytest
from tests.predictor.test_predicting_files import TEXTS, dying, job, write_csv

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import predict_file


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_addresses_give_the_same_bytes_and_a_killed_run_goes_on(predictor, tmp_path, cache, suffix):
    source = write_csv(tmp_path / "in.csv", TEXTS)
    predict_file(lambda: predictor, job(source, tmp_path / f"here{suffix}"))
    there = tmp_path / "new" / f"there{suffix}"
    asked = job(source.as_uri(), there.as_uri())
    with pytest.raises(KeyboardInterrupt):
        predict_file(lambda: dying(predictor, 6), asked)
    assert not there.exists()
    again = dying(predictor)
    assert predict_file(lambda: again, asked).rows == len(TEXTS)
    assert again.backend.texts == len(TEXTS) - 6
    assert there.read_bytes() == (tmp_path / f"here{suffix}").read_bytes()
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_the_file_that_is_read_is_not_written_to(predictor, tmp_path):
    source = write_csv(tmp_path / "in.csv", TEXTS).as_uri()
    for output in (source, tmp_path / "in.csv"):
        with pytest.raises(StudyError, match="this is the file that is read"):
            predict_file(lambda: predictor, job(source, output))


def test_a_model_is_fetched_once_and_again_where_the_cache_is_damaged(predictor, plain_folder, tmp_path, cache):
    there = shutil.copytree(plain_folder, tmp_path / "model")
    expected = predictor.records(TEXTS)
    assert Predictor.load(there.as_uri(), device="cpu", precision="fp32").records(TEXTS) == expected
    weights = next(cache.rglob("model.safetensors"))
    weights.write_bytes(b"damaged")
    assert Predictor.load(f"{there.as_uri()}/", device="cpu", precision="fp32").records(TEXTS) == expected
    (there / weights.name).unlink()  # what is cached is not fetched again
    assert Predictor.load(there.as_uri(), device="cpu", precision="fp32").records(TEXTS) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder, manifest: (folder / "model.safetensors").write_bytes(b"x"), "model.safetensors has changed"),
        (lambda folder, manifest: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder, manifest: manifest["files"].update({"../x": "0"}), "names ../x, which is outside"),
        (lambda folder, manifest: manifest["files"].update({"/etc/x": "0"}), "names /etc/x, which is outside"),
        (lambda folder, manifest: manifest.pop("files"), "manifest.json is damaged"),
    ],
)
def test_a_model_whose_files_are_not_those_of_its_manifest_is_refused(plain_folder, tmp_path, cache, change, said):
    there = shutil.copytree(plain_folder, tmp_path / "model")
    manifest = json.loads((there / "manifest.json").read_text())
    change(there, manifest)
    (there / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StudyError) as refused:
        Predictor.load(there.as_uri())
    assert said in str(refused.value)
    assert there.as_uri() in str(refused.value)
    assert not list(cache.rglob("model.safetensors"))

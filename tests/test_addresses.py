"""Datasets at addresses: another machine, whose cache is empty, finds what was saved whole, and nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DatasetError, Version

from tests.conftest import PROJECT
from tweet_sentiment.addresses import copy_of, fetch, forget, shown
from tweet_sentiment.configuration import ConfigLoader
from tweet_sentiment.datasets import Array, Csv, Json, Parquet, Partitions, RunFiles, Tokens
from tweet_sentiment.errors import StudyError
from tweet_sentiment.settings import CONFIG_LOADER_ARGS

PARTS = st.text("abcXYZ012 ._-ä%[", min_size=1).filter(lambda part: part not in (".", "..", "%"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    return lambda: monkeypatch.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path / "here"))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    return lambda: monkeypatch.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path / "there"))


@pytest.fixture
def bucket(tmp_path, here):
    """The address of an empty folder; the test begins here, and neither here nor elsewhere is a copy of anything."""
    here()
    return f"file://{tmp_path}/bucket"


@given(st.sampled_from(["s3://", "gs://", "hdfs://host:8020/", "file:///"]), st.lists(PARTS, min_size=1))
def test_an_address_has_a_copy_which_is_shown_as_the_address(protocol, parts):
    address = protocol + "/".join(parts)
    assert shown(copy_of(address)) == address
    for path in (Path("/".join(parts)), Path("/", *parts)):
        assert copy_of(path) == fetch(path) == path
        assert shown(path) == str(path)


def test_a_tilde_is_the_home_folder():
    assert copy_of("~/posts.csv") == Path.home() / "posts.csv"


@pytest.mark.parametrize("address", ["zip::s3://b/x", "s3:/b/x", "s3://"])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(StudyError, match="files are read and written at addresses such as"):
        copy_of(address)


KINDS = {
    "table.csv": (Csv, pd.DataFrame({"post": ["a", "NaN"], "n": [1, 2]})),
    "table.parquet": (Parquet, pd.DataFrame({"post": ["a", "NaN"], "n": [1, 2]})),
    "counts.json": (Json, {"a": 1}),
    "features.npy": (Array, np.arange(6.0).reshape(2, 3)),
    "tokens": (Tokens, Dataset.from_dict({"input_ids": [[1, 2], [3]]})),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_saved_at_an_address_is_loaded_elsewhere_and_what_is_deleted_there_is_gone(name, bucket, elsewhere):
    kind, value = KINDS[name]
    here, address = copy_of(f"{bucket}/study/{name}"), f"{bucket}/study/{name}"
    assert not kind(filepath=str(here)).exists()
    kind(filepath=str(here)).save(value)
    elsewhere()
    there = kind(filepath=str(copy_of(address)))
    assert there.exists()
    for _ in range(2):
        found = there.load()
        if kind in (Csv, Parquet):
            pd.testing.assert_frame_equal(found, value)
        else:
            assert np.array_equal(found, value) if kind is Array else list(found) == list(value)
    place = Path(address.removeprefix("file://"))
    place.unlink() if place.is_file() else place.with_name(f".{name}.files").unlink()  # as a kill leaves a folder
    assert not there.exists()
    assert not copy_of(address).exists()


def test_the_newest_is_loaded_and_a_write_that_fails_leaves_the_old(bucket, here, elsewhere):
    address = f"{bucket}/counts.json"
    ours = Json(filepath=str(copy_of(address)))
    ours.save({"a": 1})
    elsewhere()
    theirs = Json(filepath=str(copy_of(address)))
    assert theirs.load() == {"a": 1}
    theirs.save({"a": 2, "b": 3})
    with pytest.raises(DatasetError):
        theirs.save({"a": object()})
    here()
    assert ours.load() == theirs.load() == {"a": 2, "b": 3}
    forget(copy_of(address))
    assert not ours.exists()


def test_a_folder_whose_files_are_not_those_of_its_list_is_refused(bucket, elsewhere):
    address = f"{bucket}/tokens"
    Tokens(filepath=str(copy_of(address))).save(KINDS["tokens"][1])
    elsewhere()
    file = next(Path(address.removeprefix("file://")).glob("*.arrow"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetError, match=r"file://.*/tokens is not whole, or is being written"):
        Tokens(filepath=str(copy_of(address))).load()


def test_partitions_are_those_of_the_address(bucket, elsewhere):
    for technique in ("one", "two"):
        Json(filepath=str(copy_of(f"{bucket}/07/run/x/{technique}/speed.json"))).save({"of": technique})
    elsewhere()
    files = [
        Partitions(
            path=str(copy_of(f"{bucket}/07/run/x")), filename_suffix="/speed.json", dataset=f"{Json.__module__}.Json"
        ),
        RunFiles(path=str(copy_of(bucket)), run="run", patterns=["07/{run}/*/*/speed.json"]),
    ]
    for dataset in files:
        assert {name.split("/")[-2 if "." in name else -1]: load()["of"] for name, load in dataset.load().items()} == {
            "one": "one",
            "two": "two",
        }
    shutil.rmtree(Path(bucket.removeprefix("file://"), "07/run/x/two"))
    for dataset in files:
        assert len(dataset.load()) == 1


def test_versions_at_an_address_are_loaded_elsewhere(bucket, elsewhere):
    def versioned(load=None, save=None):
        place = copy_of(f"{bucket}/07/run/x/lora/speed.json")
        return Json(filepath=str(place), version=Version(load, save), metadata={"optional": True})

    first, second = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"
    assert versioned().load() == {}
    for version in (first, second):
        versioned(save=version).save({"of": version})
    elsewhere()
    assert versioned().load() == {"of": second}
    assert versioned(load=first).load() == {"of": first}
    for again in range(2):
        files = RunFiles(path=str(copy_of(bucket)), run="run", patterns=["07/{run}/*/*/speed.json"]).load()
        assert [load() for load in files.values()] == [{"of": second}], again
    assert versioned().load() == {"of": second}


def test_outputs_at_an_address_are_those_of_every_dataset_that_nodes_exchange(tmp_path, monkeypatch):
    monkeypatch.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path))
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    (tmp_path / "conf/local").mkdir(exist_ok=True)
    (tmp_path / "conf/local/globals.yml").write_text(
        "outputs: s3://bucket/study\ntraining_file: s3://bucket/posts.csv\n"
    )
    entries = ConfigLoader(str(tmp_path / "conf"), env="local", **CONFIG_LOADER_ARGS)["catalog"]
    places = {name: shown(str(one.get("filepath", one.get("path")))) for name, one in entries.items() if "type" in one}
    elsewhere = {name for name, place in places.items() if not place.startswith("s3://bucket/study")}
    assert places["training_file"] == "s3://bucket/posts.csv"
    assert elsewhere == {"training_file", "validation_file", "inference.posts", "inference.model"}
    assert shown(entries["best_model"]["models"]) == "s3://bucket/study/06_models/sample/leak_free"

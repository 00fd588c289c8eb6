"""Datasets: what is saved comes back, and a save that fails leaves the old file as it was."""

import errno
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DatasetError, Version

from tweet_sentiment.datasets import (
    Array,
    Csv,
    Json,
    ModelFolder,
    ModelPath,
    Parquet,
    Partitions,
    Plotly,
    RawBytes,
    RunFiles,
    Text,
    Tokens,
)
from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental.identity import _entry as fingerprint_of
from tweet_sentiment.incremental.identity import dataset_hash
from tweet_sentiment.storage import file_hash

ODD = ["NaN", "NA", "", "null", "None", "\r", "a\r\nb", 'he said "no"', '"', ",\n", "😀 ok", " ", "007", "1e5", "True"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(ODD)


def test_a_table_of_any_types_comes_back_from_parquet(tmp_path):
    table = pd.DataFrame(
        {"post": ODD, "entity": [None, *ODD[1:]], "similarity": np.linspace(0, 1, len(ODD)), "dev": True}
    )
    dataset = Parquet(filepath=str(tmp_path / "posts.parquet"))
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)


@pytest.mark.parametrize("kind", [Csv, Parquet])
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_texts_come_back_as_they_were(tmp_path_factory, kind, texts):
    dataset = kind(filepath=str(tmp_path_factory.mktemp("table") / "table"))
    table = pd.DataFrame({"row": range(len(texts)), "label": texts, "post": texts[::-1], "confidence": 0.5})
    dataset.save(table)
    found = dataset.load()
    assert [list(found[name]) for name in found] == [list(table[name]) for name in table]


def test_an_empty_cell_of_another_column_is_a_missing_value_and_a_word_is_none(tmp_path):
    dataset = Csv(filepath=str(tmp_path / "results.csv"))
    dataset.save(pd.DataFrame({"technique": ["None", "lora"], "device": ["NA", None], "accuracy": [0.5, None]}))
    found = dataset.load()
    assert list(found["technique"]) == ["None", "lora"]
    assert (found["device"][0], found["device"].isna().tolist()) == ("NA", [False, True])
    assert found["accuracy"].isna().tolist() == [False, True]


def test_a_table_of_numbers_comes_back_from_csv_with_every_bit(tmp_path):
    table = pd.DataFrame({"step": [1, 2, 3], "loss": [0.1, 1 / 3, np.nan], "learning_rate": [1e-5, 6.67e-4, 2**-40]})
    dataset = Csv(filepath=str(tmp_path / "curves.csv"), save_args={"index": False})
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table, check_exact=True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Json, {}),
        (Json, {"a": [1, 0.1, None, True], "ß😀": {"b": "NaN"}}),
        (Json, [1, 2]),
        (Text, "| a | ß😀 |\n"),
        (Plotly, go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))),
    ],
)
def test_what_is_no_table_comes_back_too(tmp_path, kind, value):
    dataset = kind(filepath=str(tmp_path / "it"))
    dataset.save(value)
    assert dataset.load() == value


@pytest.mark.parametrize("shape", [(0, 32), (5, 32), (7,)])
def test_an_array_comes_back_mapped_from_the_file(tmp_path, shape):
    vectors = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    dataset = Array(str(tmp_path / "features.npy"))
    dataset.save(vectors)
    again = dataset.load()
    assert again.dtype == np.float32
    assert np.array_equal(again, vectors)
    assert isinstance(again, np.memmap) or not again.size


def test_an_array_that_is_mapped_can_be_overwritten_and_its_reader_keeps_the_old_one(tmp_path):
    dataset = Array(str(tmp_path / "features.npy"))
    dataset.save(np.ones((5, 3), dtype=np.float32))
    held = dataset.load()
    dataset.save(np.zeros((2, 3), dtype=np.float32))
    assert np.array_equal(held, np.ones((5, 3)))
    assert np.array_equal(dataset.load(), np.zeros((2, 3)))


def test_an_array_of_objects_is_refused_both_ways_and_the_old_file_stays(tmp_path):
    dataset = Array(str(tmp_path / "features.npy"))
    dataset.save(np.ones(3, dtype=np.float32))
    before = (tmp_path / "features.npy").read_bytes()
    with pytest.raises(DatasetError):
        dataset.save(np.array([{"a": 1}], dtype=object))
    assert (tmp_path / "features.npy").read_bytes() == before
    np.save(tmp_path / "features.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="Python objects"):
        dataset.load()


def tokens(lengths):
    rows = [[101, *range(1000, 1000 + n), 102] for n in lengths]
    return Dataset.from_dict({"row": list(range(len(rows))), "label": [0] * len(rows), "input_ids": rows})


def test_tokens_come_back_and_a_folder_that_is_open_can_be_replaced_by_what_was_made_from_it(tmp_path):
    dataset = Tokens(str(tmp_path / "training_tokens"))
    dataset.save(tokens([3, 0, 5]))
    opened = dataset.load()
    dataset.save(opened.select([2, 0]))
    assert [len(ids) for ids in opened["input_ids"]] == [5, 2, 7]
    assert dataset.load()["row"][:] == [2, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["training_tokens"]


def test_a_raw_file_is_bytes_or_told_to_be_missing_and_is_never_written(tmp_path):
    path = tmp_path / "training.csv"
    dataset = RawBytes(str(path))
    missing = [dataset.load(), RawBytes(str(tmp_path)).load(), RawBytes(None).load()]
    for one in missing:
        with pytest.raises(StudyError, match="there is no such file"):
            one.read()
    assert dataset.exists()
    path.write_bytes(b"\xff\xfe\r\n")
    assert dataset.load().read() == b"\xff\xfe\r\n"
    with pytest.raises(DatasetError):
        dataset.save(b"other")
    assert path.read_bytes() == b"\xff\xfe\r\n"


class Unwritable:
    """What breaks off in the middle of being written."""

    def to_parquet(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def to_csv(self, path_or_buf, **_):
        self.to_parquet(path_or_buf if isinstance(path_or_buf, str) else path_or_buf.name)

    def save_to_disk(self, folder):
        Path(folder).mkdir()
        self.to_parquet(Path(folder) / "data.arrow")


OLD = {
    Csv: pd.DataFrame({"a": [1, 2]}),
    Parquet: pd.DataFrame({"a": ["x", "y"]}),
    Json: {"accuracy": 0.7},
    Plotly: go.Figure(go.Scatter(x=[1], y=[2])),
    Text: "old",
}

NEW = {**OLD, Csv: OLD[Csv] * 2, Parquet: OLD[Parquet] * 2, Json: {}, Plotly: go.Figure(), Text: "new"}


@pytest.mark.parametrize("kind", OLD, ids=lambda kind: kind.__name__)
def test_a_save_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, kind):
    path = tmp_path / "it"
    dataset = kind(filepath=str(path))
    dataset.save(OLD[kind])
    before = path.read_bytes()
    with pytest.raises(DatasetError):
        dataset.save(Unwritable())
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["it"]
    dataset.save(OLD[kind])
    assert path.read_bytes() == before
    assert dataset.exists()


@pytest.mark.parametrize("kind", OLD, ids=lambda kind: kind.__name__)
def test_a_versioned_dataset_keeps_the_file_of_each_run_and_loads_the_newest_or_the_one_that_is_named(tmp_path, kind):
    place = tmp_path / "lora" / "it"

    def versioned(**versions):
        return kind(filepath=str(place), version=Version(versions.get("load"), versions.get("save")))

    assert not versioned().exists()
    versioned(save="2026-01-01T00.00.00.000Z").save(OLD[kind])
    first = (place / "2026-01-01T00.00.00.000Z/it").read_bytes()
    with pytest.raises(DatasetError):
        versioned(save="2026-01-02T00.00.00.000Z").save(Unwritable())
    again = versioned(save="2026-01-03T00.00.00.000Z")
    assert fingerprint_of(again) == fingerprint_of(versioned(save="2026-01-04T00.00.00.000Z"))
    before = dataset_hash(again)
    again.save(NEW[kind])
    newest = (place / "2026-01-03T00.00.00.000Z/it").read_bytes()
    assert sorted(path.name for path in place.rglob("*") if path.is_file()) == ["it", "it"]
    assert (place / "2026-01-01T00.00.00.000Z/it").read_bytes() == first
    assert dataset_hash(again) == file_hash(place / "2026-01-03T00.00.00.000Z/it")
    assert dataset_hash(again) != before
    assert dataset_hash(versioned(load="2026-01-01T00.00.00.000Z")) == before
    assert str(versioned().load()) == str(again.load())
    assert not versioned(load="2026-01-02T00.00.00.000Z").exists()
    partitions = Partitions(path=str(tmp_path), dataset=f"{kind.__module__}.{kind.__name__}", filename_suffix="/it")
    assert {name: path.read_bytes() for name, path in partitions.files().items()} == {"lora": newest}
    assert str(partitions.load()["lora"]()) == str(again.load())


def test_the_results_of_a_run_are_the_newest_versions_of_those_that_are_versioned(tmp_path):
    for day, accuracy in ((1, 0.5), (2, 0.6)):
        place = str(tmp_path / "08_reporting/own/leak_free/lora/metrics.json")
        Json(filepath=place, version=Version(None, f"2026-01-0{day}T00.00.00.000Z")).save({"accuracy": accuracy})
    files = RunFiles(path=str(tmp_path), run="own", patterns=["08_reporting/{run}/*/*/metrics.json"])
    assert {name: load() for name, load in files.load().items()} == {"leak_free/lora/metrics.json": {"accuracy": 0.6}}


def test_a_file_in_the_place_of_versions_is_named_and_stays(tmp_path):
    (tmp_path / "it").write_text("old")
    with pytest.raises(DatasetError, match="is a file, and the catalog says that it is versioned"):
        Text(filepath=str(tmp_path / "it"), version=Version(None, None)).save("new")
    assert (tmp_path / "it").read_text() == "old"


def test_tokens_that_cannot_be_saved_leave_the_old_folder(tmp_path):
    dataset = Tokens(str(tmp_path / "tokens"))
    dataset.save(tokens([4]))
    with pytest.raises(DatasetError):
        dataset.save(Unwritable())
    assert [len(ids) for ids in dataset.load()["input_ids"]] == [6]
    assert [left.name for left in tmp_path.iterdir()] == ["tokens"]


FULL = """
import resource, signal, sys
import numpy as np, pandas as pd
from kedro.io import DatasetError, Version
from tweet_sentiment.datasets import Array, Csv, Json, Parquet, Text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = sys.argv[1]
large = {
    Array: np.random.default_rng(1).normal(size=100_000),
    Csv: pd.DataFrame({"a": np.random.default_rng(1).normal(size=50_000)}),
    Parquet: pd.DataFrame({"a": np.random.default_rng(1).normal(size=50_000)}),
    Json: {"a": list(range(50_000))},
    Text: "x" * 200_000,
}
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
for kind, value in large.items():
    try:
        kind(filepath=f"{folder}/{kind.__name__}").save(value)
    except (DatasetError, OSError) as error:
        print(kind.__name__)
"""


def test_a_disk_that_takes_no_more_leaves_every_old_file(tmp_path):
    """The system refuses to write more than 64 KiB to a file, as it does when the disk is full."""
    kinds = (Array, Csv, Parquet, Json, Text)
    for kind in kinds:
        kind(filepath=str(tmp_path / kind.__name__)).save(OLD.get(kind, np.ones(3, dtype=np.float32)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [kind.__name__ for kind in kinds]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def trained(encoder):
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.model_folder import TrainedModel

    def make(seed):
        labels = ["Negative", "Neutral", "Positive"]
        classifier = load_classifier(str(encoder), labels, seed)
        return TrainedModel(classifier, load_tokenizer(str(encoder)), {"labels": labels, "seed": seed})

    return make


def test_a_model_comes_back_and_is_replaced_whole(tmp_path, trained):
    dataset = ModelFolder(str(tmp_path / "models/baseline"))
    for seed in (1, 2):
        model = trained(seed)
        dataset.save(model)
        again = dataset.load()
        assert again.manifest["seed"] == seed
        assert (again.model.classifier.weight == model.model.classifier.weight).all()
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["baseline"]


def test_a_model_that_cannot_be_saved_leaves_the_old_one(tmp_path, trained):
    dataset = ModelFolder(str(tmp_path / "baseline"))
    dataset.save(trained(1))
    broken = trained(2)
    broken.manifest["device"] = object()
    with pytest.raises(DatasetError):
        dataset.save(broken)
    assert dataset.load().manifest["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["baseline"]


def test_a_model_that_a_killed_replacement_had_moved_aside_is_brought_back(tmp_path, trained):
    dataset = ModelFolder(str(tmp_path / "baseline"))
    dataset.save(trained(1))
    (tmp_path / "baseline").rename(tmp_path / ".baseline.old")
    assert dataset.load().manifest["seed"] == 1


def test_a_missing_file_is_empty_where_it_is_optional_and_an_error_where_it_is_not(tmp_path):
    for kind, empty in ((Csv, pd.DataFrame()), (Parquet, pd.DataFrame()), (Json, {})):
        path = str(tmp_path / f"{kind.__name__}.none")
        given = kind(filepath=path, metadata={"optional": True}).load()
        assert type(given) is type(empty)
        assert len(given) == 0
        with pytest.raises(DatasetError):
            kind(filepath=path).load()


def test_the_files_of_a_run_are_found_by_path_and_loaded_by_their_kind(tmp_path):
    folder = tmp_path / "08_reporting/mine"
    for path in ("leak_free/lora/t.csv", "leak_free/.fingerprints/t.csv", "t.csv", "../other/leak_free/lora/t.csv"):
        Csv(filepath=str(folder / path)).save(pd.DataFrame({"id": ["007"]}))
    Json(filepath=str(folder / "audit.json")).save({"posts": 1})
    patterns = ["08_reporting/{run}/*/*/*.csv", "08_reporting/{run}/audit.json", "06_models/{run}/*/*/manifest.json"]
    found = RunFiles(path=str(tmp_path), run="mine", patterns=patterns)
    loaded = {path: load() for path, load in found.load().items()}
    assert loaded.keys() == {"leak_free/lora/t.csv", "audit.json"}
    assert (loaded["leak_free/lora/t.csv"]["id"].item(), loaded["audit.json"]) == ("007", {"posts": 1})
    assert found.holds(tmp_path / "06_models/mine/leak_free/lora")  # a model's folder, which has a manifest
    assert not found.holds(tmp_path / "06_models/mine/best")
    some = RunFiles(path=str(tmp_path), run="mine", patterns=patterns, excluded="08_reporting/{run}/leak_free/*/*.csv")
    assert some.load().keys() == {"audit.json"}
    assert not some.holds(folder / "leak_free/lora/t.csv")


def test_what_another_run_has_measured_stands_beside_a_run_under_its_name(tmp_path):
    for run in ("mine", "mpnet", "third"):
        for name in ("metrics", "confusion"):
            Json(filepath=str(tmp_path / f"08/{run}/leak_free/lora/{name}.json")).save({"run": run})
        Json(filepath=str(tmp_path / f"08/{run}/audit.json")).save({})
    patterns = ["08/{run}/*.json", "08/{run}/*/*/*.json"]
    found = RunFiles(path=str(tmp_path), run="mine", patterns=patterns, other_runs=["mpnet"]).load()
    assert found.keys() == {
        "audit.json",
        "leak_free/lora/metrics.json",
        "leak_free/lora/confusion.json",
        "leak_free/lora (mpnet)/metrics.json",
    }
    assert found["leak_free/lora (mpnet)/metrics.json"]() == {"run": "mpnet"}


def test_partitions_are_found_by_protocol_and_technique_and_none_is_no_error(tmp_path):
    found = Partitions(path=str(tmp_path), filename_suffix="/scores.csv", dataset=Csv)
    assert found.load() == {}
    for key in ("leak_free/one", "published/two"):
        Csv(filepath=str(tmp_path / key / "scores.csv")).save(pd.DataFrame({"key": [key]}))
    assert {key: load()["key"].item() for key, load in found.load().items()} == {
        "leak_free/one": "leak_free/one",
        "published/two": "published/two",
    }


PREVIEWS = {  # by kedro-viz's name of the preview: what it shows
    Csv: ("TablePreview", ["a"]),
    Parquet: ("TablePreview", ["a"]),
    Json: ("JSONPreview", '{"accuracy": 0.7}'),
    Plotly: ("PlotlyPreview", "data"),
}


@pytest.mark.parametrize("kind", PREVIEWS, ids=lambda kind: kind.__name__)
def test_kedro_viz_shows_what_is_made_and_does_not_complain_of_what_is_not(tmp_path, kind):
    dataset = kind(filepath=str(tmp_path / "it"))
    assert dataset.preview() is None
    dataset.save(OLD[kind])
    name, seen = PREVIEWS[kind]
    annotation = inspect.signature(dataset.preview).return_annotation
    assert getattr(annotation, "__name__", annotation) == name
    shown = dataset.preview()
    assert (shown["columns"] == seen) if name == "TablePreview" else (seen in shown)


def test_kedro_viz_shows_a_model_s_manifest(tmp_path):
    assert ModelPath(str(tmp_path)).preview() == "{}"
    (tmp_path / "manifest.json").write_text('{"technique": "lora"}')
    assert ModelFolder(str(tmp_path)).preview() == '{"technique": "lora"}'


def test_partitions_can_be_some_alone_and_those_of_models_are_in_their_folders(tmp_path, trained):
    for name in ("lora", "p_tuning", "ensemble"):
        ModelFolder(str(tmp_path / name)).save(trained(1))
    kind = {"path": str(tmp_path), "filename_suffix": "/manifest.json", "dataset": ModelFolder}
    found = Partitions(**kind, only=["lora", "p_tuning", "distillation"])
    assert found.load()["lora"]().manifest["seed"] == 1
    assert found.files().keys() == {"lora", "p_tuning"}
    assert [name for name in ("lora", "distillation", "ensemble") if found.holds(tmp_path / name)] == [
        "lora",
        "distillation",
    ]
    assert not found.holds(tmp_path / "soft_labels.parquet")
    assert Partitions(**kind).files().keys() == {"lora", "p_tuning", "ensemble"}

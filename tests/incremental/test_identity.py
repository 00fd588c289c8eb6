"""What an output is made of: hashes of content, what parameters stand for here, and a reason for any difference."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from tweet_sentiment.datasets import Json, ModelFolder, Partitions
from tweet_sentiment.incremental.identity import (
    MISSING,
    Record,
    content_hash,
    dataset_hash,
    difference,
    environment,
    parameters_of,
)
from tweet_sentiment.incremental.plan import dependencies
from tweet_sentiment.modeling.devices import choose_device

NAMES = st.sampled_from(["a", "b", "ab", "a.b", "c/a", "c/b", "d/e/a", "ß 😀"])
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=4), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def hash_of(files):
    """Return the hash of a folder with these files; of a file, if bytes are given."""
    with TemporaryDirectory() as folder:
        for name, content in files.items() if isinstance(files, dict) else [("file", files)]:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return content_hash(Path(folder) if isinstance(files, dict) else path)


@given(FOLDERS | st.binary(max_size=8), FOLDERS | st.binary(max_size=8))
def test_one_hash_exactly_if_names_and_bytes_are_the_same(one, other):
    assert (hash_of(one) == hash_of(other)) == (one == other)


@given(FOLDERS.filter(bool), st.data())
def test_a_changed_byte_or_name_changes_the_hash(files, data):
    name = data.draw(st.sampled_from(sorted(files)))
    assert hash_of(files | {name: files[name] + b"!"}) != hash_of(files)
    moved = {other: content for other, content in files.items() if other != name} | {f"{name}x": files[name]}
    assert hash_of(moved) != hash_of(files)


def test_a_file_and_the_folder_that_holds_it_and_nothing_differ_and_records_are_no_content(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "empty").mkdir()
    hashes = [content_hash(tmp_path / name) for name in ("file", "empty", "nothing", ".")]
    assert len(set(hashes)) == 4
    assert hashes[2] == MISSING
    Record.path(tmp_path / "file", "file").parent.mkdir()
    Record.path(tmp_path / "file", "file").write_text("{}")
    assert content_hash(tmp_path) == hashes[3]


def test_partitions_are_the_files_that_they_load_and_records_beside_them_are_none(tmp_path):
    partitions = Partitions(path=str(tmp_path), filename_suffix="/metrics.json", dataset=Json)
    none = dataset_hash(partitions)
    for name in ("leak_free/one/metrics.json", "leak_free/one/.fingerprints/metrics.json", "leak_free/two/other.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"name": name}))
    assert set(partitions.files()) == set(partitions.load()) == {"leak_free/one"}
    assert dataset_hash(partitions) != none
    assert partitions.holds(tmp_path / "leak_free/three/metrics.json")
    assert not partitions.holds(tmp_path / "leak_free/.fingerprints/metrics.json")
    assert not partitions.holds(tmp_path.parent / "metrics.json")


def catalog_of(parameters, **datasets):
    sections = {name: getattr(parameters, name) for name in ("study", "compute", "lora", "model", "seeds")}
    named = {f"params:{name}": MemoryDataset(section, copy_mode="assign") for name, section in sections.items()}
    return DataCatalog({**named, **datasets})


def test_a_node_depends_on_the_parameters_that_are_its_inputs_under_their_names_in_conf(parameters):
    one = node(print, ["params:study", "params:lora", "params:seeds"], None)
    found = parameters_of(one, catalog_of(parameters))
    assert found.keys() == {"labels", "seed", "protocol", "lora", "seeds"}
    assert found["lora"]["r"] == parameters.lora.r


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_the_device_is_the_one_that_nodes_choose(device, precision):
    chosen = choose_device(device, False, precision)
    asked = {"device": device, "fp16": False, "precision": precision}
    assert environment(asked) == {"the device": f"{chosen.name}, {chosen.precision}"}


def test_a_checkpoint_is_its_files_wherever_a_parameter_names_it(tmp_path):
    for name, weights in (("one", b"1"), ("same", b"1"), ("other", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    variants = {name: {"checkpoint": str(tmp_path / name)} for name in ("same", "other")}
    lora = {"r": 8, "checkpoint": str(tmp_path / "one")}
    found = environment({"seed": 1, "lora": lora, "training_ablation": {"variants": {"plain": {}, **variants}}})
    one, same, other = found.values()
    assert one == same != other
    assert list(found)[2] == "the files of training_ablation.variants.other.checkpoint"
    assert environment({"model": {"checkpoint": "embedded"}, "lora": {"checkpoint": None}}) == {
        "the files of model.checkpoint": "embedded"
    }
    (tmp_path / "one").rename(tmp_path / "moved")
    (tmp_path / "other").rename(tmp_path / "one")
    assert environment({"lora": lora})["the files of lora.checkpoint"] == other


@pytest.mark.parametrize("name", ["somebody/some-model-of-theirs", "not/a/name", "/no/such/folder", "a b"])
def test_a_checkpoint_that_is_not_here_is_missing_without_asking_the_hub(name):
    assert environment({"model": {"checkpoint": name}}) == {"the files of model.checkpoint": MISSING}


def test_a_file_by_another_name_and_an_encoder_that_a_parameter_names_are_what_their_makers_wrote(parameters, tmp_path):
    adapt = node(print, "posts", "model", name="adapt", namespace="domain_adaptation")
    train = node(print, ["params:lora", "params:study"], "lora.model", name="train", namespace="lora")
    predict = node(print, "path", None, name="predict")
    other = node(print, "params:model", None, name="other")
    pipeline = Pipeline([adapt, train, predict, other])
    folders = {
        "model": ModelFolder(str(tmp_path / "adapted")),
        "lora.model": ModelFolder(str(tmp_path / "lora")),
        "path": ModelFolder(str(tmp_path / "lora")),
        "posts": MemoryDataset(1),
    }
    assert dependencies(pipeline, catalog_of(parameters, **folders))[train] == set()
    adapted = parameters.lora.model_copy(update={"checkpoint": str(tmp_path / "adapted")})
    varied = parameters.model_copy(update={"lora": adapted})
    found = dependencies(pipeline, catalog_of(varied, **folders))
    assert found == {adapt: set(), train: {adapt}, predict: {train}, other: set()}


RECORD = Record(
    node="prompt_tuning.train",
    wiring="train",
    catalog={"model": "1", "posts": "2"},
    code={"a.py": "1", "b.py": "2", "c.py": "3", "d.py": "4"},
    versions={"python": "3.11.7", "torch": "2.13.0"},
    parameters={"prompt_tuning": {"num_virtual_tokens": 3, "hyperparameters": {"warmup_steps": 1}}, "seed": 1},
    environment={"the device": "cpu, bf16"},
    inputs={"training_posts": "1"},
    output="9",
)


def tuned(tokens, hyperparameters):
    tuning = {"num_virtual_tokens": tokens, "hyperparameters": hyperparameters}
    return {"parameters": RECORD.parameters | {"prompt_tuning": tuning}}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"node": "prompt_tuning.predict"}, "model was made by prompt_tuning.train"),
        ({"wiring": "train, otherwise"}, "its function, inputs or outputs are others"),
        ({"catalog": {"model": "1", "posts": "3"}}, "the catalog's entry of posts changed"),
        ({"code": RECORD.code | {"b.py": "0"}}, "its code changed (b.py)"),
        ({"code": {}, "wiring": "otherwise"}, "its code changed (a.py, b.py, c.py and 1 more)"),
        ({"versions": RECORD.versions | {"torch": "2.14.0"}}, "torch is 2.14.0, was 2.13.0"),
        ({"environment": {"the device": "cuda:0, bf16"}}, "the device changed"),
        ({"inputs": {"training_posts": "2"}, "output": "8"}, "training_posts changed"),
        ({"output": "missing"}, "model is missing"),
        ({"output": "8"}, "model was altered after it was written"),
        ({"parameters": RECORD.parameters | {"seed": 2}}, "parameter seed changed"),
        (tuned(4, {"warmup_steps": 1}), "parameter prompt_tuning.num_virtual_tokens changed"),
        (tuned(3, {}), "parameter prompt_tuning.hyperparameters.warmup_steps changed"),
        ({"parameters": {"seed": 2}}, "parameters prompt_tuning, seed changed"),
    ],
)
def test_any_difference_is_a_reason(changed, reason):
    assert difference(RECORD, RECORD.model_copy(update=changed), "model") == reason


@given(st.dictionaries(st.text(), JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=3))
def test_records_agree_exactly_if_their_parameters_do(one, other):
    first, second = (RECORD.model_copy(update={"parameters": parameters}) for parameters in (one, other))
    assert (difference(first, second, "model") is None) == (one == other)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_record_comes_back_as_it_was_and_its_bytes_do_not_depend_on_order(tmp_path_factory, parameters):
    folder = tmp_path_factory.mktemp("record")
    path, turned = Record.path(folder / "model", "model"), Record.path(folder / "model", "turned")
    RECORD.model_copy(update={"parameters": parameters}).write(path)
    RECORD.model_copy(update={"parameters": dict(reversed(parameters.items()))}).write(turned)
    assert Record.read(path).parameters == parameters
    assert path.read_bytes() == turned.read_bytes()
    assert path == folder / ".fingerprints/model.json"

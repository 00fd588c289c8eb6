"""A model folder that is not what was saved does not load: the message names the folder and what is wrong."""

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.modeling.conftest import vouch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.predictor import Predictor


@pytest.fixture(params=["plain_folder", "prompted_folder"])
def folder(request, tmp_path):
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / "model")


def refusal(folder):
    with pytest.raises(StudyError) as refused:
        Predictor.load(folder, device="cpu")
    assert str(folder) in str(refused.value)
    return str(refused.value)


def files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST]


def test_any_file_that_is_changed_cut_off_or_missing_is_named(folder):
    for path in files(folder):
        content, name = path.read_bytes(), path.relative_to(folder).as_posix()
        middle = len(content) // 2
        for other in (content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :], content[:-1], b""):
            path.write_bytes(other)
            assert f"{name} has changed since it was saved" in refusal(folder)
        path.unlink()
        assert f"{name} is missing" in refusal(folder)
        path.write_bytes(content)
    assert Predictor.load(folder, device="cpu").records(["ok"])


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"files": {}}', '{"labels": ["a"], "files": ["config.json"]}', '{"files": {"a": "b"}}'],
)
def test_a_manifest_that_is_none_is_damaged(folder, content):
    (folder / MANIFEST).write_text(content)
    assert f"{MANIFEST} is damaged" in refusal(folder)


def test_a_manifest_that_does_not_say_how_a_text_becomes_input_is_refused(folder):
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    for change, said in (
        ({"cleaning": "magic"}, "cleaning"),
        ({"max_length": "128"}, "max_length"),
        ({"max_length": 10_000}, "max_length"),
        ({"unknown": 1}, "unknown"),
    ):
        path.write_text(json.dumps(manifest | {"input": manifest["input"] | change}))
        message = refusal(folder)
        assert "does not say how a text becomes its input" in message
        assert said in message
    path.write_text(json.dumps({key: value for key, value in manifest.items() if key != "input"}))
    assert "Train the model again" in refusal(folder)


def test_labels_in_another_order_are_refused_with_both(folder):
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"labels": manifest["labels"][::-1]}))
    message = refusal(folder)
    assert str(manifest["labels"]) in message
    assert str(manifest["labels"][::-1]) in message


def test_weights_that_were_saved_not_finite_are_named(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = "distilbert.transformer.layer.0.ffn.lin1.bias"
    weights[name][0] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})
    vouch(folder)
    assert "are not finite" in refusal(folder)


def test_a_tokenizer_without_its_words_is_refused(folder):
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: i for word, i in vocabulary.items() if word.startswith("[")}
    path.write_text(json.dumps(tokenizer))
    vouch(folder)
    assert "its vocabulary is not whole" in refusal(folder)


class _Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "name",
    ["pytorch_model.bin", "base/pytorch_model.bin", "model.onnx", "special_tokens_map.json", "adapter_config.json"],
)
def test_a_file_that_is_not_listed_is_refused_and_a_pickle_never_opened(prompted_folder, tmp_path, name):
    folder = shutil.copytree(prompted_folder, tmp_path / "model")
    (folder / "README.md").write_text("the card may be written by hand")
    assert Predictor.load(folder, device="cpu").records(["ok"])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(_Touch(tmp_path / "run")))
    assert f"{name} is not one of the files that {MANIFEST} lists; remove it" in refusal(folder)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["config.json", "README.md", "base"])
def test_a_symbolic_link_is_refused(prompted_folder, tmp_path, name):
    folder = shutil.copytree(prompted_folder, tmp_path / "model")
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    if (folder / name).is_file():
        kept = shutil.move(folder / name, kept / name)
    (folder / name).symlink_to(kept)
    assert f"{folder / name} is a symbolic link" in refusal(folder)

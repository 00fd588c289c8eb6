"""Model folders: they come back as they were, or say which file is wrong."""

import json
import pickle
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.storage import sha256

NAMES = ["Negative", "Neutral", "Positive"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tiny_classifier, tokenizer, tmp_path):
    folder = tmp_path / "layer_unfreezing"
    TrainedModel(tiny_classifier, tokenizer, {"labels": NAMES, "accuracy": 0.5}).save(folder)
    return folder


def vouch(folder):
    """Write the manifest's hashes anew, as for a folder that was saved with its fault."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: sha256((folder / name).read_bytes()) for name in manifest["files"]}
    path.write_text(json.dumps(manifest))


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder):
    with pytest.raises(StudyError) as refused:
        load_model(folder)
    assert str(folder) in str(refused.value)
    return str(refused.value)


def test_a_model_comes_back_with_the_same_logits_tokenizer_and_manifest(folder, tiny_classifier, tokenizer, tokens):
    again = load_model(folder)
    batch = pad(tokens[1]["input_ids"], 0)
    with torch.no_grad():
        assert torch.equal(again.model(**batch).logits, tiny_classifier(**batch).logits)
    assert not again.model.training
    assert again.tokenizer("i love it")["input_ids"] == tokenizer("i love it")["input_ids"]
    assert (again.manifest["labels"], again.manifest["accuracy"]) == (NAMES, 0.5)


def test_the_manifest_vouches_for_every_file_and_none_is_a_pickle(folder):
    files = {path.name for path in folder.iterdir()}
    manifest = json.loads((folder / MANIFEST).read_text())
    assert set(manifest["files"]) == files - {MANIFEST}
    assert not {name for name in files if name.endswith((".bin", ".pt", ".pkl"))}


def test_transformers_loads_the_folder_in_its_own_ways(folder, tiny_classifier, tokenizer):
    answers = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)(["i love it", "so bad"])
    model, its_tokenizer = (
        part.from_pretrained(folder) for part in (AutoModelForSequenceClassification, AutoTokenizer)
    )
    with torch.no_grad():
        expected = [
            torch.softmax(model(**its_tokenizer(text, return_tensors="pt")).logits[0], dim=0).tolist()
            for text in ("i love it", "so bad")
        ]
    for answer, probabilities in zip(answers, expected, strict=True):
        assert {part["label"]: part["score"] for part in answer} == pytest.approx(
            dict(zip(NAMES, probabilities, strict=True))
        )


def test_an_absent_folder_is_said_at_once(tmp_path):
    start = time.perf_counter()
    said = refusal(tmp_path / "nothing")
    assert "no manifest.json here" in said
    assert "kedro run --pipelines=reporting" in said
    assert time.perf_counter() - start < 1


def test_a_folder_that_a_kill_left_without_its_manifest_is_refused(folder):
    (folder / MANIFEST).unlink()
    assert "no manifest.json here" in refusal(folder)


@pytest.mark.parametrize("content", ["", "{", '{"labels": ["Neg', "[]", "{}", '{"files": {}}'])
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / MANIFEST).write_text(content)
    assert MANIFEST in refusal(folder)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-1], lambda content: content[:10]], ids=["0", "-1", "10"]
)
def test_a_truncated_file_is_named(folder, name, damage):
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    assert f"{name} has changed since it was saved" in refusal(folder)


def test_one_flipped_bit_of_the_weights_is_found(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-3] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    assert f"{WEIGHTS} has changed since it was saved" in refusal(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_were_saved_not_finite_are_named(tiny_classifier, tokenizer, tmp_path, value):
    tiny_classifier.distilbert.transformer.layer[1].ffn.lin2.bias.data[3] = value
    TrainedModel(tiny_classifier, tokenizer, {"labels": NAMES}).save(tmp_path / "model")
    assert "'distilbert.transformer.layer.1.ffn.lin2.bias' are not finite" in refusal(tmp_path / "model")


@pytest.mark.parametrize("changes", [{"n_layers": 3}, {"n_layers": 1}, {"hidden_dim": 128}, {"dim": 16}])
def test_a_configuration_that_disagrees_with_the_weights_is_refused(folder, changes):
    change_config(folder, **changes)
    vouch(folder)
    assert "config.json and model.safetensors disagree" in refusal(folder)


def test_a_weight_that_is_not_in_the_file_is_never_drawn_at_random(folder):
    weights = load_file(folder / WEIGHTS)
    del weights["classifier.bias"]
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    vouch(folder)
    assert "classifier.bias" in refusal(folder)


@pytest.mark.parametrize("labels", [["Neutral", "Negative", "Positive"], ["Negative", "Neutral", "positive"]])
def test_other_labels_or_another_order_are_refused_with_both(folder, labels):
    change_config(folder, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    vouch(folder)
    said = refusal(folder)
    assert str(labels) in said
    assert str(NAMES) in said


def test_another_number_of_labels_is_refused(folder):
    labels = ["bad", "good"]
    change_config(folder, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    vouch(folder)
    assert "config.json and model.safetensors disagree" in refusal(folder)


class _Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "model.pkl"])
def test_a_pickle_is_refused_and_never_opened(folder, tmp_path, name):
    (folder / name).write_bytes(pickle.dumps(_Touch(tmp_path / "run")))
    assert f"{name} is a pickle and is not read" in refusal(folder)
    assert not (tmp_path / "run").exists()


def test_a_pickle_in_place_of_the_weights_is_not_read(folder, tmp_path):
    (folder / WEIGHTS).rename(tmp_path / "aside")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(tmp_path / "run")))
    assert f"{WEIGHTS} is missing" in refusal(folder)
    assert not (tmp_path / "run").exists()


def test_saving_over_a_folder_is_not_done_here(folder, tiny_folder, tokenizer):
    before = (folder / WEIGHTS).read_bytes()
    other = load_classifier(str(tiny_folder), NAMES, seed=2)
    with pytest.raises(FileExistsError):
        TrainedModel(other, tokenizer, {"labels": NAMES}).save(folder)
    assert (folder / WEIGHTS).read_bytes() == before

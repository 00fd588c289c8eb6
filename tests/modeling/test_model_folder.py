"""Model folders: they come back as they were, or say which file is wrong."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.modeling.conftest import LABELS, change_config, logits, vouch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST, read_manifest
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.speed import load_network

WEIGHTS = "model.safetensors"


def refusal(folder):
    with pytest.raises(StudyError) as refused:
        load_model(folder)
    assert str(folder) in str(refused.value)
    return str(refused.value)


def test_a_model_comes_back_with_the_same_logits_tokenizer_and_manifest(folder, tiny_classifier, tokenizer, batch):
    again = load_model(folder)
    assert torch.equal(logits(again.model, batch), logits(tiny_classifier, batch))
    assert not again.model.training
    assert again.tokenizer("i love it")["input_ids"] == tokenizer("i love it")["input_ids"]
    assert (again.manifest["labels"], again.manifest["accuracy"]) == (LABELS, 0.5)


def test_the_manifest_vouches_for_every_file_and_none_is_a_pickle(folder):
    files = {path.name for path in folder.iterdir()}
    assert set(json.loads((folder / MANIFEST).read_text())["files"]) == files - {MANIFEST}
    assert not {name for name in files if name.endswith((".bin", ".pt", ".pkl"))}


def test_transformers_loads_the_folder_in_its_own_ways(folder):
    answers = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)(["i love it", "so bad"])
    model, tokenizer = (part.from_pretrained(folder) for part in (AutoModelForSequenceClassification, AutoTokenizer))
    for text, answer in zip(("i love it", "so bad"), answers, strict=True):
        expected = torch.softmax(logits(model, tokenizer(text, return_tensors="pt"))[0], dim=0).tolist()
        found = {part["label"]: part["score"] for part in answer}
        assert found == pytest.approx(dict(zip(LABELS, expected, strict=True)))


def test_an_absent_folder_and_one_without_its_manifest_are_said_at_once(folder):
    (folder / MANIFEST).unlink()
    assert "no manifest.json here" in refusal(folder)
    said = refusal(folder / "nothing")
    assert "no manifest.json here" in said
    assert "kedro run --pipelines=reporting" in said


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_were_saved_not_finite_are_named(tiny_classifier, tokenizer, tmp_path, value):
    tiny_classifier.distilbert.transformer.layer[1].ffn.lin2.bias.data[3] = value
    TrainedModel(tiny_classifier, tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    assert "'distilbert.transformer.layer.1.ffn.lin2.bias' are not finite" in refusal(tmp_path / "model")


def test_a_weight_that_is_not_in_the_file_is_never_drawn_at_random(folder):
    weights = load_file(folder / WEIGHTS)
    del weights["classifier.bias"]
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    vouch(folder)
    assert "classifier.bias" in refusal(folder)


def classes(*labels):
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


DISAGREE = "config.json and model.safetensors disagree"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_layers": 3}, DISAGREE),
        ({"n_layers": 1}, DISAGREE),
        ({"hidden_dim": 128}, DISAGREE),
        ({"dim": 16}, DISAGREE),
        (classes("bad", "good"), DISAGREE),
        (classes("Neutral", "Negative", "Positive"), str(LABELS)),
        (classes("Negative", "Neutral", "positive"), str(LABELS)),
        ({"n_heads": 5}, "describes no model"),
        ({"n_heads": 0}, "describes no model"),
        ({"activation": "unheard of"}, "describes no model"),
        ({"activation": ["gelu"]}, "describes no model"),
        ({"dim": None}, "describes no model"),
        ({"model_type": "clip"}, "transformers has no text classifier"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_by_transformers_and_without(folder, changes, said):
    change_config(folder, **changes)
    vouch(folder)
    assert said in refusal(folder)
    with pytest.raises(StudyError) as refused:
        load_network(folder, read_manifest(folder))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "", "cannot be read"),
        ("config.json", "{", "cannot be read"),
        ("config.json", "[]", "names no model_type"),
        ("config.json", '{"model_type": "distilbert", "activation": "gelu"}', "no attribute 'vocab_size'"),
        (WEIGHTS, "", "cannot be read, it is truncated or damaged"),
        (WEIGHTS, "1234567", "cannot be read, it is truncated or damaged"),
    ],
)
def test_a_damaged_file_that_the_manifest_vouches_for_is_one_message(folder, name, content, said):
    (folder / name).write_text(content)
    with pytest.raises(StudyError) as refused:
        load_network(folder, read_manifest(folder))
    assert name in str(refused.value)
    assert said in str(refused.value)


def test_saving_over_a_folder_is_not_done_here(folder, tokenizer, tiny_classifier):
    before = (folder / WEIGHTS).read_bytes()
    tiny_classifier.classifier.bias.data += 1
    with pytest.raises(FileExistsError):
        TrainedModel(tiny_classifier, tokenizer, {"labels": LABELS}).save(folder)
    assert (folder / WEIGHTS).read_bytes() == before

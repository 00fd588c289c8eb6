"""The speed wing can be deleted: everything still runs, with the same results."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.conftest import PROJECT
from tests.trainings import LABELS, posts

from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.heads import Features, Head, train_head
from tweet_sentiment.modeling.prediction import TorchBackend, encode, predict
from tweet_sentiment.modeling.speed import FAST, load_network
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters

SOURCE = PROJECT / "src/tweet_sentiment"
IN_A_PROCESS = "import sys; from tests.modeling.test_speed import compute; compute(*sys.argv[1:])"


def compute(encoder, folder, settings, out):
    """Save vectors, predictions, logits of a folder and the weights of a trained head; say what computed them."""
    tokens = tokenize(posts(3), load_tokenizer(encoder), LABELS, 64)[0]
    classifier, cpu = load_classifier(encoder, LABELS, 1), Device("cpu", "fp32")
    vectors = encode(classifier.distilbert, tokens["input_ids"], cpu)
    features = Features(vectors, np.asarray(tokens["label"]))
    chosen = {"num_train_epochs": 4, "per_device_train_batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 2}
    outcome = train_head(
        Head(classifier),
        features,
        features,
        Hyperparameters(**chosen, weight_decay=0.1),
        TrainingParameters.model_validate_json(Path(settings).read_bytes()),
        names=LABELS,
        load_best_model_at_end=False,
        class_weights=[1.0, 2.0, 0.5],
        seed=7,
        device="cpu",
    )
    save_file(outcome.weights, f"{out}.safetensors")
    network = load_network(Path(folder), read_manifest(Path(folder)))
    probabilities = predict(classifier, tokens["input_ids"], cpu)
    logits = TorchBackend(network, cpu).logits(tokens["input_ids"])
    np.savez(f"{out}.npz", vectors=vectors, probabilities=probabilities, logits=logits)
    told = [FAST, type(network).__module__.startswith("transformers")]
    Path(f"{out}.json").write_text(json.dumps(told), encoding="utf-8")


@pytest.mark.slow
def test_without_the_wing_predictions_and_the_trained_head_are_the_same(tiny_folder, folder, parameters, tmp_path):
    shutil.copytree(SOURCE, tmp_path / "without/tweet_sentiment", ignore=shutil.ignore_patterns("__pycache__", "fast"))
    (tmp_path / "settings.json").write_text(parameters.training.model_dump_json())
    given = [str(tiny_folder), str(folder), str(tmp_path / "settings.json")]
    compute(*given, str(tmp_path / "with"))
    arguments = [sys.executable, "-W", "ignore", "-c", IN_A_PROCESS, *given, str(tmp_path / "slim")]
    path = f"{tmp_path / 'without'}:{PROJECT}"
    done = subprocess.run(arguments, env={"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = ("with", "slim")
    fast_and_transformers_own = [json.loads((tmp_path / f"{name}.json").read_text()) for name in names]
    assert fast_and_transformers_own == [[True, False], [False, True]]
    arrays = [np.load(tmp_path / f"{name}.npz") for name in names]
    for name in arrays[0].files:
        np.testing.assert_allclose(arrays[0][name], arrays[1][name], atol=1e-5, err_msg=name)
    weights, others = (load_file(tmp_path / f"{name}.safetensors") for name in names)
    torch.testing.assert_close(weights, others, atol=1e-5, rtol=0)


OF_A_FAMILY = re.compile(
    r"\b(Distil|Modern|Al|Ro)?[Bb]ert(a|For|Model|Config)(?!_)\w*\b|\b(MPNet|Electra|DebertaV2)\w*\b|\bdistilbert\.|pre_classifier"
    r"|\b[qkv]_lin\b|\bout_lin\b|\blin[12]\b|\.layer\.|transformer\.layer|attention\.self|Wqkv|\bpooler\b"
)


def sources():
    return {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}


def test_no_other_module_names_classes_or_layers_of_a_family():
    found = {name for name, text in sources().items() if OF_A_FAMILY.search(text)}
    assert {name for name in found if not name.startswith("modeling/fast/")} == {"modeling/encoders.py"}


def test_the_wing_is_imported_in_one_place_alone():
    importing = {name for name, text in sources().items() if "modeling.fast" in text}
    assert {name for name in importing if not name.startswith("modeling/fast/")} == {"modeling/speed.py"}

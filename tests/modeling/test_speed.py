"""The speed wing can be deleted: everything still runs, with the same results."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import torch
from safetensors.torch import load_file
from tests.conftest import PROJECT

SOURCE = PROJECT / "src/tweet_sentiment"
CODE = """
import json, sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from tests.modeling.conftest import LABELS, posts
from tweet_sentiment.manifests import read_manifest
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.heads import Features, Head, train_head
from tweet_sentiment.modeling.prediction import TorchBackend, encode, predict
from tweet_sentiment.modeling.speed import FAST, load_network
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters

encoder, folder, settings, out = map(Path, sys.argv[1:])
tokens = tokenize(posts(3), load_tokenizer(str(encoder)), LABELS, 64)[0]
classifier, cpu = load_classifier(str(encoder), LABELS, 1), Device("cpu", "fp32")
vectors = encode(classifier.distilbert, tokens["input_ids"], cpu)
features = Features(vectors, np.asarray(tokens["label"]))
outcome = train_head(
    Head(classifier), features, features,
    Hyperparameters(num_train_epochs=4, per_device_train_batch_size=8, learning_rate=1e-3, warmup_steps=2,
                    weight_decay=0.1),
    TrainingParameters.model_validate_json(settings.read_text()),
    names=LABELS, load_best_model_at_end=False, class_weights=[1.0, 2.0, 0.5], seed=7, device="cpu",
)
save_file(outcome.weights, out.with_suffix(".safetensors"))
network = load_network(folder, read_manifest(folder))
np.savez(
    out, vectors=vectors, probabilities=predict(classifier, tokens["input_ids"], cpu),
    logits=TorchBackend(network, cpu).logits(tokens["input_ids"]),
)
print(json.dumps({"fast": FAST, "transformers' own": type(network).__module__.startswith("transformers")}))
"""


def test_without_the_wing_predictions_and_the_trained_head_are_the_same(tiny_folder, folder, parameters, tmp_path):
    shutil.copytree(SOURCE, tmp_path / "without/tweet_sentiment", ignore=shutil.ignore_patterns("__pycache__", "fast"))
    (tmp_path / "settings.json").write_text(parameters.training.model_dump_json())
    found = {}
    for name, source in {"with": SOURCE.parent, "without": tmp_path / "without"}.items():
        path = f"{source}:{PROJECT}"
        arguments = [sys.executable, "-W", "ignore", "-c", CODE, tiny_folder, folder, tmp_path / "settings.json"]
        done = subprocess.run(
            [*arguments, tmp_path / f"{name}.npz"],
            env={"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout.splitlines()[-1])
    assert found["with"] == {"fast": True, "transformers' own": False}
    assert found["without"] == {"fast": False, "transformers' own": True}
    arrays, weights = (
        [load(tmp_path / f"{n}.{end}") for n in found] for load, end in ((np.load, "npz"), (load_file, "safetensors"))
    )
    for name in arrays[0].files:
        np.testing.assert_allclose(arrays[0][name], arrays[1][name], atol=1e-5, err_msg=name)
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], atol=1e-5, rtol=0)


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

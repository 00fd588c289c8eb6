"""Classical models in their folders: they answer as they did when they were fitted, or say what is wrong."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from starlette.testclient import TestClient
from tests.modeling.conftest import vouch
from tests.predictor.conftest import row_counts_of

from tweet_sentiment.classical import SPECIFICATION, WEIGHTS
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.pipelines.technique.classical import fit_predict
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.onnx.export import export
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques import TECHNIQUES

CLASSICAL = [name for name, technique in TECHNIQUES.items() if technique.classical]
LINEAR = ("linear_svc", "logistic_regression")
POSTS = [
    ("Positive", "I love this game, best in years!"),
    ("Positive", "lovely evening, thank you"),
    ("Negative", "so bad, it KEEPS crashing"),
    ("Negative", "worst update, I hate it http://x.yz"),
    ("Neutral", "we play at nine"),
    ("Neutral", "the patch comes out at nine 🤣"),
]


def posts_of(rows):
    return pd.DataFrame(rows, columns=["label", "post"]).assign(id="1", row=range(len(rows)), dev=False)


def fitted(technique, parameters, rows=POSTS):
    """Return stored predictions and the model, as the node of a rival makes them."""
    posts = posts_of(rows)
    counted, study = row_counts_of(parameters), parameters.study
    sections = study, parameters.classical, parameters.training
    predictions, _, _, model = fit_predict(technique, posts, posts, posts, posts, counted, *sections)
    return predictions, model


@pytest.fixture
def folder_of(parameters, tmp_path):
    def make(technique="logistic_regression", rows=POSTS):
        folder = tmp_path / technique
        fitted(technique, parameters, rows)[1].save(folder)
        return folder

    return make


def refusal(folder):
    with pytest.raises(StudyError) as refused:
        Predictor.load(folder)
    assert str(folder) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("technique", CLASSICAL)
@pytest.mark.parametrize("rows", [POSTS, POSTS[:4], POSTS[:5]], ids=["three classes", "two of three", "five posts"])
def test_probabilities_are_those_that_were_stored_when_it_was_fitted(technique, rows, parameters, tmp_path):
    predictions, model = fitted(technique, parameters, rows)
    model.save(tmp_path / technique)
    predictor = Predictor.load(tmp_path / technique)
    found = predictor([post for _, post in rows])
    columns = [f"{PROBABILITY}{label}" for label in parameters.labels]
    assert np.array_equal(found[columns], predictions[columns])
    assert list(found["label"]) == list(predictions["predicted"])
    assert np.array_equal(predictor.probabilities(["w0rd n0t seen"])[:, 0] > 0, [True])


@pytest.mark.parametrize("technique", CLASSICAL)
def test_a_folder_keeps_the_contract_of_every_model_folder(folder_of, technique, parameters):
    folder = folder_of(technique)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {MANIFEST}
    assert not [name for name in manifest["files"] if name.endswith((".bin", ".pt", ".pkl", ".joblib"))]
    for name in ("technique", "protocol", "labels", "seed", "data", "n_train", "input", "parameters", "versions"):
        assert name in manifest
    assert manifest["input"]["max_length"] is None


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)))
@settings(max_examples=30)
def test_any_text_gets_probabilities_that_sum_to_one(any_folder, texts):
    predictor = Predictor.load(any_folder)
    probabilities = predictor.probabilities(texts, keep_blank=True)
    assert probabilities.shape == (len(texts), 3)
    blank = [not text.strip() for text in texts]
    assert np.array_equal(np.isnan(probabilities).any(axis=1), blank)
    np.testing.assert_allclose(probabilities[~np.array(blank, dtype=bool)].sum(axis=1), 1)


@pytest.fixture(scope="module")
def any_folder(tmp_path_factory):
    from tests.conftest import raw_parameters, validate_parameters

    folder = tmp_path_factory.mktemp("models") / "linear_svc"
    fitted("linear_svc", validate_parameters(raw_parameters()))[1].save(folder)
    return folder


def test_the_cleaning_is_the_one_that_it_was_fitted_with(parameters, tmp_path):
    published = parameters.data.model_copy(update={"cleaning": "published"})
    cleaned = parameters.model_copy(
        update={"data": published, "classical": parameters.classical.model_copy(update={"text": "cleaned"})}
    )
    fitted("linear_svc", cleaned)[1].save(tmp_path / "model")
    predictor = Predictor.load(tmp_path / "model")
    assert predictor.input.cleaning == "published"
    assert predictor.cleaned(["Worst!"]) != ["Worst!"]


def other_specification(**changes):
    def damage(folder):
        path = folder / SPECIFICATION
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def other_weights(change):
    def damage(folder):
        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / SPECIFICATION).write_text("[]"),
        lambda folder: (folder / SPECIFICATION).write_text("{"),
        lambda folder: (folder / WEIGHTS).write_bytes(b""),
        other_specification(classes=[0, 1, 7]),
        other_specification(classes=[0, 1]),
        other_specification(vocabularies={"words": ["a"], "pieces": ["b"]}),
        other_weights(lambda weights: {name: array for name, array in weights.items() if name != "coefficients"}),
        other_weights(lambda weights: weights | {"coefficients": weights["coefficients"][:, :-1]}),
        other_weights(lambda weights: weights | {"words.idf": weights["words.idf"][:-1]}),
    ],
)
def test_files_that_were_saved_not_going_together_are_refused_in_one_message(folder_of, damage):
    folder = folder_of()
    damage(folder)
    vouch(folder)
    assert "do not make a classical model" in refusal(folder)


def test_weights_that_were_saved_not_finite_are_named(folder_of):
    folder = folder_of()
    other_weights(lambda weights: weights | {"intercepts": weights["intercepts"] * np.nan})(folder)
    vouch(folder)
    assert "'intercepts' are not finite" in refusal(folder)


def test_a_format_that_is_not_known_is_named(folder_of):
    folder = folder_of()
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"format": "classical"', '"format": "later"'))
    assert "says format 'later', which this version does not know" in refusal(folder)


def test_what_it_cannot_do_is_said_with_what_can(folder_of):
    folder = folder_of()
    for choice in ({"device": "cuda"}, {"fp16": True}, {"precision": "bf16"}):
        with pytest.raises(StudyError, match="classical model: it runs on the CPU"):
            Predictor.load(folder, **choice)
    with pytest.raises(StudyError, match="export the folder of an encoder"):
        export(folder, None, None, None, "text", None)
    with pytest.raises(StudyError, match="trained on texts alone"):
        Predictor.load(folder).records(["ok"], ["Nvidia"])


@pytest.mark.parametrize("technique", LINEAR)
def test_the_words_that_decide_are_named(folder_of, technique):
    predictor = Predictor.load(folder_of(technique))
    record = predictor.records(["I love nine"], explain=True)[0]
    words = {one["word"]: one["share"] for one in record["words"]}
    assert list(words) == ["I", "love", "nine"]
    assert record["label"] == "Neutral"
    assert words["nine"] > 0 > words["love"]
    assert sum(map(abs, words.values())) == pytest.approx(1)


def test_the_majority_class_has_no_word_that_decides(folder_of):
    assert Predictor.load(folder_of("majority_class")).explain(["so bad", " "]) == [[("so", 0.0), ("bad", 0.0)], []]


def test_it_is_served_like_any_model(folder_of):
    from tweet_sentiment.serving.app import create_app

    predictor = Predictor.load(folder_of())
    with TestClient(create_app(predictor)) as client:
        answer = client.post("/predict", json={"texts": ["I love it", "so bad"]}).json()
        explained = client.post("/explain", json={"texts": "I love it"}).json()
    assert [one["label"] for one in answer] == ["Positive", "Negative"]
    assert [one["word"] for one in explained[0]["words"]] == ["I", "love", "it"]


def test_it_answers_without_torch_and_transformers(folder_of):
    code = (
        "import sys\nfrom tweet_sentiment import Predictor\nimport tweet_sentiment.serving.server\n"
        f"Predictor.load({str(folder_of())!r}).records(['I love it'], explain=True)\n"
        "print([name for name in ('torch', 'transformers', 'peft', 'onnxruntime') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"

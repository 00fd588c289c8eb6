"""An ensemble in its folder: the mean of its members, which are those it was made of, or a refusal."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient
from tests.predictor.conftest import save_plain, save_prompted
from tests.predictor.test_classical import fitted

from tweet_sentiment.best_model import Promotion, bring_back, previous_of, promote
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import ENSEMBLE, MANIFEST, Ensemble, checked_manifest, read_manifest
from tweet_sentiment.parameters import InputSettings
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.onnx.export import export

MEMBERS = ["layer_unfreezing", "prompt_tuning", "linear_svc"]
POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing", "we play at nine"]


def make_ensemble(models, members, settings, second_segment=None):
    reads = InputSettings(
        cleaning="none", remove_stop_words=False, lemmatize=False, max_length=128, second_segment=second_segment
    )
    told = {"technique": "ensemble", "format": ENSEMBLE, "labels": settings.labels, "seed": 1, "protocol": "leak_free"}
    Ensemble(members, told | {"input": reads.model_dump()}).save(models / "ensemble")
    return models / "ensemble"


@pytest.fixture(scope="module")
def made(settings, tmp_path_factory):
    models = tmp_path_factory.mktemp("run") / "leak_free"
    save_plain(settings, models / "layer_unfreezing")
    save_prompted(settings, models / "prompt_tuning")
    fitted("linear_svc", settings)[1].save(models / "linear_svc")
    make_ensemble(models, MEMBERS, settings)
    return models


@pytest.fixture
def models(made, tmp_path):
    return shutil.copytree(made, tmp_path / "leak_free")


def load(folder):
    return Predictor.load(folder, "cpu", precision="fp32")


def mean(models):
    return np.mean([load(models / name).probabilities(POSTS) for name in MEMBERS], axis=0)


def test_its_probabilities_are_the_mean_of_its_members_each_with_its_own_input(made):
    predictor = load(made / "ensemble")
    np.testing.assert_allclose(predictor.probabilities(POSTS), mean(made), atol=1e-12)
    assert list(predictor.members) == MEMBERS
    assert predictor.probabilities([]).shape == (0, 3)
    assert pd.isna(predictor(["ok", " "], keep_blank=True)["label"]).tolist() == [False, True]


def test_it_explains_and_is_served(made):
    from tweet_sentiment.serving.app import create_app

    predictor = load(made / "ensemble")
    (words,) = predictor.explain(["so bad today"])
    assert [word for word, _ in words] == ["so", "bad", "today"]
    assert sum(abs(share) for _, share in words) == pytest.approx(1)
    with TestClient(create_app(predictor)) as client:
        (answer,) = client.post("/explain", json={"texts": "so bad today"}).json()
    assert [one["word"] for one in answer["words"]] == ["so", "bad", "today"]


def test_there_is_nothing_to_export_and_the_message_says_what_is(made):
    with pytest.raises(StudyError, match=r"is an ensemble of .*: only single models can be exported"):
        export(made / "ensemble", None, None, None, "text", None)


def forget(path):
    (path / MANIFEST).unlink()


def retrain(path):
    manifest = read_manifest(path)
    (path / MANIFEST).write_text(json.dumps(manifest | {"seed": 7}))


def damage(path):
    name = next(iter(read_manifest(path)["files"]))
    (path / name).write_bytes(b"other")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shutil.rmtree, "is missing"),
        (forget, "is missing"),
        (retrain, "has changed since the ensemble was made of it"),
        (damage, "has changed since it was saved"),
    ],
)
def test_a_member_that_is_missing_changed_or_damaged_is_refused_by_name(models, change, said):
    change(models / "prompt_tuning")
    for ask in (load, checked_manifest):
        with pytest.raises(StudyError) as refused:
            ask(models / "ensemble")
        assert "prompt_tuning" in str(refused.value)
        assert said in str(refused.value)


@pytest.mark.parametrize("members", [None, {}, [], {"lora": "../lora"}, {"lora": {"folder": "../lora"}}])
def test_a_manifest_without_sound_members_is_damaged(models, members):
    path = models / "ensemble" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"members": members}))
    with pytest.raises(StudyError, match=r"manifest\.json is damaged"):
        load(models / "ensemble")


def test_members_of_other_labels_are_refused(models, settings):
    other = settings.model_copy(update={"labels": settings.labels[::-1]})
    shutil.rmtree(models / "ensemble")
    make_ensemble(models, MEMBERS, other)
    with pytest.raises(StudyError, match="its member layer_unfreezing has the labels"):
        load(models / "ensemble")


def test_a_member_without_a_folder_is_named_when_the_ensemble_is_made(models, settings):
    shutil.rmtree(models / "ensemble")
    with pytest.raises(StudyError, match="The ensemble's member lora has no model folder"):
        make_ensemble(models, ["linear_svc", "lora"], settings)


def test_the_best_model_holds_its_members_and_can_be_taken_elsewhere_alone(models, tmp_path):
    expected, best = mean(models), tmp_path / "best"
    promote(Promotion("ensemble", {"by": "accuracy"}, "# Card"), models, best)
    alone = shutil.copytree(best, tmp_path / "elsewhere" / "model")
    shutil.rmtree(models)
    for folder in (best, alone):
        np.testing.assert_allclose(load(folder).probabilities(POSTS), expected, atol=1e-12)
    weights = next((alone / "members").rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(StudyError, match=r"model\.safetensors has changed since it was saved"):
        load(alone)


def test_promoted_again_it_is_the_same_and_another_one_changes_places_with_it(models, tmp_path):
    best = tmp_path / "best"
    for technique in ("linear_svc", "ensemble", "ensemble"):
        promote(Promotion(technique), models, best)
    assert read_manifest(previous_of(best))["technique"] == "linear_svc"
    assert bring_back(best)["technique"] == "linear_svc"
    assert bring_back(best)["technique"] == "ensemble"
    assert load(best).labels


def test_a_member_that_changed_is_not_promoted(models, tmp_path):
    retrain(models / "linear_svc")
    with pytest.raises(StudyError, match=r"linear_svc, .* has changed since the ensemble was made of it"):
        promote(Promotion("ensemble"), models, tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_what_only_one_member_reads_is_asked_for(made, settings, tmp_path):
    with_entity = settings.data.columns.entity is not None
    assert with_entity
    models = shutil.copytree(made, tmp_path / "leak_free")
    manifest = read_manifest(models / "layer_unfreezing")
    manifest["input"]["second_segment"] = "entity"
    (models / "layer_unfreezing" / MANIFEST).write_text(json.dumps(manifest))
    shutil.rmtree(models / "ensemble")
    predictor = load(make_ensemble(models, MEMBERS, settings, "entity"))
    expected = [load(models / "layer_unfreezing").probabilities(POSTS, ["Nvidia"] * 3)]
    expected += [load(models / name).probabilities(POSTS) for name in MEMBERS[1:]]
    np.testing.assert_allclose(predictor.probabilities(POSTS, ["Nvidia"] * 3), np.mean(expected, axis=0), atol=1e-12)
    with pytest.raises(StudyError, match="reads an entity with each text"):
        predictor.probabilities(POSTS)
    assert predictor.explain(["so bad"], ["Nvidia"])

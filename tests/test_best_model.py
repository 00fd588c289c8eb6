"""The best model is there whole or not at all, and the one before it can be brought back."""

import json
import os

import pytest

from tests.projects import killed_at_rename
from tweet_sentiment.best_model import CARD, Promotion, bring_back, previous_of, promote
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST, checked_manifest, read_manifest, write_manifest


def technique(models, name, weights):
    """Write what stands for a model's folder: promotion looks at files and hashes alone."""
    folder = models / name
    (folder / "base").mkdir(parents=True, exist_ok=True)
    (folder / "base" / "model.safetensors").write_text(weights)
    (folder / "config.json").write_text("{}")
    write_manifest(folder, {"technique": name, "labels": ["bad", "good"], "seed": 1})
    return folder


def weights_of(folder):
    checked_manifest(folder)
    return (folder / "base" / "model.safetensors").read_text()


@pytest.fixture
def models(tmp_path):
    technique(tmp_path / "leak_free", "lora", "lora")
    technique(tmp_path / "leak_free", "search", "search")
    return tmp_path / "leak_free"


def test_a_promoted_folder_holds_the_model_a_card_and_why_and_vouches_for_each_file(models, tmp_path):
    promote(Promotion("lora", {"by": "dev_accuracy"}, "# Card"), models, tmp_path / "best")
    manifest = checked_manifest(tmp_path / "best")
    assert weights_of(tmp_path / "best") == "lora"
    assert (tmp_path / "best" / CARD).read_text() == "# Card"
    assert manifest["promotion"] == {"by": "dev_accuracy"}
    assert set(manifest["files"]) == {"base/model.safetensors", "config.json", CARD}
    for name in manifest["files"]:
        path = tmp_path / "best" / name
        content = bytearray(path.read_bytes())
        content[0] ^= 1
        path.write_bytes(content)
        with pytest.raises(StudyError, match=f"{name} has changed since it was saved"):
            checked_manifest(tmp_path / "best")
        content[0] ^= 1
        path.write_bytes(content)
    assert weights_of(models / "lora") == "lora"


def test_the_one_before_is_kept_and_the_two_change_places(models, tmp_path):
    best = tmp_path / "best"
    for name in ("lora", "search"):
        promote(Promotion(name), models, best)
    assert (weights_of(best), weights_of(previous_of(best))) == ("search", "lora")
    assert bring_back(best)["technique"] == "lora"
    assert (weights_of(best), weights_of(previous_of(best))) == ("lora", "search")
    bring_back(best)
    assert (weights_of(best), weights_of(previous_of(best))) == ("search", "lora")
    assert {path.name for path in tmp_path.iterdir()} == {"best", "best.previous", "leak_free"}


def test_the_same_model_promoted_again_does_not_push_the_previous_one_out(models, tmp_path):
    best = tmp_path / "best"
    for name, card in (("lora", "1"), ("search", "2"), ("search", "3")):
        promote(Promotion(name, {}, card), models, best)
    assert (best / CARD).read_text() == "3"
    assert weights_of(previous_of(best)) == "lora"


def test_nothing_to_promote_leaves_everything_as_it_is(models, tmp_path):
    promote(Promotion(None), models, tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_a_technique_whose_folder_is_not_whole_is_not_promoted(models, tmp_path):
    best = tmp_path / "best"
    promote(Promotion("lora"), models, best)
    (models / "search" / "config.json").write_text("{ }")
    with pytest.raises(StudyError, match=r"config\.json has changed"):
        promote(Promotion("search"), models, best)
    assert weights_of(best) == "lora"
    with pytest.raises(StudyError, match=r"no manifest\.json here"):
        promote(Promotion("nothing"), models, best)


def test_without_a_previous_one_there_is_none_to_bring_back(models, tmp_path):
    promote(Promotion("lora"), models, tmp_path / "best")
    with pytest.raises(StudyError, match="there is no previous model to restore"):
        bring_back(tmp_path / "best")
    assert weights_of(tmp_path / "best") == "lora"


def test_a_damaged_previous_one_is_not_brought_back(models, tmp_path):
    best = tmp_path / "best"
    for name in ("lora", "search"):
        promote(Promotion(name), models, best)
    (previous_of(best) / "config.json").unlink()
    with pytest.raises(StudyError, match=r"config\.json is missing"):
        bring_back(best)
    assert weights_of(best) == "search"


def test_a_damaged_best_one_gives_way(models, tmp_path):
    best = tmp_path / "best"
    promote(Promotion("lora"), models, best)
    (best / MANIFEST).write_text("{")
    promote(Promotion("search"), models, best)
    assert weights_of(best) == "search"


@pytest.mark.parametrize(
    ("what", "call"), [*(("promote", call) for call in (1, 2, 3, 4)), *(("bring_back", call) for call in (1, 2, 3))]
)
def test_a_kill_between_any_two_renames_leaves_a_best_model_and_loses_none(models, tmp_path, what, call):
    best = tmp_path / "best"
    technique(models, "old", "old")
    for name in ("old", "lora"):
        promote(Promotion(name), models, best)
    promoting = what == "promote"
    killed_at_rename(call, lambda: promote(Promotion("search"), models, best) if promoting else bring_back(best))
    if promoting:
        promote(Promotion("search"), models, best)
        assert (weights_of(best), weights_of(previous_of(best))) == ("search", "lora")
        assert {path.name for path in tmp_path.iterdir()} <= {"best", "best.previous", models.name}
    else:
        before = weights_of(best) if best.exists() else "lora"
        bring_back(best)
        assert {weights_of(best), weights_of(previous_of(best))} == {"old", "lora"}
        assert weights_of(best) != before


def test_a_reader_waits_for_a_replacement_that_is_under_way(tmp_path, models):
    from threading import Timer

    from tweet_sentiment.storage import settle

    best = tmp_path / "best"
    promote(Promotion("lora"), models, best)
    os.replace(best, tmp_path / ".best.old")
    finish = Timer(0.1, os.replace, (models / "search", best))
    finish.start()
    settle(best, patience=30)
    finish.join()
    assert weights_of(best) == "search"
    os.replace(best, tmp_path / "gone")
    settle(best, patience=0.01)
    assert weights_of(best) == "lora"


def test_the_manifest_of_a_folder_is_json_for_people(models, tmp_path):
    promote(Promotion("lora", {"by": "accuracy"}), models, tmp_path / "best")
    assert json.loads((tmp_path / "best" / MANIFEST).read_text()) == read_manifest(tmp_path / "best")

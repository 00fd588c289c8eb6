"""Checkpoints: only whole ones are gone on from."""

import json

import pytest
from tweet_sentiment.modeling.checkpoints import MANIFEST, checkpoints_folder, newest_valid, seal

FILES = ("model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json")


def checkpoint(folder, step, sealed=True):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in FILES:
        (path / name).write_bytes(f"{name} at {step}".encode() * 20)
    if sealed:
        seal(path)
    return path


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)


def test_the_newest_is_the_one_with_the_highest_step(tmp_path):
    for step in (20, 100, 3):
        checkpoint(tmp_path, step)
    assert newest_valid(tmp_path) == tmp_path / "checkpoint-100"
    assert len(list(tmp_path.iterdir())) == 3


def test_without_checkpoints_there_is_nothing_to_go_on_from(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert newest_valid(tmp_path) is None
    assert (tmp_path / "checkpoint-best").exists()


@pytest.mark.parametrize("damage", [remove, truncate, empty, flip])
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_checkpoint_with_any_file_damaged_is_passed_over_and_deleted(tmp_path, name, damage):
    good, bad = checkpoint(tmp_path, 5), checkpoint(tmp_path, 10)
    damage(bad / name)
    assert newest_valid(tmp_path) == good
    assert not bad.exists()


def test_a_checkpoint_that_a_kill_left_unsealed_is_passed_over(tmp_path):
    checkpoint(tmp_path, 5)
    checkpoint(tmp_path, 10, sealed=False)
    half = checkpoint(tmp_path, 15, sealed=False)
    (half / f".{MANIFEST}").write_text('{"model.saf')
    assert newest_valid(tmp_path) == tmp_path / "checkpoint-5"


@pytest.mark.parametrize(
    "content", ["{}", "[]", "null", "7", '"x"', '["model.safetensors"]', '{"model.safetensors": 7}']
)
def test_a_manifest_that_vouches_for_nothing_seals_nothing(tmp_path, content):
    (checkpoint(tmp_path, 5) / MANIFEST).write_text(content)
    assert newest_valid(tmp_path) is None


def test_a_damaged_checkpoint_below_the_newest_is_deleted_too(tmp_path):
    flip(checkpoint(tmp_path, 5) / "optimizer.pt")
    checkpoint(tmp_path, 10)
    truncate(checkpoint(tmp_path, 7) / "optimizer.pt")
    assert newest_valid(tmp_path) == tmp_path / "checkpoint-10"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


def test_sealing_again_vouches_for_the_files_as_they_are_now_those_in_subfolders_too(tmp_path):
    path = checkpoint(tmp_path, 5)
    (path / "adapter").mkdir()
    (path / "adapter/adapter_model.safetensors").write_bytes(b"prompt")
    seal(path)
    assert set(json.loads((path / MANIFEST).read_text())) == {*FILES, "adapter/adapter_model.safetensors"}
    truncate(path / "adapter/adapter_model.safetensors")
    assert newest_valid(tmp_path) is None


def test_checkpoints_of_other_conditions_are_deleted_and_those_of_the_same_kept(tmp_path):
    mine = checkpoints_folder(tmp_path, {"seed": 1, "rows": 36})
    checkpoint(mine, 5)
    (tmp_path / "study.sqlite3").write_bytes(b"a search")
    assert checkpoints_folder(tmp_path, {"rows": 36, "seed": 1}) == mine
    assert newest_valid(mine) == mine / "checkpoint-5"
    other = checkpoints_folder(tmp_path, {"seed": 2, "rows": 36})
    assert not mine.exists()
    assert newest_valid(other) is None
    assert (tmp_path / "study.sqlite3").exists()

"""How much room a run's models take."""

import pytest

from tweet_sentiment.hooks.checks import predicted_bytes

WEIGHTS, OLD, KEPT = 1000, 700, 2


@pytest.mark.parametrize(
    ("new", "there", "expected"),
    [
        ({}, {}, 0),
        ({"baseline": False}, {}, WEIGHTS),
        ({"baseline": False, "predicted": False}, {}, 2 * WEIGHTS),
        ({}, {"baseline": False}, OLD),  # beside the old one, which then goes
        ({}, {"baseline": False, "lora": True}, OLD),  # one after the other
        ({"baseline": False}, {"lora": True}, OLD + WEIGHTS),
        ({"lora": True}, {}, WEIGHTS + (KEPT + 1) * 3 * WEIGHTS),  # checkpoints: weights and two moments
    ],
)
def test_each_new_model_and_one_that_replaces_another_take_their_size(tmp_path, new, there, expected):
    checkpoint = tmp_path / "encoder"
    for name in ("encoder", *there):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(bytes(WEIGHTS if name == "encoder" else OLD))
    folders = {tmp_path / name: keeps for name, keeps in (new | there).items()}
    assert predicted_bytes(folders, str(checkpoint), KEPT) == expected

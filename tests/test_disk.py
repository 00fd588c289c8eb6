"""How much room a run's models take."""

import pytest

from tweet_sentiment.disk import predicted_bytes

WEIGHTS, OLD, KEPT = 1000, 700, 2


@pytest.mark.parametrize(
    ("names", "there", "expected"),
    [
        ([], [], 0),
        (["baseline.model"], [], WEIGHTS),
        (["baseline.model", "lora.model"], [], 2 * WEIGHTS),
        (["baseline.model"], ["baseline.model"], OLD),  # beside the old one, which then goes
        (["baseline.model", "lora.model"], ["baseline.model", "lora.model"], OLD),  # one after the other
        (["baseline.model", "lora.model"], ["lora.model"], OLD + WEIGHTS),
        (["full_fine_tuning.model"], [], WEIGHTS + (KEPT + 1) * 3 * WEIGHTS),  # checkpoints: weights and two moments
    ],
)
def test_each_new_model_and_one_that_replaces_another_take_their_size(tmp_path, names, there, expected):
    checkpoint = tmp_path / "encoder"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(bytes(WEIGHTS))
    folders = {name: tmp_path / name for name in names}
    for name in there:
        folders[name].mkdir()
        (folders[name] / "model.safetensors").write_bytes(bytes(OLD))
    assert predicted_bytes(folders, str(checkpoint), KEPT) == expected

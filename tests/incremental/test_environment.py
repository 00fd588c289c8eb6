"""What parameters stand for on this machine."""

import pytest

from tweet_sentiment.incremental.environment import environment
from tweet_sentiment.modeling.devices import choose_device


@pytest.fixture
def asked(parameters):
    """Return the environment of the base parameters with some replaced, if all of them are read."""

    def of(**changed):
        return environment(parameters.model_copy(update=changed), set(type(parameters).model_fields))

    return of


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_the_device_is_the_one_that_nodes_choose(asked, device, precision):
    chosen = choose_device(device, False, precision)
    assert asked(device=device, precision=precision)["the device"] == f"{chosen.name}, {chosen.precision}"


def test_only_what_was_read_is_looked_at(parameters):
    assert environment(parameters, {"seed", "data"}) == {}
    assert environment(parameters, {"fp16"}).keys() == {"the device"}
    assert environment(parameters, {"model"}) == {"the files of model.checkpoint": "embedded"}


def checkpoint(asked, parameters, name):
    model = parameters.model.model_copy(update={"checkpoint": str(name)})
    return asked(model=model)["the files of model.checkpoint"]


def test_a_folder_s_checkpoint_is_its_files(asked, parameters, tmp_path):
    for name, weights in (("one", b"1"), ("same", b"1"), ("other", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    one, same, other = (checkpoint(asked, parameters, tmp_path / name) for name in ("one", "same", "other"))
    assert one == same != other


@pytest.mark.parametrize("name", ["somebody/some-model-of-theirs", "not/a/name", "/no/such/folder", "a b"])
def test_a_checkpoint_that_is_not_here_is_missing_without_asking_the_hub(asked, parameters, name):
    assert checkpoint(asked, parameters, name) == "missing"


def test_the_encoder_that_a_technique_starts_from_is_its_files_too(asked, parameters, tmp_path):
    folder = tmp_path / "adapted"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    lora = parameters.lora.model_copy(update={"checkpoint": str(folder)})
    variants = {"plain": {}, "adapted": {"checkpoint": str(folder)}}
    ablation = parameters.training_ablation.model_copy(update={"variants": variants})
    found = asked(lora=lora, training_ablation=ablation)
    assert found["the files of lora.checkpoint"] == found["the files of training_ablation.variants.adapted.checkpoint"]
    assert not any("p_tuning" in key or "plain" in key for key in found)
    assert not any("lora" in key for key in environment(parameters.model_copy(update={"lora": lora}), {"seed"}))

"""LoRA and IA3: what learns, and that the merged model is the adapted one."""

import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.tuned import copy_of, few, tiny, tuning_data
from transformers import DistilBertForSequenceClassification
from tweet_sentiment.modeling.adapters import add_adapter, merge
from tweet_sentiment.modeling.tuning import tune

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad

KINDS = ["LORA", "IA3"]


@pytest.fixture
def batch(tokens):
    return pad(tokens[1]["input_ids"], 0)


def adapted(tiny_folder, lora, kind):
    return add_adapter(
        load_classifier(str(tiny_folder), LABELS, seed=1), lora.model_copy(update={"peft_type": kind}), 3
    )


def logits(model, batch):
    with torch.inference_mode():
        return model.eval()(**batch).logits


@pytest.mark.parametrize("kind", KINDS)
def test_before_training_the_logits_are_the_classifier_s(tiny_folder, tiny_classifier, parameters, batch, kind):
    expected = logits(tiny_classifier, batch)
    torch.testing.assert_close(logits(adapted(tiny_folder, parameters.lora, kind), batch), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_adapter_and_the_whole_head_learn_and_nothing_else(tiny_folder, parameters, kind):
    model = adapted(tiny_folder, parameters.lora, kind)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    head = [name for name in learning if ".modules_to_save." in name]
    assert {name.split(".modules_to_save.")[0].rpartition(".")[2] for name in head} == {"pre_classifier", "classifier"}
    assert len(head) == 4
    marks = (".lora_A.", ".lora_B.") if kind == "LORA" else (".ia3_l.",)
    places = 2 * len(parameters.lora.target_modules if kind == "LORA" else parameters.lora.ia3_target_modules)
    rest = [name for name in learning if name not in head]
    assert all(any(mark in name for mark in marks) for name in rest)
    assert len(rest) == places * len(marks)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_adapter_moved_alone_and_merged_gives_its_logits_from_a_plain_folder(
    tiny_folder, parameters, tmp_path, batch, kind
):
    chosen = few(parameters.lora, peft_type=kind, learning_rate=3e-2)
    model = adapted(tiny_folder, chosen, kind)
    before = copy_of(model)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    fitted = tune(model, tuning_data(tmp_path / "work"), chosen, tiny(parameters, tiny_folder))
    after = copy_of(model)
    assert {name for name in after if not torch.equal(after[name], before[name])} == learning
    expected = logits(model, batch)
    merged = merge(model)
    assert type(merged) is DistilBertForSequenceClassification
    torch.testing.assert_close(logits(merged, batch), expected, rtol=1e-4, atol=1e-5)
    TrainedModel(merged, fitted.tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    torch.testing.assert_close(logits(load_model(tmp_path / "model").model, batch), expected, rtol=1e-4, atol=1e-5)


def test_the_saved_folder_serves_transformers_own_pipeline(tiny_folder, parameters, tokenizer, tmp_path):
    from transformers import pipeline

    merged = merge(adapted(tiny_folder, parameters.lora, "LORA"))
    TrainedModel(merged, tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    (answer,) = pipeline("text-classification", model=str(tmp_path / "model"))("i love it")
    assert answer["label"] in LABELS

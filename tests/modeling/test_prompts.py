"""Soft prompts: what learns, where they start, what is pooled, and what comes back from disk."""

import shutil

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.batching import pad
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.folders import TrainedModel, load_model, save_model
from tweet_sentiment.modeling.freezing import count_trainable
from tweet_sentiment.modeling.prompts import add_soft_prompt, describe, load_prompted, save_prompted

NAMES = ["Negative", "Neutral", "Positive"]
DIM, VIRTUAL = 32, 15
PROMPT, PRE_CLASSIFIER, CLASSIFIER = VIRTUAL * DIM, DIM * DIM + DIM, 3 * DIM + 3


@pytest.fixture
def soft(tiny_folder, tokenizer, parameters):
    """Make a soft-prompted tiny classifier; the prompt's parameters are the base environment's, with changes."""

    def make(seed=5, labels=NAMES, **changes):
        prompt = parameters.prompt_tuning.model_copy(update=changes)
        return add_soft_prompt(load_classifier(str(tiny_folder), labels, seed=1), tokenizer, prompt, seed).eval()

    return make


@pytest.fixture
def learned(soft):
    """The same, with everything that learns moved, as training does."""

    def make(**changes):
        model = soft(**changes)
        generator = torch.Generator().manual_seed(2)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        return model

    return make


@pytest.fixture
def batch(tokens):
    return pad(tokens[1]["input_ids"][:6], 0)


def logits(model, batch):
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.parametrize(
    ("head", "count"),
    [
        ([], PROMPT),
        (["classifier"], PROMPT + CLASSIFIER),
        (["pre_classifier"], PROMPT + PRE_CLASSIFIER),
        (["pre_classifier", "classifier"], PROMPT + PRE_CLASSIFIER + CLASSIFIER),
    ],
)
def test_the_soft_prompt_learns_and_of_the_head_what_is_named(soft, head, count):
    model = soft(trainable_head=head)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert count_trainable(model) == count
    assert learning[-1] == "prompt_encoder.default.embedding.weight"
    assert {name.split(".modules_to_save")[0].split(".")[-1] for name in learning[:-1]} == set(head)
    assert not any(".original_module." in name for name in learning)


def test_what_is_said_of_it_counts_each_part(soft):
    said = describe(soft(trainable_head=["classifier"], pooling="cls"))
    assert said == "Learning: soft prompt 480, classifier 99 parameters; pooled: [CLS]."
    said = describe(soft(trainable_head=["pre_classifier", "classifier"], pooling="first"))
    assert said.endswith("pre_classifier 1,056, classifier 99 parameters; pooled: the first virtual token.")


def virtual_tokens(model):
    return model.prompt_encoder["default"].embedding.weight.detach()


@pytest.mark.parametrize("count", [3, VIRTUAL, 40])
def test_virtual_tokens_start_as_the_word_embeddings_of_the_text_cut_or_repeated(soft, tokenizer, parameters, count):
    model = soft(num_virtual_tokens=count)
    pieces = tokenizer(parameters.prompt_tuning.prompt_tuning_init_text)["input_ids"]
    expected = (pieces * count)[:count]
    assert torch.equal(virtual_tokens(model), model.get_input_embeddings().weight[expected])


def test_random_virtual_tokens_depend_on_the_seed(soft):
    one, same, other = (soft(seed=seed, prompt_tuning_init="RANDOM") for seed in (5, 5, 6))
    assert torch.equal(virtual_tokens(one), virtual_tokens(same))
    assert not torch.equal(virtual_tokens(one), virtual_tokens(other))


def test_drawing_the_prompt_leaves_the_global_random_state_alone(tiny_classifier, tokenizer, parameters):
    prompt = parameters.prompt_tuning.model_copy(update={"prompt_tuning_init": "RANDOM"})
    before = torch.random.get_rng_state()
    add_soft_prompt(tiny_classifier, tokenizer, prompt, seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("pooling", "position"), [("first", 0), ("cls", VIRTUAL)])
def test_the_head_reads_the_position_that_pooling_names(learned, tiny_folder, batch, pooling, position):
    model = learned(pooling=pooling)
    plain = load_classifier(str(tiny_folder), NAMES, seed=1).distilbert
    rows = len(batch["input_ids"])
    words = plain.embeddings.word_embeddings(batch["input_ids"])
    embedded = torch.cat([virtual_tokens(model).expand(rows, -1, -1), words], dim=1)
    mask = torch.cat([torch.ones(rows, VIRTUAL, dtype=torch.long), batch["attention_mask"]], dim=1)
    head = {name: layer.modules_to_save["default"] for name, layer in heads(model).items()}
    with torch.no_grad():
        hidden = plain(inputs_embeds=embedded, attention_mask=mask).last_hidden_state[:, position]
        expected = head["classifier"](torch.relu(head["pre_classifier"](hidden)))
    assert torch.allclose(logits(model, batch), expected, atol=1e-6)


def heads(model):
    inner = model.get_base_model()
    return {"pre_classifier": inner.pre_classifier, "classifier": inner.classifier}


def test_the_two_poolings_give_different_logits(learned, batch):
    assert not torch.allclose(logits(learned(pooling="first"), batch), logits(learned(pooling="cls"), batch), atol=1e-3)


@pytest.mark.parametrize("pooling", ["first", "cls"])
def test_padding_changes_no_logit(learned, tokens, pooling):
    model, rows = learned(pooling=pooling), tokens[1]["input_ids"][:6]
    alone = torch.cat([logits(model, pad([row], 0, to=len(row))) for row in rows])
    assert torch.allclose(logits(model, pad(rows, 0, to=40)), alone, atol=1e-6)


@pytest.mark.parametrize("pooling", ["first", "cls"])
@pytest.mark.parametrize("head", [[], ["classifier"], ["pre_classifier", "classifier"]])
def test_a_saved_model_comes_back_with_the_same_logits_and_labels(learned, tokenizer, tmp_path, batch, pooling, head):
    model = learned(pooling=pooling, trainable_head=head)
    before = logits(model, batch)
    save_prompted(model, tokenizer, tmp_path)
    assert torch.equal(logits(model, batch), before), "saving changed the model"
    again = load_prompted(tmp_path)
    assert torch.equal(logits(again, batch), before)
    assert again.config.id2label == dict(enumerate(NAMES))
    assert not again.training


def test_the_two_documented_lines_load_a_model_that_pools_the_first_position(learned, tokenizer, tmp_path, batch):
    model = learned(pooling="first")
    save_prompted(model, tokenizer, tmp_path)
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    again = PeftModel.from_pretrained(base, tmp_path)
    assert torch.equal(logits(again.eval(), batch), logits(model, batch))
    assert again.config.label2id == {name: i for i, name in enumerate(NAMES)}


def test_nothing_saved_names_a_folder_of_the_machine_or_a_model_of_the_hub(learned, tokenizer, tmp_path, tiny_folder):
    save_prompted(learned(), tokenizer, tmp_path)
    for path in tmp_path.rglob("*.json"):
        text = path.read_text()
        assert str(tiny_folder) not in text, path.name
        assert "/tmp" not in text, path.name


@pytest.fixture
def saved(learned, tokenizer, tmp_path):
    folder = tmp_path / "prompt_tuning"
    save_model(TrainedModel(learned(pooling="cls"), tokenizer, {"labels": NAMES}), folder)
    return folder


def test_a_model_folder_with_a_soft_prompt_comes_back(saved, learned, batch):
    again = load_model(saved)
    assert torch.equal(logits(again.model, batch), logits(learned(pooling="cls"), batch))
    assert again.manifest["labels"] == NAMES
    assert "base/model.safetensors" in again.manifest["files"]


@pytest.mark.parametrize("load", [load_prompted, load_model])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "prompt.json", "base/model.safetensors"])
def test_a_missing_part_is_named(saved, load, name):
    (saved / name).unlink()
    with pytest.raises(StudyError, match=str(saved)) as refused:
        load(saved)
    assert name.split("/")[0] in str(refused.value)
    assert "missing" in str(refused.value)


def test_an_adapter_on_another_base_is_refused(saved, soft, tokenizer, tiny_folder, tmp_path):
    other = load_classifier(str(tiny_folder), NAMES, seed=2)
    shutil.rmtree(saved / "base")
    other.save_pretrained(saved / "base")
    with pytest.raises(StudyError, match=f"{saved}/base: the weights are not those the soft prompt was trained on"):
        load_prompted(saved)
    with pytest.raises(StudyError, match=f"{saved}: base/model.safetensors has changed"):
        load_model(saved)


@pytest.mark.parametrize("labels", [["bad", "good"], ["a", "b", "c", "d", "e"]])
def test_any_number_of_labels_is_kept(soft, tokenizer, tmp_path, batch, labels):
    save_prompted(soft(labels=labels), tokenizer, tmp_path)
    again = load_prompted(tmp_path)
    assert list(again.config.id2label.values()) == labels
    assert logits(again, batch).shape == (6, len(labels))


@pytest.mark.parametrize("pooling", ["first", "cls"])
def test_word_pieces_and_virtual_tokens_may_fill_all_the_positions(soft, pooling):
    longest = pad([[101, *[2000] * (512 - VIRTUAL - 2), 102]], 0, to=512 - VIRTUAL)
    assert torch.isfinite(logits(soft(pooling=pooling), longest)).all()

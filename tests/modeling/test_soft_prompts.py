"""Soft prompts: what is trainable, where they start, what is pooled, and the plain model that they are folded into."""

import pytest
import torch
from tests.trainings import LABELS
from transformers import DistilBertForSequenceClassification, pipeline

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.freezing import count_trainable
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.soft_prompts import add_soft_prompt, describe, fold
from tweet_sentiment.modeling.tokenization import word_pieces

READS = {"cleaning": "none", "remove_stop_words": False, "lemmatize": False, "max_length": 40}
DIM, VIRTUAL = 32, 15
PROMPT, PRE_CLASSIFIER, CLASSIFIER = VIRTUAL * DIM, DIM * DIM + DIM, 3 * DIM + 3
TEXTS = ["i love it", "so bad " * 60, "[SEP] is text, and so is [virtual 0] 🤣", "ok", ""]
HARD_PROMPT = "This tweet expresses a sentiment that is:"
POOLINGS = pytest.mark.parametrize("pooling", ["first", "cls"])


@pytest.fixture
def soft(tiny_folder, tokenizer, parameters):
    """Make a soft-prompted tiny classifier; the prompt's parameters are the base environment's, with changes."""

    def make(seed=5, labels=LABELS, **changes):
        prompt = parameters.prompt_tuning.model_copy(update=changes)
        return add_soft_prompt(load_classifier(str(tiny_folder), labels, seed=1), tokenizer, prompt, seed).eval()

    return make


@pytest.fixture
def trained(soft):
    """Make the same, with all that is trainable moved, and answers that differ from text to text."""

    def make(**changes):
        model, generator = soft(**changes), torch.Generator().manual_seed(2)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
            elif parameter.dim() == 2:
                parameter.data.mul_(20 if name.endswith("word_embeddings.weight") else 3)
        return model

    return make


def logits(model, batch):
    with torch.no_grad():
        return model(**batch).logits


def folded_logits(model, tokenizer, texts, max_length, entities=None):
    ids, cut = word_pieces(texts, tokenizer, max_length, entities=entities)
    return logits(model, pad(ids, 0)), cut


@pytest.mark.parametrize(
    ("head", "count"),
    [
        ([], PROMPT),
        (["classifier"], PROMPT + CLASSIFIER),
        (["pre_classifier"], PROMPT + PRE_CLASSIFIER),
        (["pre_classifier", "classifier"], PROMPT + PRE_CLASSIFIER + CLASSIFIER),
    ],
)
def test_the_soft_prompt_is_trainable_and_of_the_head_what_is_named(soft, head, count):
    model = soft(trainable_head=head)
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert count_trainable(model) == count
    assert trainable[-1] == "prompt_encoder.default.embedding.weight"
    assert {name.split(".modules_to_save")[0].split(".")[-1] for name in trainable[:-1]} == set(head)
    assert not any(".original_module." in name for name in trainable)


def test_what_is_said_of_it_counts_each_part(soft):
    said = describe(soft(trainable_head=["classifier"], pooling="cls"))
    assert said == "Trainable: soft prompt 480, classifier 99 parameters; pooled: [CLS]."
    said = describe(soft(trainable_head=["pre_classifier", "classifier"], pooling="first"))
    assert said.endswith("pre_classifier 1,056, classifier 99 parameters; pooled: the first virtual token.")


def virtual_tokens(model):
    return model.prompt_encoder["default"].embedding.weight.detach()


@pytest.mark.parametrize("count", [3, VIRTUAL, 40])
def test_virtual_tokens_start_as_the_word_embeddings_of_the_text_cut_or_repeated(soft, tokenizer, parameters, count):
    model = soft(num_virtual_tokens=count)
    pieces = tokenizer(parameters.prompt_tuning.prompt_tuning_init_text)["input_ids"]
    assert torch.equal(virtual_tokens(model), model.get_input_embeddings().weight[(pieces * count)[:count]])


def test_random_virtual_tokens_depend_on_the_seed_and_leave_the_global_random_state_alone(soft):
    before = torch.random.get_rng_state()
    one, same, other = (virtual_tokens(soft(seed=seed, prompt_tuning_init="RANDOM")) for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("pooling", "position"), [("first", 0), ("cls", VIRTUAL)])
def test_the_head_reads_the_position_that_pooling_names(soft, tiny_folder, tokens, pooling, position):
    model, batch = soft(pooling=pooling), pad(tokens[1]["input_ids"][:6], 0)
    plain = load_classifier(str(tiny_folder), LABELS, seed=1)
    rows, words = len(batch["input_ids"]), plain.distilbert.embeddings.word_embeddings(batch["input_ids"])
    embedded = torch.cat([virtual_tokens(model).expand(rows, -1, -1), words], dim=1)
    mask = torch.cat([torch.ones(rows, VIRTUAL, dtype=torch.long), batch["attention_mask"]], dim=1)
    with torch.no_grad():
        hidden = plain.distilbert(inputs_embeds=embedded, attention_mask=mask).last_hidden_state[:, position]
        expected = plain.classifier(torch.relu(plain.pre_classifier(hidden)))
    torch.testing.assert_close(logits(model, batch), expected, atol=1e-6, rtol=0)


@POOLINGS
def test_padding_changes_no_logit_and_all_the_positions_may_be_filled(trained, tokens, pooling):
    model, rows = trained(pooling=pooling), tokens[1]["input_ids"][:6]
    alone = torch.cat([logits(model, pad([row], 0, to=len(row))) for row in rows])
    torch.testing.assert_close(logits(model, pad(rows, 0, to=40)), alone, atol=1e-5, rtol=0)
    longest = pad([[101, *[2000] * (512 - VIRTUAL - 2), 102]], 0, to=512 - VIRTUAL)
    assert torch.isfinite(logits(model, longest)).all()


@POOLINGS
@pytest.mark.parametrize("head", [pytest.param([], marks=pytest.mark.slow), ["pre_classifier", "classifier"]])
@pytest.mark.parametrize("hard_prompt", ["", HARD_PROMPT])
def test_folded_it_is_a_plain_model_with_the_same_logits(trained, tokenizer, pooling, head, hard_prompt):
    model = trained(pooling=pooling, trainable_head=head)
    ids, cut = word_pieces(TEXTS, tokenizer, 40, hard_prompt)
    expected = logits(model, pad(ids, 0))
    assert expected.std(dim=0).max() > 1e-3  # or there were nothing to see
    plain, its_tokenizer = fold(model, tokenizer, hard_prompt)
    assert type(plain) is DistilBertForSequenceClassification
    found, its_cut = folded_logits(plain, its_tokenizer, TEXTS, 40)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (its_cut, sum(cut)) == (cut, 1)
    assert torch.equal(logits(model, pad(ids, 0)), expected), "folding changed the model"
    assert not plain.training


@POOLINGS
def test_beside_an_entity_the_prompt_stays_first(trained, tokenizer, pooling):
    model, entities = trained(pooling=pooling), ["Nvidia", "a game", "x", "y", "z"]
    ids, _ = word_pieces(TEXTS, tokenizer, 40, entities=entities)
    found, _ = folded_logits(*fold(model, tokenizer), TEXTS, 40, entities)
    torch.testing.assert_close(found, logits(model, pad(ids, 0)), atol=1e-5, rtol=0)


@pytest.fixture
def saved(trained, tokenizer, tmp_path):
    """Save a model as training does, and return its folder."""

    def make(pooling="first", labels=LABELS):
        told = {"labels": labels, "technique": "prompt_tuning", "input": {"max_length": 40}}
        model = trained(pooling=pooling, labels=labels)
        TrainedModel(*fold(model, tokenizer, HARD_PROMPT), told).save(tmp_path / "prompt_tuning")
        return tmp_path / "prompt_tuning"

    return make


@pytest.mark.parametrize(
    ("pooling", "labels"), [("first", ["bad", "good"]), ("cls", LABELS), ("first", ["a", "b", "c", "d", "e"])]
)
def test_its_folder_gives_the_probabilities_to_us_and_to_transformers_from_any_place(
    saved, trained, tokenizer, tiny_folder, tmp_path, monkeypatch, pooling, labels
):
    folder = saved(pooling, labels).rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    ids, _ = word_pieces(TEXTS, tokenizer, 40, HARD_PROMPT)
    expected = logits(trained(pooling=pooling, labels=labels), pad(ids, 0))
    again = load_model(folder)
    found, _ = folded_logits(again.model, again.tokenizer, TEXTS, 40)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    classify = pipeline("text-classification", model="moved", device="cpu", top_k=None, truncation=True)
    for answer, row in zip(classify(TEXTS[:4]), expected.softmax(dim=1).tolist(), strict=False):
        scores = {one["label"]: one["score"] for one in answer}
        assert [scores[label] for label in labels] == pytest.approx(row, abs=1e-5)
    for path in folder.rglob("*.json"):  # no folder of this machine, and no model of the hub
        assert str(tiny_folder) not in path.read_text()
        assert "/tmp" not in path.read_text()

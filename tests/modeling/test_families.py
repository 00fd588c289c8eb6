"""Every family of encoders, tiny and random: each building block works on it as on DistilBERT.

``STUDIES`` of the environment, "all" or some of the names, chooses the families that are put through a whole study.
"""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from omegaconf import OmegaConf
from tests.modeling.conftest import logits
from tests.projects import SMALLER, assert_predicts_what_is_stored, assert_transformers_answers_alike, copy_project, run
from tests.trainings import LABELS, TEXTS, posts
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig as Config
from transformers import AutoModel, PreTrainedTokenizerFast

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import (
    TESTED,
    head_logits,
    ia3_layers,
    linear_layers,
    load_classifier,
    load_encoder,
    load_tokenizer,
    parts_of,
    set_pooling,
    with_vocabulary,
)
from tweet_sentiment.modeling.freezing import count_trainable, layerwise_groups, unfreeze, unfreeze_all
from tweet_sentiment.modeling.heads import Head
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.prediction import encode, pad, padding_of, predict
from tweet_sentiment.modeling.soft_prompts import add_soft_prompt, fold
from tweet_sentiment.modeling.tokenization import PROBE, layout, word_pieces
from tweet_sentiment.parameters import MAX_POSITIONS
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.onnx.backend import MODEL, open_onnx
from tweet_sentiment.predictor.onnx.export import write_onnx
from tweet_sentiment.predictor.onnx.quantize import quantize_layers
from tweet_sentiment.techniques.lora import add_adapter, merge

CPU = Device("cpu", "fp32")
CORPUS = [
    PROBE,
    "This was the WORST match, don't blame us https://t.co/x1",
    *(t for few in TEXTS.values() for t in few),
]
PAIRS = {"bert": "[CLS] $A [SEP] $B:1 [SEP]:1", "roberta": "<s> $A </s> </s> $B </s>"}


def wordpiece(size: int, cls="[CLS]", sep="[SEP]", pad="[PAD]", mask="[MASK]", pair=PAIRS["bert"]) -> Tokenizer:
    """BERT's kind, lower-cased."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    specials = [cls, pad, sep, "[UNK]", mask] if cls == "<s>" else [pad, "[UNK]", cls, sep, mask]
    return trained(made, trainers.WordPieceTrainer(vocab_size=size, special_tokens=specials), cls, sep, pair)


def byte_level(size: int, cls="<s>", sep="</s>", pad="<pad>", mask="<mask>", pair=PAIRS["roberta"]) -> Tokenizer:
    """RoBERTa's kind: bytes, cased, the space in front of a word is part of it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet, specials = pre_tokenizers.ByteLevel.alphabet(), [cls, pad, sep, "<unk>", mask]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, initial_alphabet=alphabet)
    return trained(made, trainer, cls, sep, pair)


def unigram(size: int, cls="<s>", sep="</s>", pad="<pad>", mask="<mask>", pair=PAIRS["roberta"]) -> Tokenizer:
    """SentencePiece's kind, as XLM-R, DeBERTa-v3 and ALBERT have it, in its fast form."""
    made, specials = Tokenizer(models.Unigram()), [cls, pad, sep, "<unk>", mask]
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>")
    return trained(made, trainer, cls, sep, pair)


def trained(made: Tokenizer, trainer, cls: str, sep: str, pair: str) -> Tokenizer:
    made.train_from_iterator(CORPUS, trainer)
    ids = [(token, made.token_to_id(token)) for token in (cls, sep)]
    made.post_processor = processors.TemplateProcessing(single=f"{cls} $A {sep}", pair=pair, special_tokens=ids)
    return made


BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
AS_BERT = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]", "pair": PAIRS["bert"]}
ROBERTA = BERT | {"max_position_embeddings": 514, "type_vocab_size": 1}
DEBERTA = BERT | {
    "relative_attention": True,
    "position_buckets": 32,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "type_vocab_size": 0,
}
FAMILIES = {  # model_type, its configuration, its tokenizer
    "albert": ("albert", BERT | {"embedding_size": 16}, lambda: unigram(200, **AS_BERT)),
    "bert": ("bert", BERT, lambda: wordpiece(300)),
    "bertweet": ("roberta", ROBERTA | {"max_position_embeddings": 130}, lambda: byte_level(400)),
    "deberta-v2": ("deberta-v2", DEBERTA, lambda: unigram(200, **AS_BERT)),
    "distilbert": ("distilbert", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}, lambda: wordpiece(300)),
    "electra": ("electra", BERT | {"embedding_size": 16}, lambda: wordpiece(300)),
    "modernbert": (
        "modernbert",
        BERT | {"classifier_pooling": "mean", "global_attn_every_n_layers": 2, "local_attention": 16},
        lambda: byte_level(400, "[CLS]", "[SEP]", "[PAD]", "[MASK]", "[CLS] $A [SEP] $B [SEP]"),
    ),
    "mpnet": (
        "mpnet",
        BERT | {"max_position_embeddings": 514},
        lambda: wordpiece(300, "<s>", "</s>", "<pad>", "<mask>", PAIRS["roberta"]),
    ),
    "roberta": ("roberta", ROBERTA, lambda: byte_level(400)),
    "xlm-roberta": ("xlm-roberta", ROBERTA, lambda: unigram(200)),
}
QUICK = ("bert", "deberta-v2", "modernbert", "roberta")  # of each kind of tokenizer and of positions one
STUDIES = os.environ.get("STUDIES", "").split(",")  # of none by default: 50 s each


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILIES],
)
def family(request):
    return request.param


@pytest.fixture(scope="session")
def checkpoint(family, tmp_path_factory) -> str:
    """A folder with a tiny random encoder of the family, whose every part matters, and a tokenizer of its kind."""
    kind, settings, make_tokenizer = FAMILIES[family]
    folder, tokenizer = tmp_path_factory.mktemp(family), make_tokenizer()
    specials = {"cls_token": 0, "sep_token": -1}
    names = {name: tokenizer.encode("a").tokens[at] for name, at in specials.items()}
    known = tokenizer.get_vocab()
    names |= {
        name: next(one for one in choices if one in known)
        for name, choices in {
            "pad_token": ("[PAD]", "<pad>"),
            "unk_token": ("[UNK]", "<unk>"),
            "mask_token": ("[MASK]", "<mask>"),
        }.items()
    }
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    padding = {"pad_token_id": known[names["pad_token"]], "vocab_size": tokenizer.get_vocab_size()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModel.from_config(Config.for_model(kind, **settings, **padding))
        for weights in model.parameters():
            if weights.dim() == 2:
                weights.data *= 6
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def tokenizer(checkpoint):
    return load_tokenizer(checkpoint)


@pytest.fixture
def classifier(checkpoint):
    made = load_classifier(checkpoint, LABELS, seed=1)
    for name in parts_of(made).head:
        for weights in made.get_submodule(name).parameters():
            if weights.dim() == 2:
                weights.data *= 20
    return made


@pytest.fixture
def ids(tokenizer):
    return word_pieces(posts(1)["post"].tolist(), tokenizer, 40)[0]


def batch_of(model, ids, **more):
    return pad(ids, **padding_of(model.config), **more)


def test_each_tested_family_has_a_row_here():
    assert {kind for kind, _, _ in FAMILIES.values()} == set(TESTED)


def test_the_encoder_is_transformers_own_and_padding_and_company_change_nothing(checkpoint, tokenizer, classifier, ids):
    theirs = AutoModel.from_pretrained(checkpoint).eval()
    ours = load_encoder(checkpoint)
    batch = batch_of(ours, ids)
    with torch.no_grad():
        expected, found = (model(**batch).last_hidden_state for model in (theirs, ours))
    held = batch["attention_mask"].bool()
    torch.testing.assert_close(found[held], expected[held], atol=1e-5, rtol=1e-5)
    together, wider = predict(classifier, ids, CPU), predict(classifier, ids, CPU, pad_to=64)
    alone = np.concatenate([predict(classifier, [row], CPU) for row in ids])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(together, wider, atol=1e-5)
    assert together.std(axis=0).max() > 1e-3  # or there were nothing to see


def test_the_head_on_cached_features_gives_the_logits_of_the_whole_model(checkpoint, classifier, ids):
    features = torch.from_numpy(encode(load_encoder(checkpoint), ids, CPU))
    head = Head(classifier)
    with torch.no_grad():
        torch.testing.assert_close(head(features), logits(classifier, batch_of(classifier, ids)), atol=1e-4, rtol=1e-4)
    assert len(head.weights()) == sum(1 for n, _ in classifier.named_parameters() if parts_of(classifier).depth(n) == 0)
    mask = [torch.ones_like(features, dtype=torch.bool) for _ in head.dropouts]
    assert head.dropouts
    assert head(features, mask).shape == (len(ids), 3)
    with pytest.raises(StopIteration):
        head(features, mask[1:])


def test_parts_are_frozen_and_learn_at_their_rates(classifier):
    parts, names = parts_of(classifier), [name for name, _ in classifier.named_parameters()]
    head = unfreeze(classifier, ["head"])
    assert 0 < count_trainable(classifier) < 2 * (32 * 32 + 32) + 3 * 32 + 3 + 64
    top = unfreeze(classifier, ["head"], top_blocks=1)
    assert {name for name in top if name not in head} == {
        n for n in names if n.startswith(f"{parts.blocks}.{parts.count - 1}.")
    }
    with pytest.raises(StudyError, match=f"has {parts.count} blocks"):
        unfreeze(classifier, [], top_blocks=parts.count + 1)
    unfreeze_all(classifier, but=["embeddings"])
    assert not classifier.get_input_embeddings().weight.requires_grad
    unfreeze_all(classifier, but=[])
    groups = layerwise_groups(classifier, 1e-3, 0.01, 0.5)
    assert sum(len(group["params"]) for group in groups) == len(names)
    assert {group["lr"] for group in groups} == {1e-3 * 0.5**depth for depth in range(parts.count + 2)}


@pytest.mark.parametrize("peft_type", ["LORA", "IA3"])
def test_an_adapter_is_on_every_block_starts_as_nothing_and_is_merged(classifier, parameters, ids, peft_type):
    assert len(linear_layers(classifier)) >= 4 * parts_of(classifier).count
    narrowing = ia3_layers(classifier)[1]
    assert len(narrowing) == parts_of(classifier).count
    batch = batch_of(classifier, ids)
    expected = logits(classifier, batch)
    adapted = add_adapter(classifier, parameters.lora.model_copy(update={"peft_type": peft_type}), 1)
    torch.testing.assert_close(logits(adapted, batch), expected, atol=1e-4, rtol=1e-4)
    for name, weights in adapted.named_parameters():
        if (weights.requires_grad and "lora_B" in name) or "ia3" in name:
            weights.data += 0.1
    moved = logits(adapted, batch)
    assert not torch.allclose(moved, expected, atol=1e-3)
    torch.testing.assert_close(logits(merge(adapted), batch), moved, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("hard_prompt", ["", "the worst thing is"])
def test_a_soft_prompt_is_folded_into_a_plain_model_with_the_same_logits(
    classifier, tokenizer, parameters, hard_prompt, tmp_path
):
    prompt = parameters.prompt_tuning.model_copy(update={"num_virtual_tokens": 4})
    model = add_soft_prompt(classifier, tokenizer, prompt, 5).eval()
    for weights in model.parameters():
        if weights.requires_grad:
            weights.data += torch.randn(weights.shape, generator=torch.Generator().manual_seed(2)) * 0.3
    texts = posts(1)["post"].tolist()
    expected = logits(model, batch_of(model, word_pieces(texts, tokenizer, 40, hard_prompt)[0]))
    plain, its_tokenizer = fold(model, tokenizer, hard_prompt)
    told = {"labels": LABELS, "input": READS | {"max_length": MAX_POSITIONS}}
    TrainedModel(plain, its_tokenizer, told).save(tmp_path / "model")
    predictor = Predictor.load(tmp_path / "model", "cpu", precision="fp32")
    found = predictor.probabilities(texts)
    assert found == pytest.approx(expected.softmax(-1).numpy(), abs=1e-4)
    assert np.log(found).std(axis=0).max() > 1e-3
    long = "so bad " * MAX_POSITIONS  # is cut at the encoder's positions, if they are fewer
    theirs = its_tokenizer(long, truncation=True)["input_ids"]
    of_theirs = logits(plain, batch_of(plain, [theirs])).softmax(-1).numpy()
    assert predictor.probabilities([long]) == pytest.approx(of_theirs, abs=1e-4)


def test_the_first_text_token_is_pooled_where_it_can_be_moved(classifier, tokenizer, parameters, family):
    prompt = parameters.p_tuning.model_copy(
        update={"num_virtual_tokens": 3, "encoder_hidden_size": 8, "pooling": "cls"}
    )
    if family in ("deberta-v2", "modernbert", "mpnet"):
        with pytest.raises(StudyError, match="depends on how far word pieces are apart: set pooling=first"):
            add_soft_prompt(classifier, None, prompt, 5)
        return
    model, texts = add_soft_prompt(classifier, None, prompt, 5).eval(), posts(1)["post"].tolist()
    expected = logits(model, batch_of(model, word_pieces(texts, tokenizer, 40)[0]))
    plain, its_tokenizer = fold(model, tokenizer)
    found = logits(plain, batch_of(plain, word_pieces(texts, its_tokenizer, 40)[0]))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


READS = {"cleaning": "none", "remove_stop_words": False, "lemmatize": False}


@pytest.mark.parametrize("pooling", ["default", "mean"])
def test_a_saved_model_predicts_explains_reads_pairs_and_is_exported(classifier, tokenizer, family, tmp_path, pooling):
    set_pooling(classifier, pooling)
    folder, told = (
        tmp_path / "model",
        {"labels": LABELS, "input": READS | {"max_length": 40, "second_segment": "entity"}},
    )
    texts = posts(1)["post"].tolist()
    ids, _ = word_pieces(texts, tokenizer, 40, entities=["Game"] * len(texts))
    batch = batch_of(classifier, ids)
    types = [kind for _, kind in layout(tokenizer, pair=True)]
    assert ("token_type_ids" in batch) == ("token_type_ids" in tokenizer.model_input_names) == (family in TYPED)
    if family in TYPED:
        assert max(types) == 1
        theirs = tokenizer(
            ["Game"] * len(texts), texts, padding=True, truncation=True, max_length=40, return_tensors="pt"
        )
        assert torch.equal(theirs["token_type_ids"], batch["token_type_ids"])
    expected = logits(classifier, batch).softmax(-1).numpy()
    TrainedModel(classifier, tokenizer, told).save(folder)
    predictor = Predictor.load(folder, "cpu", precision="fp32")
    assert predictor.probabilities(texts, ["Game"] * len(texts)) == pytest.approx(expected, abs=1e-4)
    (words,) = predictor.explain(["i love it"], ["Game"])
    assert [word for word, _ in words] == ["i", "love", "it"]
    assert sum(abs(share) for _, share in words) == pytest.approx(1)


@pytest.mark.slow
def test_an_export_and_its_int8_give_the_logits(classifier, tokenizer, ids, tmp_path):
    expected = logits(classifier, batch_of(classifier, ids)).numpy()
    write_onnx(TrainedModel(classifier, tokenizer, {"labels": LABELS}), tmp_path / MODEL)
    for int8, most in ((False, 1e-3), (True, np.abs(expected).max() / 3)):
        if int8:
            written = onnx.load(tmp_path / MODEL)
            quantize_layers(written)
            onnx.save(written, tmp_path / MODEL)
        exported = open_onnx(tmp_path, 3, int8, padding_of(classifier.config)).logits(ids)
        assert np.abs(exported - expected).max() < most


@pytest.mark.slow
@pytest.mark.parametrize("family", [name for name in FAMILIES if name in STUDIES or "all" in STUDIES], indirect=True)
def test_a_whole_study_of_every_technique(family, checkpoint, encoder, tmp_path):
    project = copy_project(tmp_path / "study", Path(checkpoint))
    parameters = project / "conf/test/parameters.yml"
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(parameters), SMALLER), parameters)
    run(project)
    trained = ("full_fine_tuning", "lora", "p_tuning")
    run(project, f"--pipelines={','.join(trained)}", "--params=full_fine_tuning.pooling=mean,lora.peft_type=IA3")
    run(project, "--pipelines=distillation", f"--params=distillation.checkpoint={encoder}")  # into DistilBERT
    run(project, "--pipelines=technique_search,domain_adaptation")
    for technique in ("layer_unfreezing", "hyperparameter_search", "prompt_tuning", *trained, "distillation"):
        assert_predicts_what_is_stored(project, technique)
    literal = "" if family == "albert" else "[SEP]"  # ALBERT's vocabulary takes it for the token
    for technique in ("layer_unfreezing", "prompt_tuning", "lora"):
        assert_transformers_answers_alike(project, technique, literal)


TYPED = ("albert", "bert", "electra")


def test_words_are_guessed_from_the_encoder_s_vectors(checkpoint, ids):
    encoder = load_encoder(checkpoint)
    model = with_vocabulary(encoder, 1).eval()
    batch = batch_of(encoder, ids)
    with torch.no_grad():
        expected = model(**batch).logits
        vectors = getattr(model, model.base_model_prefix)(**batch).last_hidden_state
        held = batch["attention_mask"].bool()
        torch.testing.assert_close(head_logits(model, vectors[held]), expected[held], atol=1e-4, rtol=1e-4)

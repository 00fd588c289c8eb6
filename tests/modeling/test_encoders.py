import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.modeling.conftest import LABELS, change_config, logits
from transformers import BertModel, DistilBertConfig, DistilBertModel, pipeline

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoder_files import embedded_folder
from tweet_sentiment.modeling.encoders import (
    encoder_of,
    linear_layers,
    load_classifier,
    load_embedded,
    load_encoder,
    load_tokenizer,
    parts_of,
    set_pooling,
)
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.speed import fast_forward
from tweet_sentiment.techniques.lora import add_adapter, merge


def test_the_embedded_encoder_computes_what_the_original_bert_computes(tokenizer):
    bert = BertModel.from_pretrained(embedded_folder()).eval()
    texts = ["i love this game", "worst update ever, it keeps crashing!", ""]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        ours = load_embedded()(**batch).last_hidden_state
        theirs = bert(**batch).last_hidden_state
    mask = batch["attention_mask"].bool()
    assert torch.allclose(ours[mask], theirs[mask], atol=1e-4)


@pytest.fixture(scope="module")
def base_shape(tmp_path_factory, tokenizer):
    """A folder of the shape of distilbert-base-uncased, with random weights."""
    folder = tmp_path_factory.mktemp("distilbert-base-uncased")
    DistilBertModel(DistilBertConfig()).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_distilbert_base_has_the_paper_s_structure(base_shape):
    model = load_classifier(str(base_shape), LABELS, seed=42)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert sum(p.numel() for p in model.parameters()) == 66_955_779
    assert shapes["distilbert.embeddings.word_embeddings.weight"] == (30522, 768)
    assert shapes["distilbert.embeddings.position_embeddings.weight"] == (512, 768)
    for block in range(6):
        stem = f"distilbert.transformer.layer.{block}"
        for layer in ("q_lin", "k_lin", "v_lin", "out_lin"):
            assert shapes[f"{stem}.attention.{layer}.weight"] == (768, 768)
        assert shapes[f"{stem}.ffn.lin1.weight"] == (3072, 768)
        assert shapes[f"{stem}.ffn.lin2.weight"] == (768, 3072)
        assert shapes[f"{stem}.sa_layer_norm.weight"] == shapes[f"{stem}.output_layer_norm.bias"] == (768,)
    assert "distilbert.transformer.layer.6.ffn.lin1.weight" not in shapes
    assert shapes["pre_classifier.weight"] == (768, 768)
    assert shapes["classifier.weight"] == (3, 768)
    assert (model.dropout.p, model.config.id2label) == (0.2, dict(enumerate(LABELS)))


def test_the_head_depends_on_the_seed_and_the_encoder_does_not(tiny_folder):
    one, same, other = (load_classifier(str(tiny_folder), LABELS, seed) for seed in (1, 1, 2))
    assert torch.equal(one.classifier.weight, same.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    for a, b in zip(one.distilbert.parameters(), other.distilbert.parameters(), strict=True):
        assert torch.equal(a, b)


def test_drawing_the_head_leaves_the_global_random_state_alone(tiny_folder):
    encoder_alone = _next_random(lambda: load_encoder(str(tiny_folder)))
    assert torch.equal(encoder_alone, _next_random(lambda: load_classifier(str(tiny_folder), LABELS, seed=1)))


def _next_random(load):
    torch.manual_seed(5)
    load()
    return torch.rand(4)


def test_a_checkpoint_s_own_head_is_not_used(tmp_path, tiny_folder, tokenizer):
    trained = load_classifier(str(tiny_folder), LABELS, seed=9)
    trained.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again = load_classifier(str(tmp_path), LABELS, seed=1)
    fresh = load_classifier(str(tiny_folder), LABELS, seed=1)
    assert torch.equal(again.classifier.weight, fresh.classifier.weight)
    assert torch.equal(again.distilbert.embeddings.word_embeddings.weight, trained.get_input_embeddings().weight)


@pytest.fixture
def silent_server():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_unreachable_hub_is_one_clear_message_and_is_not_waited_for(monkeypatch, tmp_path, silent_server):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", silent_server)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StudyError, match="the hub does not answer") as refused:
        load_tokenizer("nobody/no-such-model")
    assert "model.checkpoint=embedded" in str(refused.value)


@pytest.fixture
def copy(tiny_folder, tmp_path):
    """A folder with the tiny encoder, to be damaged."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def test_a_missing_folder_is_said_at_once():
    with pytest.raises(StudyError, match="there is no folder"):
        load_encoder("/no/such/folder")


def test_missing_weights_are_named_and_a_pickle_is_not_read(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(StudyError, match=r"model.safetensors is missing \(pytorch_model.bin is a pickle"):
        load_encoder(str(copy))


@pytest.mark.parametrize("keep", [0, 5, 1000])
def test_truncated_weights_are_refused(copy, keep):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StudyError, match="truncated or damaged"):
        load_encoder(str(copy))


def test_weights_that_are_not_finite_are_refused(copy):
    weights = load_file(copy / "model.safetensors")
    weights["transformer.layer.0.ffn.lin1.bias"].fill_(float("nan"))
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(StudyError, match=r"transformer.layer.0.ffn.lin1.bias' are not finite"):
        load_encoder(str(copy))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_layers": 3}, "disagree at 16 weights"),
        ({"n_heads": 5}, "describes no model"),
        ({"model_type": "bert"}, "disagree at"),
        ({"model_type": "clip"}, "model_type 'clip', of which transformers has no text classifier"),
        ({"model_type": 3}, "names no model_type"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(copy, changes, said):
    change_config(copy, **changes)
    with pytest.raises(StudyError, match=said):
        load_encoder(str(copy))


def test_a_missing_or_empty_tokenizer_is_refused(copy):
    (copy / "tokenizer.json").unlink()
    (copy / "vocab.txt").unlink(missing_ok=True)
    with pytest.raises(StudyError, match="no tokenizer here"):
        load_tokenizer(str(copy))
    (copy / "tokenizer_config.json").unlink()  # it names a class that reads tokenizer.json alone
    (copy / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(StudyError, match="its vocabulary is not whole"):
        load_tokenizer(str(copy))


def test_a_folder_with_a_language_modelling_head_is_an_encoder_all_the_same(copy):
    plain = load_file(copy / "model.safetensors")
    named = {f"distilbert.{name}": tensor for name, tensor in plain.items()}
    save_file({**named, "vocab_transform.weight": torch.zeros(32, 32)}, copy / "model.safetensors")
    found = load_encoder(str(copy)).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in plain.items())


def test_the_parts_of_distilbert_are_found(tiny_classifier):
    parts = parts_of(tiny_classifier)
    assert encoder_of(tiny_classifier) is tiny_classifier.distilbert
    assert (parts.encoder, parts.embeddings) == ("distilbert", "distilbert.embeddings")
    assert (parts.blocks, parts.count) == ("distilbert.transformer.layer", 2)
    assert parts.head == ("pre_classifier", "classifier")
    names = {name.rpartition(".")[2] for name in linear_layers(tiny_classifier)}
    assert names == {"q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"}


def from_mean(classifier, batch):
    """The head on the mean, by hand."""
    with torch.inference_mode():
        hidden = classifier.eval().distilbert(**batch).last_hidden_state
        rows = [vectors[mask.bool()].mean(dim=0) for vectors, mask in zip(hidden, batch["attention_mask"], strict=True)]
        return classifier.classifier(torch.relu(classifier.pre_classifier(torch.stack(rows))))


def test_the_head_reads_the_mean_of_the_word_pieces_and_padding_does_not_count(tiny_classifier, batch):
    expected, plain = from_mean(tiny_classifier, batch), logits(tiny_classifier, batch)
    set_pooling(tiny_classifier, "cls")
    assert torch.equal(logits(tiny_classifier, batch), plain)
    set_pooling(tiny_classifier, "mean")
    torch.testing.assert_close(logits(tiny_classifier, batch), expected)
    assert not torch.allclose(plain, expected)
    wider = {name: torch.nn.functional.pad(tensor, (0, 9)) for name, tensor in batch.items()}
    torch.testing.assert_close(logits(tiny_classifier, wider), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("adapted", [False, True])
def test_a_model_that_pools_the_mean_does_so_when_fast_and_when_saved(
    tiny_classifier, tokenizer, parameters, tmp_path, batch, adapted
):
    set_pooling(tiny_classifier, "mean")
    model = add_adapter(tiny_classifier, parameters.lora, 1) if adapted else tiny_classifier
    expected = logits(model, batch)
    with fast_forward(model):
        torch.testing.assert_close(logits(model, batch), expected, rtol=1e-4, atol=1e-5)
    plain = merge(model) if adapted else model
    TrainedModel(plain, tokenizer, {"labels": LABELS}).save(tmp_path / "once")
    load_model(tmp_path / "once").save(tmp_path / "again")
    assert (tmp_path / "once/config.json").read_bytes() == (tmp_path / "again/config.json").read_bytes()
    torch.testing.assert_close(logits(load_model(tmp_path / "again").model, batch), expected)


def test_transformers_refuses_a_folder_that_it_would_read_wrongly_and_an_encoder_can_be_taken_from_it(
    tiny_classifier, tokenizer, tmp_path
):
    set_pooling(tiny_classifier, "mean")
    TrainedModel(tiny_classifier, tokenizer, {"labels": LABELS}).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"tweet_sentiment\.Predictor loads"):
        pipeline("text-classification", model=str(tmp_path / "model"))
    again = load_encoder(str(tmp_path / "model")).state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in tiny_classifier.distilbert.state_dict().items())

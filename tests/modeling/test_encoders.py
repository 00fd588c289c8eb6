import shutil
import socket
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel, DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoder_files import embedded_folder
from tweet_sentiment.modeling.encoders import load_classifier, load_embedded, load_encoder, load_tokenizer

LABELS = ["Negative", "Neutral", "Positive"]


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


def test_an_unreachable_hub_is_one_clear_message_in_under_a_second(monkeypatch, tmp_path, silent_server):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", silent_server)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    start = time.perf_counter()
    with pytest.raises(StudyError, match="the hub does not answer") as refused:
        load_tokenizer("nobody/no-such-model")
    assert time.perf_counter() - start < 1
    assert "model.checkpoint=embedded" in str(refused.value)


def _copy(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def _change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_a_missing_folder_is_said_at_once():
    start = time.perf_counter()
    with pytest.raises(StudyError, match="there is no folder"):
        load_encoder("/no/such/folder")
    assert time.perf_counter() - start < 1


def test_missing_weights_are_named_and_a_pickle_is_not_read(tiny_folder, tmp_path):
    folder = _copy(tiny_folder, tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(StudyError, match=r"model.safetensors is missing \(pytorch_model.bin is a pickle"):
        load_encoder(str(folder))


@pytest.mark.parametrize("keep", [0, 5, 1000])
def test_truncated_weights_are_refused(tiny_folder, tmp_path, keep):
    path = _copy(tiny_folder, tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StudyError, match="truncated or damaged"):
        load_encoder(str(path.parent))


def test_weights_that_are_not_finite_are_refused(tiny_folder, tmp_path):
    folder = _copy(tiny_folder, tmp_path)
    _change_weights(folder, lambda w: w["transformer.layer.0.ffn.lin1.bias"].fill_(float("nan")))
    with pytest.raises(StudyError, match=r"transformer.layer.0.ffn.lin1.bias' are not finite"):
        load_encoder(str(folder))


def test_a_configuration_that_disagrees_with_the_weights_is_refused(tiny_folder, tmp_path):
    folder = _copy(tiny_folder, tmp_path)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"n_layers": 2', '"n_layers": 3'))
    with pytest.raises(StudyError, match="disagree at 16 weights"):
        load_encoder(str(folder))


def test_a_missing_or_empty_tokenizer_is_refused(tiny_folder, tmp_path):
    folder = _copy(tiny_folder, tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    with pytest.raises(StudyError, match="no tokenizer here"):
        load_tokenizer(str(folder))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(StudyError, match="its vocabulary is not whole"):
        load_tokenizer(str(folder))


def test_a_folder_with_a_language_modelling_head_is_an_encoder_all_the_same(tiny_folder, tmp_path):
    folder = _copy(tiny_folder, tmp_path)
    plain = load_file(folder / "model.safetensors")
    named = {f"distilbert.{name}": tensor for name, tensor in plain.items()}
    named["vocab_transform.weight"] = torch.zeros(32, 32)
    save_file(named, folder / "model.safetensors")
    assert isinstance(load_classifier(str(folder), LABELS, 1), DistilBertForSequenceClassification)

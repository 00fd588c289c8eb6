"""Encoders of any family: how one is loaded, what its parts are, and which of its vectors the head reads.

There is no table of families. Classes come from transformers by the ``model_type`` of config.json, never from a model
folder; encoder, embeddings, blocks and head are found in the model itself. This is the only module (``fast`` aside,
which may be deleted) that knows of classes, modules or weights of a family. Importing it does not import transformers.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy, deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import safe_open
from torch import nn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoder_files import (
    CONFIG,
    EMBEDDED,
    TOKENIZERS,
    WEIGHTS,
    check_embedded,
    checkpoint_folder,
    embedded_folder,
    existing_file,
)
from tweet_sentiment.modeling.tokenization import TEXTS, check_vocabulary, layout

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Weights = dict[str, torch.Tensor]

TESTED = ("albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta")
POOLING = "sentence_pooling"  # in config.json
OWN_POOLING = "classifier_pooling"  # what a family that can pool both ways calls it there
MEAN = "-with-mean-pooling, which tweet_sentiment.Predictor loads"  # ends its model_type: transformers refuses it
MEAN_NOTE = (
    "The head reads the mean of the word pieces' vectors. transformers would read the first, so it refuses this "
    "folder; load it with tweet_sentiment."
)
POOLER = ("pooler", "pooler_activation")  # the part of some families' heads that lies in the encoder


@dataclass(frozen=True)
class Parts:
    """The parts of a classifier, by the names of its modules.

    Attributes:
        encoder, embeddings: modules.
        blocks: the list of the encoder's blocks, of which there are ``count``. They may share weights: then it is one.
        head: the modules between the encoder's vectors and the logits.
    """

    encoder: str
    embeddings: str
    blocks: str
    count: int
    head: tuple[str, ...]

    def named(self, name: str) -> list[str]:
        """Return the modules of ``head``, ``encoder`` or ``embeddings``; another name is returned itself."""
        known = {"head": [*self.head], "encoder": [self.encoder], "embeddings": [self.embeddings]}
        return known.get(name, [name])

    def depth(self, name: str) -> int:
        """Return how many layers lie between a parameter and the logits: 0 in the head, most in the embeddings."""
        if below(name, self.head):
            return 0
        in_block = below(name, [self.blocks])
        return self.count - (int(name.removeprefix(f"{self.blocks}.").split(".")[0]) if in_block else -1)


def parts_of(classifier: Any) -> Parts:
    """Find the parts of a classifier, or of peft's wrapper of one.

    Raises:
        StudyError: it has no encoder of blocks, one above the other.
    """
    plain, encoder = plain_model(classifier), encoder_of(classifier)
    prefix, modules = plain.base_model_prefix, dict(encoder.named_modules())
    blocks = next((name for name, module in modules.items() if isinstance(module, nn.ModuleList)), "")
    if not blocks:
        raise StudyError(f"model_type '{plain.config.model_type}' has no list of blocks; take one of {TESTED}.")
    pooler = [f"{prefix}.{name}" for name in POOLER[:1] if getattr(encoder, name, None) is not None]
    own = [name for name, module in plain.named_children() if name != prefix and any(True for _ in module.parameters())]
    embeddings = f"{prefix}.{_embeddings_within(encoder)}"
    return Parts(prefix, embeddings, f"{prefix}.{blocks}", len(modules[blocks]), (*pooler, *own))


def _embeddings_within(encoder: Any) -> str:
    words = encoder.get_input_embeddings()
    return next(name.rpartition(".")[0] for name, module in encoder.named_modules() if module is words)


def plain_model(model: Any) -> Any:
    """Return the model that peft has wrapped; another model is returned unchanged."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def encoder_of(model: Any) -> Any:
    """Return the encoder within a model; an encoder is returned itself."""
    plain = plain_model(model)
    return getattr(plain, plain.base_model_prefix, plain)


def below(name: str, parts: Any) -> bool:
    """Tell whether a parameter or module is one of ``parts``, or is inside one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def linear_layers(classifier: Any) -> dict[str, nn.Linear]:
    """Return the linear layers of the encoder's blocks, by name, which can have an adapter."""
    blocks = parts_of(classifier).blocks
    named = classifier.named_modules()
    return {name: one for name, one in named if isinstance(one, nn.Linear) and below(name, [blocks])}


def ia3_layers(classifier: Any) -> tuple[list[str], list[str]]:
    """Return the layers that IA3 scales by its paper, by name: keys, values and narrowing ones; and the last alone.

    Keys and values may be one layer with the queries; it is then scaled whole.
    """
    layers = linear_layers(classifier)
    narrowing = [name for name, layer in layers.items() if layer.in_features > layer.out_features]
    attention = [n for n in layers if re.fullmatch(r"(k|v|key|value)(_lin|_proj)?|Wqkv", n.rpartition(".")[2])]
    return [*attention, *narrowing], narrowing


def position_table(model: Any) -> torch.Tensor | None:
    """Return the vectors of an encoder's positions, from the first position; None if there is no such table."""
    encoder = encoder_of(model)
    table = getattr(encoder.get_submodule(_embeddings_within(encoder)), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    return table.weight if table.padding_idx is None else table.weight[table.padding_idx + 1 :]


def check_prompt_pooling(classifier: Any, pooling: str) -> None:
    """Refuse a soft prompt that pools [CLS] if [CLS] cannot be moved to the front, where the classifier reads.

    Raises:
        StudyError: attention depends on the distance between word pieces, not only on a table of positions.
    """
    names = [name for name, _ in encoder_of(classifier).named_parameters()]
    distances = position_table(classifier) is None or any(re.search(r"relative|distance|\brel_", one) for one in names)
    if pooling == "cls" and distances:
        raise StudyError(
            "pooling 'cls' of a soft prompt puts [CLS] before the virtual tokens, and attention in "
            f"'{classifier.config.model_type}' depends on how far word pieces are apart: set pooling=first there."
        )


def positions_of(model: Any) -> int:
    """Return how many word pieces and virtual tokens an encoder, or the encoder within a model, can read."""
    table = position_table(model)
    return int(plain_model(model).config.max_position_embeddings) if table is None else len(table)


def check_length(model: Any, longest: int, virtual: int = 0) -> None:
    """Refuse more word pieces than an encoder, or the encoder within a model, has positions.

    Raises:
        StudyError: they are too many.
    """
    most = positions_of(model)
    if longest + virtual > most:
        soft = f" and {virtual} virtual tokens" if virtual else ""
        raise StudyError(
            f"This encoder has {most} positions, and a post has {longest} word pieces{soft}: "
            f"set model.max_length={most - virtual}."
        )


def read_config(folder: Path) -> dict[str, Any]:
    """Return the settings of a folder's config.json.

    Raises:
        StudyError: it is missing or damaged, or names no family.
    """
    path = existing_file(folder, CONFIG)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read, it is damaged: {error}") from error
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if not isinstance(kind, str):
        raise StudyError(f"{folder}: config.json names no model_type; expected one such as {', '.join(TESTED)}.")
    return settings | {"model_type": kind.removesuffix(MEAN)}


def classifier_of(settings: dict[str, Any], folder: Path) -> Callable[[], Any]:
    """Return the function that makes transformers' classifier for these settings; code in a model folder is not run.

    Raises:
        StudyError: transformers has none of this ``model_type``.
    """
    from transformers import CONFIG_MAPPING, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    kind = settings["model_type"]
    if kind not in CONFIG_MAPPING or CONFIG_MAPPING[kind] not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise StudyError(
            f"{folder}: config.json says model_type '{kind}', of which transformers has no text classifier; "
            f"take an encoder such as {', '.join(TESTED)}."
        )
    config, classifiers = CONFIG_MAPPING[kind], cast(Any, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING)
    return lambda: classifiers[config](config(**settings))


def read_weights(folder: Path) -> Weights:
    """Return copies in fp32 of the tensors of ``model.safetensors``.

    Raises:
        StudyError: the file is missing or damaged.
    """
    path = existing_file(folder, WEIGHTS)

    def read(name: str) -> torch.Tensor:  # opened for each anew: all that was read of an open file stays in memory
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name).to(torch.float32, copy=True)

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
        return {name: read(name) for name in names}
    except Exception as error:  # safetensors has an error of its own for each way to be damaged
        raise StudyError(f"{path} cannot be read, it is truncated or damaged: {error}") from error


def blank(make: Callable[[], Any], folder: Path) -> Any:
    """Return the model of ``make`` without weights: none are drawn, and no memory is used.

    Raises:
        StudyError: the configuration makes no model.
    """
    try:
        with torch.device("meta"):
            return make()
    except Exception as error:  # each family checks its settings in its own way
        raise StudyError(f"{folder}: {CONFIG} describes no model: {error}") from error


def fill(model: Any, weights: Weights, folder: Path, optional: str = " ") -> Any:
    """Give a blank model its weights, and return it in evaluation mode.

    Weights whose names begin with ``optional`` may be missing, and stay blank.

    Raises:
        StudyError: weights are missing, too many or of other shapes, or not finite.
    """
    expected, found = ({name: one.shape for name, one in those.items()} for those in (model.state_dict(), weights))
    wrong = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    if wrong := sorted(name for name in wrong if name in found or not name.startswith(optional)):
        raise StudyError(f"{folder}: {CONFIG} and {WEIGHTS} disagree at {len(wrong)} weights: {wrong[:3]}.")
    for name, tensor in weights.items():
        if not torch.isfinite(torch.stack(tensor.aminmax())).all():  # torch.isfinite of all takes as much memory again
            raise StudyError(f"{folder}: the weights '{name}' are not finite: damaged, or the training diverged.")
    model.load_state_dict(weights, assign=True, strict=False)
    if buffers := [name for name, buffer in model.named_buffers() if buffer.is_meta]:  # in no file
        for name in buffers:
            module, _, attribute = name.rpartition(".")
            empty = torch.empty_like(model.get_buffer(name), device="cpu")
            setattr(model.get_submodule(module), attribute, nn.Buffer(empty, persistent=False))
        for tensor in model.state_dict(keep_vars=True).values():
            tensor._is_hf_initialized = True  # so that the buffers alone are
        model.initialize_weights()
    return model.eval()


def load_tokenizer(checkpoint: str) -> "PreTrainedTokenizerFast":
    """Load the checkpoint's tokenizer and check its vocabulary.

    ``tokenizer.json`` is read unchanged. Without it the tokenizer is built from the vocabulary, as in its family.

    Raises:
        StudyError: its files are missing or of a kind that is not read, or it does not know ordinary words.
    """
    folder = checkpoint_folder(checkpoint)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise StudyError(f"{folder}: no tokenizer here, expected {' or '.join(TOKENIZERS[:2])}.")
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    settings = {} if checkpoint == EMBEDDED else read_config(folder)
    kind: Any = PreTrainedTokenizerFast if (folder / TOKENIZERS[0]).is_file() else AutoTokenizer
    try:
        tokenizer: Any = kind.from_pretrained(folder, split_special_tokens=True, local_files_only=True)
        inner = tokenizer.backend_tokenizer
    except Exception as error:  # a package that is not installed, a damaged file, or a tokenizer without a fast form
        raise StudyError(
            f"{folder}: the tokenizer cannot be read, it is damaged or of another kind: {str(error).splitlines()[0]}\n"
            "  Expected tokenizer.json. If the tokenizer's own package (such as sentencepiece) is installed, "
            "transformers can write it:\n  AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        ) from error
    inner.no_padding()
    inner.no_truncation()
    check_vocabulary(tokenizer, folder)
    specials = [token for token, _ in layout(inner)]
    padding = inner.id_to_token(settings.get("pad_token_id") or 0)
    for name, token in {"cls_token": specials[0], "sep_token": specials[-1], "pad_token": padding}.items():
        if getattr(tokenizer, name) is None and token not in TEXTS:
            setattr(tokenizer, name, token)
    tokenizer.model_max_length = min(tokenizer.model_max_length, settings.get("max_position_embeddings", 512))
    with_types = settings.get("type_vocab_size", 0) > 1 and any(kind for _, kind in layout(inner, pair=True))
    tokenizer.model_input_names = ["input_ids", *(["token_type_ids"] if with_types else []), "attention_mask"]
    return tokenizer


def load_encoder(checkpoint: str) -> "PreTrainedModel":
    """Load the pretrained encoder in evaluation mode, in fp32 on the CPU.

    Raises:
        StudyError: weights are missing, do not match the configuration, or are not finite.
    """
    return _draw(_load_encoder(checkpoint), seed=0)


def _load_encoder(checkpoint: str) -> "PreTrainedModel":
    """Load the encoder in its family's classifier; a pooler that is not in the checkpoint stays blank."""
    if checkpoint == EMBEDDED:
        return load_embedded()
    folder = checkpoint_folder(checkpoint)
    classifier = blank(classifier_of(read_config(folder), folder), folder)
    encoder, prefix = encoder_of(classifier), f"{classifier.base_model_prefix}."
    found, known = read_weights(folder), encoder.state_dict()
    own = {name.removeprefix(prefix): one for name, one in found.items() if name.startswith(prefix)} or found
    own = {name.replace(".gamma", ".weight").replace(".beta", ".bias"): one for name, one in own.items()}
    blocks = [parts_of(classifier).blocks.removeprefix(prefix)]
    weights = {name: one for name, one in own.items() if name in known or below(name, blocks)}
    return fill(encoder, weights, folder, optional=POOLER[0])


def _draw(model: Any, seed: int) -> Any:
    """Draw the weights of the layers that are blank, as transformers draws them, and return the model."""
    draws = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if any(one.is_meta for one in layer.parameters(recurse=False)):
            layer.to_empty(device="cpu", recurse=False)
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=model.config.initializer_range, generator=draws)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            else:
                layer.reset_parameters()
    return model


BERT_NAMES = {
    ".attention.self.query.": ".attention.q_lin.",
    ".attention.self.key.": ".attention.k_lin.",
    ".attention.self.value.": ".attention.v_lin.",
    ".attention.output.dense.": ".attention.out_lin.",
    ".attention.output.LayerNorm.": ".sa_layer_norm.",
    ".intermediate.dense.": ".ffn.lin1.",
    ".output.dense.": ".ffn.lin2.",
    ".output.LayerNorm.": ".output_layer_norm.",
    "encoder.layer.": "transformer.layer.",
}


def load_embedded() -> "PreTrainedModel":
    """Build a DistilBERT that computes the same as the BERT in the package (6 blocks, dim 384, 12 heads).

    DistilBERT has no token types: the vector of type 0 is added to each position embedding.

    Raises:
        StudyError: the weights are not those whose sha256 is known.
    """
    from transformers import DistilBertConfig, DistilBertModel

    folder = embedded_folder()
    check_embedded(folder / WEIGHTS)
    bert = {name.removeprefix("bert."): tensor for name, tensor in read_weights(folder).items()}
    positions = "embeddings.position_embeddings.weight"
    bert[positions] += bert["embeddings.token_type_embeddings.weight"][0]
    left_out = ("position_ids", "token_type_embeddings.weight")
    weights = {
        _renamed(name): tensor
        for name, tensor in bert.items()
        if name.startswith(("embeddings.", "encoder.")) and not name.endswith(left_out)
    }
    config = DistilBertConfig(dim=384, hidden_dim=1536, n_layers=6, n_heads=12, vocab_size=30522)
    return fill(blank(lambda: DistilBertModel(config), folder), weights, folder)


def _renamed(name: str) -> str:
    for theirs, ours in BERT_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def load_classifier(checkpoint: str, labels: list[str], seed: int) -> "PreTrainedModel":
    """Put the head of its family, drawn with ``seed``, on the pretrained encoder (paper, section "Model choice").

    For DistilBERT it is ``pre_classifier`` (dim x dim), ReLU, dropout, ``classifier`` (dim x labels). A head in the
    checkpoint is not used: every technique starts with the same one. A pooler in the encoder is used.

    Raises:
        StudyError: the checkpoint cannot be loaded, or its family's classifier does not read the first vector.
    """
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    encoder = _load_encoder(checkpoint)
    kind: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(encoder.config)]
    config = type(encoder.config)(
        **{
            **encoder.config.to_dict(),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: i for i, label in enumerate(labels)},
            "architectures": [kind.__name__],
            "problem_type": "single_label_classification",
        }
    )
    if getattr(config, "type_vocab_size", 0) > 1:
        tokenizer = load_tokenizer(checkpoint)
        config.sep_token_id = tokenizer.sep_token_id if "token_type_ids" in tokenizer.model_input_names else None
    with torch.device("meta"):
        classifier = kind(config)
    setattr(classifier, classifier.base_model_prefix, encoder)
    _draw(classifier, seed)
    if config.model_type not in TESTED:
        _check_head(classifier.eval())
    return classifier.eval()


def without_encoder(classifier: Any) -> Any:
    """Return a copy of a classifier that reads vectors instead of its encoder's output, as ``inputs_embeds``."""
    alone = copy(classifier)
    encoder = classifier.base_model_prefix
    alone._modules = {
        name: _Given(module) if name == encoder else deepcopy(module) for name, module in classifier._modules.items()
    }
    return alone


class _Given(nn.Module):
    """Replaces an encoder: it returns its input, and the output of the encoder's pooler."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        for name in POOLER:
            setattr(self, name, deepcopy(getattr(encoder, name, None)))

    def forward(self, *_: Any, inputs_embeds: torch.Tensor, **__: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        return read_instead(self, BaseModelOutputWithPooling(), inputs_embeds)


def read_instead(encoder: Any, output: Any, vectors: torch.Tensor) -> Any:
    """Replace an encoder's vectors by others of shape (posts, positions, dim), for its classifier to read."""
    output["last_hidden_state"] = vectors
    if (pooler := getattr(encoder, POOLER[0], None)) is not None:
        activation = getattr(encoder, POOLER[1], None)
        output["pooler_output"] = pooler(vectors) if activation is None else activation(pooler(vectors[:, 0]))
    return output


def unload_encoder(classifier: Any) -> None:
    """Keep only the head of a classifier, to save memory."""
    for name, module in encoder_of(classifier).named_children():
        if name not in POOLER:
            module._apply(lambda weights: weights.to("meta"))


def head_logits(model: Any, vectors: torch.Tensor) -> torch.Tensor:
    """Return the output of the layers above the encoder for its vectors of shape (vectors, dim)."""
    from transformers.modeling_outputs import BaseModelOutput

    encoder, given = encoder_of(model), vectors.unsqueeze(0)
    encoder.forward = lambda *_, **__: BaseModelOutput(last_hidden_state=given)
    try:
        logits: torch.Tensor = model(inputs_embeds=given).logits[0]
    finally:
        del encoder.forward
    return logits


def with_vocabulary(encoder: Any, seed: int) -> Any:
    """Put the layers that guess masked words, drawn with ``seed``, on a copy of an encoder.

    Raises:
        StudyError: its family has none.
    """
    from transformers import MODEL_FOR_MASKED_LM_MAPPING

    if type(encoder.config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise StudyError(f"domain_adaptation: '{encoder.config.model_type}' does not guess masked words.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = cast(Any, MODEL_FOR_MASKED_LM_MAPPING)[type(encoder.config)](encoder.config)
    encoder_of(model).load_state_dict(encoder.state_dict(), strict=False)  # it may have a pooler
    return model


def _check_head(classifier: Any) -> None:
    """Refuse an untested family whose classifier does not read the first vector."""
    ids, same = torch.arange(8)[None], False
    with suppress(Exception), torch.inference_mode(), pooled_first(encoder := encoder_of(classifier)):
        vectors = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, :1]
        expected = classifier(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        same = torch.allclose(without_encoder(classifier)(inputs_embeds=vectors).logits, expected, atol=1e-4)
    if not same:
        raise StudyError(
            f"model_type '{classifier.config.model_type}' is not an encoder whose head reads its first vector; "
            f"take one of {', '.join(TESTED)}."
        )


def set_pooling(classifier: Any, pooling: str) -> None:
    """Let the head read the mean over the word pieces (``mean``), the first vector (``cls``), or its family's default.

    The configuration records it.
    """
    if hasattr(classifier.config, OWN_POOLING):
        own = getattr(classifier.config, OWN_POOLING)
        setattr(classifier.config, OWN_POOLING, own if pooling == "default" else pooling)
    elif pooling != "default":
        setattr(classifier.config, POOLING, pooling)
        apply_pooling(classifier)


def apply_pooling(classifier: Any) -> None:
    """Pool as the configuration says; the default is ``cls``.

    The head reads position 0, so the mean is put there. Padding does not count.
    """
    if pools_mean(classifier):
        classifier.pooled_position = None  # all are read, so none may be left out
        encoder_of(classifier).register_forward_hook(_mean_first, with_kwargs=True)


def pools_mean(classifier: Any) -> bool:
    """Tell whether the head reads the mean, which transformers would not do."""
    return bool(getattr(classifier.config, POOLING, "cls") == "mean")


@contextmanager
def pooled_first(encoder: Any) -> Iterator[None]:
    """Let an encoder return at position 0 what its family's classifier reads, which may be the mean."""
    own = getattr(encoder.config, OWN_POOLING, "cls") == "mean"
    hook = encoder.register_forward_hook(_mean_first, with_kwargs=True) if own else None
    try:
        yield
    finally:
        if hook:
            hook.remove()


def mark_pooling(path: Path) -> None:
    """Let transformers refuse the model of this config.json if the mean is pooled: it would silently read [CLS]."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get(POOLING) == "mean":
        path.write_text(json.dumps(config | {"model_type": config["model_type"] + MEAN}, indent=2), encoding="utf-8")


def _mean_first(encoder: Any, _: Any, given: dict[str, Any], output: Any) -> Any:
    hidden = output["last_hidden_state"]
    mask = given.get("attention_mask")
    weight = torch.ones_like(hidden[..., :1]) if mask is None else mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
    return read_instead(encoder, output, mean)

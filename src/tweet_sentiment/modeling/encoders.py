"""Encoders: which families are known, how one is loaded, and which of its vectors the head reads.

This is the only module (``fast`` aside, which may be deleted) that names classes, modules or weights of a family;
all others ask its :class:`Family`. Importing it does not import transformers.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import nn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoder_files import (
    CONFIG,
    EMBEDDED,
    WEIGHTS,
    check_embedded,
    checkpoint_folder,
    embedded_folder,
    existing_file,
)
from tweet_sentiment.modeling.tokenization import check_vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Weights = dict[str, torch.Tensor]

POOLING = "sentence_pooling"  # in config.json
MEAN = "-with-mean-pooling, which tweet_sentiment.Predictor loads"  # ends its model_type: transformers refuses it
MEAN_NOTE = (
    "The head reads the mean of the word pieces' vectors. transformers' DistilBERT would read [CLS], so transformers "
    "refuses this folder; load it with tweet_sentiment."
)


@dataclass(frozen=True)
class Family:
    """What differs from one family of encoders to another. Names are those of transformers.

    Attributes:
        stem: what the names of its classes begin with.
        encoder: the classifier's module that is the encoder, and the prefix of its weights.
        embeddings, blocks: modules of the encoder: the table of word pieces, and the list of its blocks.
        linear_layers: of a block, those that an adapter can be put on.
        head: the classifier's two linear layers between the encoder's vector and the logits.
        activation: what comes behind the first of them.
        head_dropout: its probability's name in the configuration.
        unused: what the names of weights begin with that are neither the encoder's nor of a classifier.
        vocabulary_logits: what the masked-language model makes of the encoder's vectors.
    """

    stem: str
    encoder: str
    embeddings: str
    blocks: str
    linear_layers: tuple[str, ...]
    head: tuple[str, str]
    activation: Callable[[torch.Tensor], torch.Tensor]
    head_dropout: str
    unused: tuple[str, ...]
    vocabulary_logits: Callable[[Any, torch.Tensor], torch.Tensor]

    def transformers(self, kind: str) -> Any:
        """Return the class of transformers: ``Config``, ``Model``, ``ForSequenceClassification``, …"""
        import transformers

        return getattr(transformers, self.stem + kind)

    def parts(self, name: str) -> list[str]:
        """Return the modules that ``head``, ``encoder`` or ``embeddings`` stands for; of another name, itself."""
        named = {"head": [*self.head], "encoder": [self.encoder], "embeddings": [f"{self.encoder}.{self.embeddings}"]}
        return named.get(name, [name])

    def block_of(self, name: str) -> int | None:
        """Return the number, from 0 at the bottom, of the block that a classifier's parameter belongs to."""
        prefix = f"{self.encoder}.{self.blocks}."
        return int(name.removeprefix(prefix).split(".")[0]) if name.startswith(prefix) else None


FAMILIES = {
    "distilbert": Family(
        stem="DistilBert",
        encoder="distilbert",
        embeddings="embeddings",
        blocks="transformer.layer",
        linear_layers=("q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"),
        head=("pre_classifier", "classifier"),
        activation=nn.functional.relu,
        head_dropout="seq_classif_dropout",
        unused=("vocab_", "qa_outputs."),
        vocabulary_logits=lambda model, vectors: model.vocab_projector(
            model.vocab_layer_norm(model.activation(model.vocab_transform(vectors)))
        ),
    )
}


def family_of(model: Any) -> Family:
    """Return the family of a model of transformers, or of ours."""
    return FAMILIES[model.config.model_type.removesuffix(MEAN)]


def encoder_of(classifier: Any) -> Any:
    """Return the encoder within a classifier."""
    return classifier.get_submodule(family_of(classifier).encoder)


def embeddings_of(classifier: Any) -> Any:
    """Return the module with ``word_embeddings`` and ``position_embeddings`` of a classifier."""
    return encoder_of(classifier).get_submodule(family_of(classifier).embeddings)


def is_of_encoder(name: str) -> bool:
    """Tell whether a classifier's parameter belongs to its encoder."""
    return name.startswith(tuple(f"{family.encoder}." for family in FAMILIES.values()))


def read_config(folder: Path) -> tuple[Family, dict[str, Any]]:
    """Return the family that a folder's config.json names, and its settings.

    Raises:
        StudyError: it is missing or damaged, or names none that is known.
    """
    path = existing_file(folder, CONFIG)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read, it is damaged: {error}") from error
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    family = FAMILIES.get(str(kind).removesuffix(MEAN))
    if family is None:
        raise StudyError(
            f"{folder}: config.json says model_type '{kind}', expected {' or '.join(map(repr, FAMILIES))}."
        )
    return family, settings | {"model_type": str(kind).removesuffix(MEAN)}


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


def assemble(make: Callable[[], Any], weights: Weights, folder: Path) -> Any:
    """Return the model that ``make`` gives, with these weights, in evaluation mode; no random ones are drawn first.

    Raises:
        StudyError: the configuration makes no model, weights are missing, too many or of other shapes, or not finite.
    """
    try:
        with torch.device("meta"):
            model = make()
    except Exception as error:  # each family checks its settings in its own way
        raise StudyError(f"{folder}: {CONFIG} describes no model: {error}") from error
    expected, found = ({name: one.shape for name, one in those.items()} for those in (model.state_dict(), weights))
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise StudyError(f"{folder}: {CONFIG} and {WEIGHTS} disagree at {len(wrong)} weights: {wrong[:3]}.")
    for name, tensor in weights.items():
        if not torch.isfinite(torch.stack(tensor.aminmax())).all():  # torch.isfinite of all takes as much memory again
            raise StudyError(f"{folder}: the weights '{name}' are not finite: damaged, or the training diverged.")
    model.load_state_dict(weights, assign=True)
    for name, buffer in [(name, buffer) for name, buffer in model.named_buffers() if buffer.is_meta]:  # in no file
        module, _, attribute = name.rpartition(".")
        values = torch.zeros(buffer.shape, dtype=buffer.dtype)
        if attribute == "position_ids":
            values += torch.arange(buffer.shape[-1])
        setattr(model.get_submodule(module), attribute, nn.Buffer(values, persistent=False))
    return model.eval()


def load_tokenizer(checkpoint: str) -> "PreTrainedTokenizerFast":
    """Load the checkpoint's tokenizer and check its vocabulary.

    Raises:
        StudyError: its files are missing, or it does not know ordinary words.
    """
    folder = checkpoint_folder(checkpoint)
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.txt").is_file():
        raise StudyError(f"{folder}: no tokenizer here, expected tokenizer.json or vocab.txt.")
    family, settings = (FAMILIES["distilbert"], {}) if checkpoint == EMBEDDED else read_config(folder)
    positions = settings.get("max_position_embeddings", 512)
    try:
        tokenizer = family.transformers("TokenizerFast").from_pretrained(
            folder, model_max_length=positions, split_special_tokens=True, local_files_only=True
        )
    except Exception as error:  # each file of it is read by another library
        reason = str(error).splitlines()[0]
        raise StudyError(f"{folder}: the tokenizer cannot be read, it is damaged: {reason}") from error
    check_vocabulary(tokenizer, folder)
    return tokenizer


def load_encoder(checkpoint: str) -> "PreTrainedModel":
    """Load the pretrained encoder in evaluation mode, in fp32 on the CPU.

    Raises:
        StudyError: weights are missing, do not match the configuration, or are not finite.
    """
    if checkpoint == EMBEDDED:
        return load_embedded()
    folder = checkpoint_folder(checkpoint)
    family, settings = read_config(folder)
    others = (*(f"{layer}." for layer in family.head), *family.unused)
    weights = {
        name.removeprefix(f"{family.encoder}.").replace(".gamma", ".weight").replace(".beta", ".bias"): tensor
        for name, tensor in read_weights(folder).items()
        if not name.startswith(others)
    }
    return assemble(lambda: family.transformers("Model")(family.transformers("Config")(**settings)), weights, folder)


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
    """Build the DistilBERT that computes what the BERT in the package computes (6 blocks, dim 384, 12 heads).

    DistilBERT has no token types: the vector of type 0 is added to each position embedding.

    Raises:
        StudyError: the weights are not those whose sha256 is known.
    """
    family, folder = FAMILIES["distilbert"], embedded_folder()
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
    config = family.transformers("Config")(dim=384, hidden_dim=1536, n_layers=6, n_heads=12, vocab_size=30522)
    return assemble(lambda: family.transformers("Model")(config), weights, folder)


def _renamed(name: str) -> str:
    for theirs, ours in BERT_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def load_classifier(checkpoint: str, labels: list[str], seed: int) -> "PreTrainedModel":
    """Put an untrained head, drawn with ``seed``, on the pretrained encoder (paper, section "Model choice").

    Of DistilBERT it is ``pre_classifier`` (dim x dim), ReLU, dropout, ``classifier`` (dim x labels). A head that the
    checkpoint may bring is not used: every technique starts from the same one.
    """
    encoder = load_encoder(checkpoint)
    family = family_of(encoder)
    kind = family.transformers("ForSequenceClassification")
    config = type(encoder.config)(
        **{
            **encoder.config.to_dict(),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: i for i, label in enumerate(labels)},
            "architectures": [kind.__name__],
            "problem_type": "single_label_classification",
        }
    )
    with torch.device("meta"):
        classifier = kind(config)
    setattr(classifier, family.encoder, encoder)
    draws = torch.Generator().manual_seed(seed)
    for layer in head_layers(classifier):  # as transformers draws them
        layer.to_empty(device="cpu")
        nn.init.normal_(layer.weight, std=config.initializer_range, generator=draws)
        nn.init.zeros_(layer.bias)
    return classifier.eval()


def head_layers(classifier: Any) -> Iterable[nn.Linear]:
    """Return the two linear layers of a classifier's head."""
    return [classifier.get_submodule(name) for name in family_of(classifier).head]


def set_pooling(classifier: Any, pooling: str) -> None:
    """Let the head read the mean over the word pieces (``mean``) or [CLS] (``cls``); the configuration records it."""
    setattr(classifier.config, POOLING, pooling)
    apply_pooling(classifier)


def apply_pooling(classifier: Any) -> None:
    """Pool as the configuration says, ``cls`` if it says nothing.

    The head reads position 0, so the mean is put there. Padding does not count.
    """
    if pools_mean(classifier):
        classifier.pooled_position = None  # all are read, so none may be left out
        encoder_of(classifier).register_forward_hook(_mean_first, with_kwargs=True)


def pools_mean(classifier: Any) -> bool:
    """Tell whether the head reads the mean."""
    return bool(getattr(classifier.config, POOLING, "cls") == "mean")


def mark_pooling(path: Path) -> None:
    """Let transformers refuse the model of this config.json if the mean is pooled: it would silently read [CLS]."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get(POOLING) == "mean":
        path.write_text(json.dumps(config | {"model_type": config["model_type"] + MEAN}, indent=2), encoding="utf-8")


def _mean_first(_: Any, __: Any, given: dict[str, Any], output: Any) -> Any:
    hidden = output["last_hidden_state"]
    mask = given.get("attention_mask")
    weight = torch.ones_like(hidden[..., :1]) if mask is None else mask.unsqueeze(-1).to(hidden.dtype)
    output["last_hidden_state"] = (hidden * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
    return output

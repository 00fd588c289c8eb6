"""Soft prompts by peft; the trainable layers and the pooled position are chosen explicitly."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import (
    PeftModel,
    PromptEncoderConfig,
    PromptEncoderReparameterizationType,
    PromptTuningConfig,
    PromptTuningInit,
    TaskType,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, normalizers
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    TrainerCallback,
)

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import (
    OWN_POOLING,
    below,
    blank,
    check_prompt_pooling,
    encoder_of,
    fill,
    parts_of,
    position_table,
    read_instead,
    set_pooling,
)
from tweet_sentiment.modeling.fitting import Fitted
from tweet_sentiment.modeling.freezing import trainable_weights
from tweet_sentiment.modeling.tokenization import PROBE, TEXTS, VIRTUAL, layout

TRAINABLE = "trainable.safetensors"
POOLED = "[pooled]"  # [CLS] at position 0, before the virtual tokens


def add_soft_prompt(
    classifier: PreTrainedModel, tokenizer: PreTrainedTokenizerFast | None, prompt: Any, seed: int
) -> PeftModel:
    """Put trainable virtual tokens before the word pieces, and make the named layers of the head trainable.

    In P-tuning (X. Liu et al., "GPT understands, too", 2021) a network computes their vectors and is trained in their
    place; ``fold`` keeps only the vectors. ``tokenizer`` cuts the text that they start as. peft keeps both layers of
    DistilBERT's head trainable, since it matches "classifier" as a suffix; here ``prompt.trainable_head`` alone
    decides. Source: the paper, section "Prompt tuning";
    https://huggingface.co/docs/peft/package_reference/prompt_tuning
    """
    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if prompt.peft_type == "P_TUNING":
            config: Any = PromptEncoderConfig(
                **_dimensions(classifier, prompt),
                encoder_reparameterization_type=PromptEncoderReparameterizationType(
                    prompt.encoder_reparameterization_type
                ),
                encoder_hidden_size=prompt.encoder_hidden_size,
            )
        else:
            if tokenizer is not None:
                tokenizer.save_pretrained(folder)
            config = PromptTuningConfig(
                **_dimensions(classifier, prompt),
                prompt_tuning_init=PromptTuningInit(prompt.prompt_tuning_init),
                prompt_tuning_init_text=prompt.prompt_tuning_init_text if prompt.prompt_tuning_init == "TEXT" else None,
                tokenizer_name_or_path=folder,
            )
        model = get_peft_model(classifier, config)
    config.tokenizer_name_or_path, config.base_model_name_or_path = "", ""  # a name would be looked up on the hub
    choose_trainable(model, prompt.trainable_head)
    pool(model, prompt.pooling)
    return model


def _dimensions(classifier: Any, prompt: Any) -> dict[str, Any]:
    config = classifier.config
    check_prompt_pooling(classifier, prompt.pooling)
    set_pooling(classifier, "cls" if hasattr(config, OWN_POOLING) else "default")  # the head reads position 0
    return {
        "task_type": TaskType.SEQ_CLS,
        "num_virtual_tokens": prompt.num_virtual_tokens,
        "num_transformer_submodules": 1,
        "num_attention_heads": config.num_attention_heads,
        "num_layers": config.num_hidden_layers,
        "token_dim": classifier.get_input_embeddings().embedding_dim,
    }


class KeepTrainable(TrainerCallback):
    """Saves all trainable weights in each checkpoint, and loads them from the one that is resumed, or is best.

    peft's own checkpoints have only the virtual tokens' vectors, from which the network cannot be restored.
    """

    def on_save(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if args.should_save:
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            save_file(trainable_weights(model), folder / TRAINABLE)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step:
            _take_back(model, Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if args.load_best_model_at_end and state.best_model_checkpoint:
            _take_back(model, Path(state.best_model_checkpoint))


def _take_back(model: Any, checkpoint: Path) -> None:
    model.load_state_dict(load_file(checkpoint / TRAINABLE), strict=False)


def choose_trainable(model: PeftModel, trainable_head: list[Any]) -> None:
    """Make the soft prompt and the named layers of the head trainable; ``head`` is the whole head.

    Raises:
        StudyError: a name matches no parameter.
    """
    parts, names = parts_of(model), {name: _plain_name(name) for name, _ in model.named_parameters()}
    chosen = [part for name in trainable_head for part in parts.named(name)]
    if unknown := [part for part in chosen if not any(below(name, [part]) for name in names.values())]:
        raise StudyError(f"trainable_head: the model has no parameter '{unknown[0]}'; its head is {[*parts.head]}.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("prompt_encoder.") or below(names[name], chosen)


def _plain_name(name: str) -> str:
    """Return a parameter's name without peft, or "" for the copy that peft keeps."""
    name = name.removeprefix("base_model.").replace(".modules_to_save.default.", ".")
    return "" if ".original_module." in name else name


def pool(model: Any, pooling: str) -> None:
    """With ``cls`` remove the virtual tokens' outputs, so that the head reads [CLS] at position 0."""
    model.tweet_sentiment_pooling = pooling
    virtual = model.peft_config["default"].num_virtual_tokens
    model.pooled_position = virtual if pooling == "cls" else 0
    if pooling == "cls":
        encoder_of(model.get_base_model()).register_forward_hook(partial(_behind_the_prompt, virtual))


def _behind_the_prompt(virtual: int, encoder: Any, _: Any, output: Any) -> Any:
    return read_instead(encoder, output, output["last_hidden_state"][:, virtual:])


def describe(model: PeftModel) -> str:
    """Say in one line what is trainable, how much of it, and which position is pooled."""
    trainable = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    parts = {"soft prompt": sum(n for name, n in trainable.items() if name.startswith("prompt_encoder."))}
    for layer in parts_of(model).head:
        parts[layer] = sum(n for name, n in trainable.items() if below(_plain_name(name), [layer]))
    counts = ", ".join(f"{part} {count:,}" for part, count in parts.items() if count)
    pooled = "[CLS]" if model.tweet_sentiment_pooling == "cls" else "the first virtual token"
    return f"Trainable: {counts} parameters; pooled: {pooled}."


def fold(
    model: PeftModel, tokenizer: PreTrainedTokenizerFast, hard_prompt: str = ""
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return a plain classifier and a tokenizer that together give the soft-prompted model's logits.

    The virtual tokens become words of the vocabulary whose embeddings are those vectors, and the tokenizer puts them,
    with the pieces of the hard prompt, before each text: so transformers alone can use the model. With ``pooling: cls``
    [CLS] goes to position 0, where the head reads; a token that moves takes along the difference of the two positions'
    embeddings, so that what enters the first block is the same, in another order. ``model`` is not changed.
    """
    inner: Any = model.get_base_model()
    config, weights = deepcopy(inner.config), inner.state_dict()
    weights = {_plain_name(name): tensor.detach().cpu().clone() for name, tensor in weights.items()}
    weights.pop("", None)
    classifier: Any = fill(blank(lambda: type(inner)(config), Path()), weights, Path())
    first = model.tweet_sentiment_pooling == "first"
    table: Any = classifier.get_input_embeddings()
    with torch.no_grad():
        words, positions = table.weight, position_table(classifier)
        vectors = model.get_prompt(1)[0].float().cpu()
        count = len(vectors)
        if not first and positions is not None:
            pooled = words[tokenizer.cls_token_id] + positions[count] - positions[0]
            vectors = torch.cat([vectors + positions[:count] - positions[1 : count + 1], pooled[None]])
        names = [*(f"{VIRTUAL}{i}]" for i in range(count)), *([] if first else [POOLED])]
        folded = _with_prompt(tokenizer, names, hard_prompt)
        ids = [int(folded.vocab[name]) for name in names]
        weight = torch.zeros(max(len(words), *(i + 1 for i in ids)), words.shape[1])
        weight[: len(words)], weight[ids] = words, vectors
    classifier.set_input_embeddings(nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=table.padding_idx))
    classifier.config.vocab_size = len(weight)
    return classifier.eval(), folded


def _with_prompt(tokenizer: PreTrainedTokenizerFast, names: list[str], hard_prompt: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer that puts the virtual tokens of these names, and the hard prompt, before each text."""
    inner = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    inner.no_padding()
    inner.no_truncation()
    inner.encode_special_tokens = True
    hard = inner.encode(hard_prompt, add_special_tokens=False)
    _keep_the_space(inner, hard_prompt)
    inner.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    ids, pooled = [inner.token_to_id(name) for name in names], names[-1] == POOLED
    virtual = len(names) - pooled

    def template(text: str, parts: list[tuple[str, int]]) -> str:
        """Put the virtual tokens first, with [CLS] before them if it is pooled, and the hard prompt before the text."""
        parts = [(POOLED, 0), ("virtual", 0), *parts[1:]] if pooled else [("virtual", 0), *parts]
        at = [part for part, _ in parts].index(text)
        return " ".join(
            f"{part}:{kind}" for part, kind in [*parts[:at], *([("hard", parts[at][1])] * bool(hard.ids)), *parts[at:]]
        )

    single, pair = layout(inner), layout(inner, pair=True)
    specials = {part for part, _ in (*single, *pair)} - {*TEXTS}
    inner.post_processor = TemplateProcessing(
        single=template(TEXTS[0], single),
        pair=template(TEXTS[1], pair),
        special_tokens=[
            {"id": "virtual", "ids": ids[:virtual], "tokens": names[:virtual]},
            {"id": "hard", "ids": hard.ids, "tokens": hard.tokens},
            *([(POOLED, ids[-1])] if pooled else []),
            *((token, inner.token_to_id(token)) for token in specials),
        ],
    )
    kinds = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_input_names=list(tokenizer.model_input_names),
        model_max_length=tokenizer.model_max_length,
        split_special_tokens=True,
        **{kind: getattr(tokenizer, kind) for kind in kinds},
    )


def _keep_the_space(tokenizer: Tokenizer, hard_prompt: str) -> None:
    """Let a tokenizer for which a space is part of the next word see the space after the hard prompt."""
    apart, joined = (tokenizer.encode(text, add_special_tokens=False).ids for text in (PROBE, f"{hard_prompt} {PROBE}"))
    if hard_prompt and joined[-len(apart) :] != apart:
        prepend = normalizers.Prepend(" ")
        tokenizer.normalizer = normalizers.Sequence([prepend, *filter(None, [tokenizer.normalizer])])


def folded(fitted: Fitted, hard_prompt: str = "") -> Fitted:
    """Return the fitted model as a plain classifier; see ``fold``."""
    classifier, tokenizer = fold(fitted.classifier, fitted.tokenizer, hard_prompt)
    return replace(fitted, classifier=classifier, tokenizer=tokenizer)

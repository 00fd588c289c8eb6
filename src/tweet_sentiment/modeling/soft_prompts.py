"""Soft prompts by peft: what is trainable and what is pooled is chosen here, not left to suffixes and positions."""

from dataclasses import replace
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
from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tweet_sentiment.modeling.encoders import embeddings_of, encoder_of, family_of
from tweet_sentiment.modeling.fitting import Fitted
from tweet_sentiment.modeling.tokenization import VIRTUAL

TRAINABLE = "trainable.safetensors"
POOLED = "[pooled]"  # [CLS] at position 0, before the virtual tokens


def add_soft_prompt(
    classifier: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompt: Any,
    seed: int,
) -> PeftModel:
    """Put virtual tokens before the word pieces; they are trainable, with those layers of the head that are named.

    Dimensions come from the classifier's configuration. peft keeps both layers of the head trainable, since it
    matches "classifier" as a suffix; here ``prompt.trainable_head`` alone decides. Source: the paper, section
    "Prompt tuning"; https://huggingface.co/docs/peft/package_reference/prompt_tuning
    """
    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer.save_pretrained(folder)
        model = get_peft_model(
            classifier,
            PromptTuningConfig(
                **_dimensions(classifier.config, prompt),
                prompt_tuning_init=PromptTuningInit(prompt.prompt_tuning_init),
                prompt_tuning_init_text=prompt.prompt_tuning_init_text if prompt.prompt_tuning_init == "TEXT" else None,
                tokenizer_name_or_path=folder,
            ),
        )
    adapter: Any = model.peft_config["default"]
    adapter.tokenizer_name_or_path, adapter.base_model_name_or_path = "", ""  # a name would be looked up on the hub
    choose_trainable(model, prompt.trainable_head)
    pool(model, prompt.pooling)
    return model


def add_prompt_encoder(classifier: PreTrainedModel, prompt: Any, seed: int) -> PeftModel:
    """Put virtual tokens before the word pieces; their network is trainable, with the named layers of the head.

    What :func:`fold` makes of it holds the vectors and not the network.
    Source: X. Liu et al., "GPT understands, too", 2021.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(
            classifier,
            PromptEncoderConfig(
                **_dimensions(classifier.config, prompt),
                encoder_reparameterization_type=PromptEncoderReparameterizationType(
                    prompt.encoder_reparameterization_type
                ),
                encoder_hidden_size=prompt.encoder_hidden_size,
            ),
        )
    model.peft_config["default"].base_model_name_or_path = ""  # a name would be looked up on the hub
    choose_trainable(model, prompt.trainable_head)
    pool(model, prompt.pooling)
    return model


def _dimensions(config: Any, prompt: Any) -> dict[str, Any]:
    """Return what peft must know of the classifier, and how many virtual tokens there are."""
    return {
        "task_type": TaskType.SEQ_CLS,
        "num_virtual_tokens": prompt.num_virtual_tokens,
        "num_transformer_submodules": 1,
        "num_attention_heads": config.num_attention_heads,
        "num_layers": config.num_hidden_layers,
        "token_dim": config.hidden_size,
    }


class KeepTrainable(TrainerCallback):
    """Puts all trainable weights into each checkpoint, and takes them back from the one that is resumed, or is best.

    peft's own checkpoints hold the virtual tokens' vectors only, from which the network cannot be had back.
    """

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        save_file(_trainable(model), Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / TRAINABLE)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        if state.global_step:
            _take_back(model, Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        if args.load_best_model_at_end and state.best_model_checkpoint:
            _take_back(model, Path(state.best_model_checkpoint))


def _trainable(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad}


def _take_back(model: Any, checkpoint: Path) -> None:
    model.load_state_dict(load_file(checkpoint / TRAINABLE), strict=False)


def choose_trainable(model: PeftModel, trainable_head: list[Any]) -> None:
    """Make the soft prompt trainable, and of the head the named layers."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = _is_trainable(name, trainable_head)


def _is_trainable(name: str, trainable_head: list[Any]) -> bool:
    return name.startswith("prompt_encoder.") or any(f".{layer}.modules_to_save." in name for layer in trainable_head)


def pool(model: Any, pooling: str) -> None:
    """With ``cls`` hide the virtual tokens' outputs, so that the head reads [CLS] where it reads position 0."""
    model.tweet_sentiment_pooling = pooling
    virtual = model.peft_config["default"].num_virtual_tokens
    model.pooled_position = virtual if pooling == "cls" else 0

    def behind_the_prompt(_: Any, __: Any, output: Any) -> Any:
        output["last_hidden_state"] = output["last_hidden_state"][:, virtual:]
        return output

    if pooling == "cls":
        encoder_of(model.get_base_model()).register_forward_hook(behind_the_prompt)


def describe(model: PeftModel) -> str:
    """Say in one line what is trainable, how much of it, and which position is pooled."""
    trainable = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    parts = {"soft prompt": sum(n for name, n in trainable.items() if name.startswith("prompt_encoder."))}
    for layer in family_of(model).head:
        parts[layer] = sum(n for name, n in trainable.items() if f".{layer}." in name)
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
    classifier: Any = type(inner)(inner.config)
    classifier.load_state_dict(_without_wrappers(inner.state_dict()))
    first = model.tweet_sentiment_pooling == "first"
    embeddings = embeddings_of(classifier)
    with torch.no_grad():
        words, positions = embeddings.word_embeddings.weight, embeddings.position_embeddings.weight
        vectors = model.get_prompt(1)[0].float().cpu()
        count = len(vectors)
        if not first:
            pooled = words[tokenizer.cls_token_id] + positions[count] - positions[0]
            vectors = torch.cat([vectors + positions[:count] - positions[1 : count + 1], pooled[None]])
        names = [*(f"{VIRTUAL}{i}]" for i in range(count)), *([] if first else [POOLED])]
        folded = _with_prompt(tokenizer, names, hard_prompt)
        ids = [int(folded.vocab[name]) for name in names]
        weight = torch.zeros(max(len(words), *(i + 1 for i in ids)), words.shape[1])
        weight[: len(words)], weight[ids] = words, vectors
    embeddings.word_embeddings = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=0)
    classifier.config.vocab_size = len(weight)
    return classifier.eval(), folded


def _with_prompt(tokenizer: PreTrainedTokenizerFast, names: list[str], hard_prompt: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer that puts the virtual tokens of these names, and the hard prompt, before each text."""
    inner = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    inner.no_padding()
    inner.no_truncation()
    inner.encode_special_tokens = True
    hard = inner.encode(hard_prompt, add_special_tokens=False)
    inner.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    ids, cls, sep = [inner.token_to_id(name) for name in names], str(tokenizer.cls_token), str(tokenizer.sep_token)
    pooled = names[-1] == POOLED
    virtual = len(names) - pooled
    start = f"{POOLED} virtual" if pooled else f"virtual {cls}"
    before = "hard " if hard.ids else ""
    inner.post_processor = TemplateProcessing(
        single=f"{start} {before}$A {sep}",
        pair=f"{start} $A {sep} {before}$B {sep}",
        special_tokens=[
            {"id": "virtual", "ids": ids[:virtual], "tokens": names[:virtual]},
            {"id": "hard", "ids": hard.ids, "tokens": hard.tokens},
            *([(POOLED, ids[-1])] if pooled else [(cls, tokenizer.cls_token_id)]),
            (sep, tokenizer.sep_token_id),
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


def _without_wrappers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kept = {name: tensor for name, tensor in state.items() if ".original_module." not in name}
    return {name.replace(".modules_to_save.default.", "."): tensor for name, tensor in kept.items()}


def folded(fitted: Fitted, hard_prompt: str = "") -> Fitted:
    """Return the fitted model as a plain classifier; see :func:`fold`."""
    classifier, tokenizer = fold(fitted.classifier, fitted.tokenizer, hard_prompt)
    return replace(fitted, classifier=classifier, tokenizer=tokenizer)

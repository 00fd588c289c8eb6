"""Soft prompts by peft: what learns and what is pooled are chosen here, not left to suffixes and positions."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import PeftModel, PromptTuningConfig, PromptTuningInit, TaskType, get_peft_model
from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast

from tweet_sentiment.modeling.prompt_files import BASE, RECORD, base_hash, check_base, read_record
from tweet_sentiment.parameters import PromptTuningParameters

HEAD = ("pre_classifier", "classifier")


def add_soft_prompt(
    classifier: DistilBertForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    prompt: PromptTuningParameters,
    seed: int,
) -> PeftModel:
    """Put virtual tokens before the word pieces; they learn, with those layers of the head that are named.

    Dimensions come from the classifier's configuration. peft keeps both layers of the head trainable, since it
    matches "classifier" as a suffix; here ``prompt.trainable_head`` alone decides. Source: the paper, section
    "Prompt tuning"; https://huggingface.co/docs/peft/package_reference/prompt_tuning
    """
    config = classifier.config
    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer.save_pretrained(folder)
        model = get_peft_model(
            classifier,
            PromptTuningConfig(
                task_type=TaskType.SEQ_CLS,
                num_virtual_tokens=prompt.num_virtual_tokens,
                num_transformer_submodules=1,
                num_attention_heads=config.num_attention_heads,
                num_layers=config.num_hidden_layers,
                token_dim=config.hidden_size,
                prompt_tuning_init=PromptTuningInit(prompt.prompt_tuning_init),
                prompt_tuning_init_text=prompt.prompt_tuning_init_text if prompt.prompt_tuning_init == "TEXT" else None,
                tokenizer_name_or_path=folder,
            ),
        )
    adapter: Any = model.peft_config["default"]
    adapter.tokenizer_name_or_path, adapter.base_model_name_or_path = BASE, ""  # a name would be looked up on the hub
    choose_learning(model, prompt.trainable_head)
    pool(model, prompt.pooling)
    return model


def choose_learning(model: PeftModel, trainable_head: list[Any]) -> None:
    """Let the soft prompt learn, and of the head the named layers."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = _learns(name, trainable_head)


def _learns(name: str, trainable_head: list[Any]) -> bool:
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
        model.get_base_model().distilbert.register_forward_hook(behind_the_prompt)


def describe(model: PeftModel) -> str:
    """Say in one line what learns, how much of it, and which position is pooled."""
    learning = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    parts = {"soft prompt": sum(n for name, n in learning.items() if name.startswith("prompt_encoder."))}
    for layer in HEAD:
        parts[layer] = sum(n for name, n in learning.items() if f".{layer}." in name)
    learns = ", ".join(f"{part} {count:,}" for part, count in parts.items() if count)
    pooled = "[CLS]" if model.tweet_sentiment_pooling == "cls" else "the first virtual token"
    return f"Learning: {learns} parameters; pooled: {pooled}."


def save_prompted(model: PeftModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the adapter, the tokenizer, and under ``base/`` the classifier that the adapter belongs to.

    Two lines load it: ``base = AutoModelForSequenceClassification.from_pretrained(folder / "base")`` and
    ``PeftModel.from_pretrained(base, folder)``. They pool position 0; a model with ``pooling: cls`` needs
    :func:`load_prompted`.
    """
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    inner: Any = model.get_base_model()
    base = DistilBertForSequenceClassification(inner.config)
    base.load_state_dict(_without_wrappers(inner.state_dict()))
    base.save_pretrained(folder / BASE)
    tokenizer.save_pretrained(folder)
    record = {"pooling": model.tweet_sentiment_pooling, "base_sha256": base_hash(folder)}
    (folder / RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")


def _without_wrappers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kept = {name: tensor for name, tensor in state.items() if ".original_module." not in name}
    return {name.replace(".modules_to_save.default.", "."): tensor for name, tensor in kept.items()}


def load_prompted(folder: Path) -> PeftModel:
    """Load what :func:`save_prompted` wrote, pooling included, on the CPU in evaluation mode.

    Raises:
        StudyError: a file is missing, or the base is not the one the adapter was trained on.
    """
    base = DistilBertForSequenceClassification.from_pretrained(check_base(folder), local_files_only=True)
    model = PeftModel.from_pretrained(base, folder)
    pool(model, read_record(folder)["pooling"])
    return model.eval()

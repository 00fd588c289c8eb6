"""LoRA and IA3 by peft: little is learnt beside frozen weights, and merged into them when it is."""

from typing import Any

import torch
from peft import IA3Config, LoraConfig, PeftConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel

from tweet_sentiment.modeling.encoders import family_of
from tweet_sentiment.parameters import LoraParameters


def add_adapter(classifier: PreTrainedModel, lora: LoraParameters, seed: int) -> PeftModel:
    """Freeze the encoder and put LoRA or IA3 on its linear layers; both layers of the head learn whole.

    At the start the model's logits are the classifier's. Source: E. Hu et al., "LoRA", 2021; H. Liu et al., "Few-shot
    parameter-efficient fine-tuning is better and cheaper than in-context learning", 2022.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(classifier, _config(lora, family_of(classifier).head))
    model.peft_config["default"].base_model_name_or_path = ""  # a name would be looked up on the hub
    return model


def _config(lora: LoraParameters, head: tuple[str, str]) -> PeftConfig:
    shared: dict[str, Any] = {
        "task_type": TaskType.SEQ_CLS,
        "modules_to_save": list(head),
    }
    if lora.peft_type == "IA3":
        return IA3Config(
            target_modules=list(lora.ia3_target_modules),
            feedforward_modules=list(lora.ia3_feedforward_modules),
            **shared,
        )
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=list(lora.target_modules),
        **shared,
    )


def merge(adapted: Any) -> PreTrainedModel:
    """Return a plain classifier that gives the adapted one's logits; ``adapted`` is used up."""
    return adapted.merge_and_unload()

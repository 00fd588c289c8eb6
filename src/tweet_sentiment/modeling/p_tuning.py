"""P-tuning by peft: a soft prompt whose vectors come out of a small network while it learns."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, PromptEncoderConfig, PromptEncoderReparameterizationType, TaskType, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tweet_sentiment.modeling.prompts import choose_learning, pool
from tweet_sentiment.parameters import PTuningParameters

LEARNT = "learnt.safetensors"


def add_prompt_encoder(classifier: PreTrainedModel, prompt: PTuningParameters, seed: int) -> PeftModel:
    """Put virtual tokens before the word pieces; the network behind them learns, with the named layers of the head.

    What :func:`tweet_sentiment.modeling.prompts.fold` makes of it holds the vectors and not the network.
    Source: X. Liu et al., "GPT understands, too", 2021.
    """
    config = classifier.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(
            classifier,
            PromptEncoderConfig(
                task_type=TaskType.SEQ_CLS,
                num_virtual_tokens=prompt.num_virtual_tokens,
                num_transformer_submodules=1,
                num_attention_heads=config.num_attention_heads,
                num_layers=config.num_hidden_layers,
                token_dim=config.hidden_size,
                encoder_reparameterization_type=PromptEncoderReparameterizationType(
                    prompt.encoder_reparameterization_type
                ),
                encoder_hidden_size=prompt.encoder_hidden_size,
            ),
        )
    model.peft_config["default"].base_model_name_or_path = ""  # a name would be looked up on the hub
    choose_learning(model, prompt.trainable_head)
    pool(model, prompt.pooling)
    return model


class KeepLearnt(TrainerCallback):
    """Puts all that learns into each checkpoint, and takes it back from the one that is gone on from, or is best.

    peft's own checkpoints hold the virtual tokens' vectors only, from which the network cannot be had back.
    """

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        save_file(_learnt(model), Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / LEARNT)

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


def _learnt(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad}


def _take_back(model: Any, checkpoint: Path) -> None:
    model.load_state_dict(load_file(checkpoint / LEARNT), strict=False)

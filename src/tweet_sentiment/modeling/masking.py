"""Masked-language training of the encoder on posts without labels (domain-adaptive pre-training)."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainingArguments,
)

from tweet_sentiment.modeling.callbacks import ShowProgress, StopIfNotFinite, TrainingStopped
from tweet_sentiment.modeling.checkpoints import SealCheckpoints, checkpoints_folder, newest_valid
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import encoder_of, family_of
from tweet_sentiment.modeling.speed import fast_forward
from tweet_sentiment.parameters import DomainAdaptationParameters, TrainingParameters

logger = logging.getLogger(__name__)

NOT_MASKED = -100  # the label that a collator of transformers gives to what need not be guessed


def adapt_encoder(
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    training: Dataset,
    measured: Dataset,
    adaptation: DomainAdaptationParameters,
    settings: TrainingParameters,
    *,
    seed: int,
    device: Device,
    working_folder: Path,
    fingerprint: dict[str, Any],
) -> tuple[PreTrainedModel, pd.DataFrame]:
    """Let the encoder guess masked word pieces; return it, and the curves: step, epoch, loss, eval_loss.

    Both datasets have ``input_ids`` and ``attention_mask``. ``encoder`` is changed in place. The layers that guess are
    new, and thrown away. The same call after a kill goes on from the last whole checkpoint.
    Source: S. Gururangan et al., "Don't stop pretraining", 2020.

    Raises:
        StudyError: the loss is no longer finite.
    """
    model: Any = _with_guesser(encoder, seed)
    model.pooled_position = None  # all are read, so none may be left out
    conditions = {"given": fingerprint, "adaptation": adaptation.model_dump(), "seed": seed, "device": device.name}
    folder = checkpoints_folder(working_folder, conditions | {"precision": device.precision, "rows": len(training)})
    trainer = _MaskedTrainer(
        model=model,
        args=_arguments(folder, adaptation, settings, seed, device, adaptation.hyperparameters.steps(len(training))),
        train_dataset=training.select_columns(["input_ids", "attention_mask"]),
        eval_dataset=measured.select_columns(["input_ids", "attention_mask"]),
        data_collator=DataCollatorForLanguageModeling(
            tokenizer, mlm_probability=adaptation.mlm_probability, pad_to_multiple_of=8
        ),
        callbacks=[SealCheckpoints(), StopIfNotFinite(), ShowProgress()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    start = newest_valid(folder)
    try:
        with fast_forward(model):
            trainer.train(resume_from_checkpoint=str(start) if start else None)
    except TrainingStopped as end:
        shutil.rmtree(folder)
        raise end.reason from None
    curves = pd.DataFrame(trainer.state.log_history).reindex(columns=["step", "epoch", "loss", "eval_loss"])
    shutil.rmtree(folder)
    return encoder_of(model).cpu().eval(), curves.dropna(subset=["loss", "eval_loss"], how="all")


def _with_guesser(encoder: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Put on the encoder what guesses word pieces; its last layer is the table of embeddings itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = family_of(encoder).transformers("ForMaskedLM")(encoder.config)
    encoder_of(model).load_state_dict(encoder.state_dict())
    return model


def _arguments(
    folder: Path,
    adaptation: DomainAdaptationParameters,
    settings: TrainingParameters,
    seed: int,
    device: Device,
    steps: int,
) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        **adaptation.hyperparameters.model_dump() | {"warmup_steps": adaptation.hyperparameters.warm_up(steps)},
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=settings.save_total_limit,
        prediction_loss_only=True,
        train_sampling_strategy="group_by_length",
        seed=seed,
        fp16=device.precision == "fp16",
        bf16=device.precision == "bf16",
        use_cpu=device.name == "cpu",
        dataloader_pin_memory=device.name != "cpu",
        report_to="none",
        disable_tqdm=True,
    )


class _MaskedTrainer(Trainer):
    """Guesses at the masked places alone: the vocabulary is by far the widest layer."""

    def __init__(self, *, args: TrainingArguments, **rest: Any) -> None:
        args._n_gpu = min(1, args.n_gpu)  # as in training.py
        super().__init__(args=args, **rest)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any
    ) -> Any:
        masked = inputs["labels"] != NOT_MASKED
        with self.accelerator.autocast():  # which the Trainer puts around the model as a whole alone
            encoded = encoder_of(model)(inputs["input_ids"], attention_mask=inputs["attention_mask"])
            logits = family_of(model).vocabulary_logits(model, encoded.last_hidden_state[masked])
        logits, words = logits.float(), inputs["labels"][masked]
        total = torch.nn.functional.cross_entropy(logits, words, reduction="sum")
        loss = total / max(1, len(words))  # in a few short posts nothing may be masked
        return (loss, {}) if return_outputs else loss

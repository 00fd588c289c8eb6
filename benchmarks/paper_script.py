"""The paper's script, written plainly from its text: what the benchmarks measure this project against.

Sections "Data collection", "Layer unfreezing" and "Prompt tuning". The posts are padded to 128 word pieces, and the
frozen encoder runs at every step. Not the paper's: the encoder is handed in, and names that transformers 5 has dropped
are replaced; ``fp16=True`` is said where there is a CUDA device, elsewhere the Trainer would compute in fp32 all the
same. Nothing else of this project is used here, and nothing is made faster.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import PromptTuningConfig, TaskType, get_peft_model
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from transformers import DistilBertForSequenceClassification, EvalPrediction, Trainer, TrainingArguments

PROMPT = "Sentiment classification of this message:"  # the paper's best of three
UNFROZEN = ["classifier.bias", "classifier.weight", "pre_classifier.bias", "pre_classifier.weight"]
BEST_PARAMS: dict[str, Any] = {
    "num_train_epochs": 8,
    "per_device_train_batch_size": 16,
    "learning_rate": 0.0006672367170464204,
    "warmup_steps": 393,
    "weight_decay": 6.290644294586145e-06,
}


def tokenize_data(tokenizer: Any, posts: pd.DataFrame, prompt: str | None = None) -> Dataset:
    """Turn the columns ``post`` and ``label`` (a number) into a dataset, each post padded to 128 word pieces."""

    def add_prompt(examples: dict[str, Any]) -> dict[str, Any]:
        examples["post"] = [f"{prompt}{post}" for post in examples["post"]]
        return examples

    def tokenize(examples: dict[str, Any]) -> Any:
        return tokenizer(examples["post"], padding="max_length", truncation=True, max_length=128)

    dataset = Dataset.from_pandas(posts[["post", "label"]], preserve_index=False)
    if prompt:
        dataset = dataset.map(add_prompt, batched=True)
    dataset = dataset.map(tokenize, batched=True)
    dataset.set_format(type="torch", columns=["input_ids", "attention_mask", "label"])
    return dataset


def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Return accuracy and the weighted scores."""
    labels, predicted = prediction.label_ids, np.argmax(prediction.predictions, axis=-1)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="weighted", zero_division=0)
    return {"accuracy": accuracy_score(labels, predicted), "f1": f1, "precision": precision, "recall": recall}


def unfreeze_head(model: DistilBertForSequenceClassification) -> DistilBertForSequenceClassification:
    """Freeze the encoder; ``pre_classifier`` and ``classifier`` learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in UNFROZEN
    return model


def add_prompt_tuning(model: DistilBertForSequenceClassification, tokenizer: Any, folder: Path) -> Any:
    """Put 15 virtual tokens before the posts, as peft does it; ``folder`` is where it reads the tokenizer from."""
    tokenizer.save_pretrained(folder)
    config = PromptTuningConfig(
        peft_type="PROMPT_TUNING",
        task_type=TaskType.SEQ_CLS,
        num_virtual_tokens=15,
        num_transformer_submodules=1,
        num_attention_heads=model.config.num_attention_heads,
        num_layers=model.config.num_hidden_layers,
        token_dim=model.config.dim,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text="Predict if sentiment of this review is positive, negative, or neutral.",
        tokenizer_name_or_path=str(folder),
    )
    return get_peft_model(model, config)


def training_arguments(folder: Path, **values: Any) -> TrainingArguments:
    """Return the paper's arguments; those that are not given are the library's defaults, as in the paper."""
    return TrainingArguments(
        output_dir=str(folder),
        logging_steps=400,
        eval_strategy="epoch",
        save_strategy="epoch",
        fp16=torch.cuda.is_available(),
        seed=42,
        **values,
    )


PROMPT_TUNING: dict[str, Any] = {
    "per_device_eval_batch_size": 64,
    "lr_scheduler_type": "linear",
    "load_best_model_at_end": True,
    "metric_for_best_model": "accuracy",
}


def make_trainer(
    model: Any, arguments: TrainingArguments, train_dataset: Dataset | None, val_dataset: Dataset
) -> Trainer:
    """Return the Trainer of every section."""
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=train_dataset,
        eval_dataset=val_dataset,
        compute_metrics=compute_metrics,
    )

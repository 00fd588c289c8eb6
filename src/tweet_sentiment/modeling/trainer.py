"""Hugging Face's Trainer as it is used here: on one device, with a loss and an order of posts of our own."""

from pathlib import Path
from typing import Any

from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast, Trainer, TrainingArguments

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.losses import Loss
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters

LOGS_A_RUN = 10
WORKERS = 2  # processes that collate batches while a GPU computes


def arguments(
    folder: Path,
    hyperparameters: Hyperparameters,
    settings: TrainingParameters,
    load_best_model_at_end: bool,
    padding: str,
    seed: int,
    device: Device,
    steps: int,
) -> TrainingArguments:
    metric = settings.metric_for_best_model
    return TrainingArguments(
        output_dir=str(folder),
        **hyperparameters.model_dump() | {"warmup_steps": hyperparameters.warm_up(steps)},
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=max(1, min(settings.logging_steps, steps // LOGS_A_RUN)),
        logging_nan_inf_filter=False,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=settings.save_total_limit,
        load_best_model_at_end=load_best_model_at_end,
        metric_for_best_model=metric if metric == "eval_loss" else f"eval_{metric}",
        greater_is_better=settings.direction == "maximize",
        train_sampling_strategy="group_by_length" if padding == "longest" else "random",
        seed=seed,
        fp16=device.precision == "fp16",
        bf16=device.precision == "bf16",
        use_cpu=device.name == "cpu",
        dataloader_pin_memory=device.name != "cpu",
        dataloader_num_workers=0 if device.name == "cpu" else WORKERS,
        report_to="none",
        disable_tqdm=True,
    )


def optimizer(arguments: TrainingArguments, groups: list[dict[str, Any]] | None) -> tuple[Any, Any] | None:
    if groups is None:
        return None
    kind, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    return kind, {**settings, "params": groups}


class OneDeviceTrainer(Trainer):
    """The Trainer on one device, with a loss and an order of posts of our own."""

    training_loss: Loss | None = None
    training_sampler: Any = None

    def __init__(self, *, args: TrainingArguments, **rest: Any) -> None:
        args._n_gpu = min(1, args.n_gpu)  # more would be DataParallel and a larger batch, without a word
        super().__init__(args=args, **rest)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any
    ) -> Any:
        if self.training_loss is None or not model.training:
            return super().compute_loss(model, inputs, return_outputs, **rest)
        outputs = model(**{name: tensor for name, tensor in inputs.items() if name != "labels"})
        loss = self.training_loss(outputs.logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.training_sampler is not None:
            return self.training_sampler
        return super()._get_train_sampler(train_dataset)


def collator(tokenizer: PreTrainedTokenizerFast, padding: str, max_length: int) -> DataCollatorWithPadding:
    if padding == "max_length":
        return DataCollatorWithPadding(tokenizer, padding="max_length", max_length=max_length)
    return DataCollatorWithPadding(tokenizer, padding="longest", pad_to_multiple_of=8)

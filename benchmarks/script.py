"""What the paper's script is timed at. Loading and tokenizing are in no time here, nor in ours."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pandas as pd
from transformers import DistilBertForSequenceClassification, DistilBertTokenizerFast

from benchmarks import paper_script as paper
from benchmarks.posts import load_posts
from benchmarks.task import StepClock, Task


def encode(task: Task) -> dict[str, Any]:
    """Time the script's evaluation of all posts, every layer frozen (section "Model choice")."""
    posts = _posts(task)[0]
    model, tokenizer = _model(task)
    model.requires_grad_(False)
    dataset = paper.tokenize_data(tokenizer, posts)
    with TemporaryDirectory() as folder:
        trainer = paper.make_trainer(model, paper.training_arguments(Path(folder)), None, dataset)
        start = perf_counter()
        trainer.evaluate()
        return _rate(len(posts), perf_counter() - start)


def head(task: Task) -> dict[str, Any]:
    """Time steps that train the head, the frozen encoder run at each (sections "Layer unfreezing", "... search")."""
    model, tokenizer = _model(task)
    return _train(task, paper.unfreeze_head(model), tokenizer)


def prompt_tuning(task: Task) -> dict[str, Any]:
    """Time steps that train a soft prompt behind the paper's best hard prompt."""
    model, tokenizer = _model(task)
    with TemporaryDirectory() as folder:
        prompted = paper.add_prompt_tuning(model, tokenizer, Path(folder))
    return _train(task, prompted, tokenizer, paper.PROMPT, **paper.PROMPT_TUNING)


def full_fine_tuning(task: Task) -> dict[str, Any]:
    """Time steps that train every layer; not in the paper, but the same script with nothing frozen."""
    model, tokenizer = _model(task)
    return _train(task, model, tokenizer)


def _train(task: Task, model: Any, tokenizer: Any, prompt: str | None = None, **more: Any) -> dict[str, Any]:
    """Take ``task.steps`` steps: one epoch over as many posts as they need, then the script's evaluation."""
    values = paper.BEST_PARAMS | {"num_train_epochs": 1} | more
    training, validation = _posts(task)
    training = training.head(task.steps * values["per_device_train_batch_size"])
    clock = StepClock(model)
    with TemporaryDirectory() as folder:
        trainer = paper.make_trainer(
            model,
            paper.training_arguments(Path(folder), **values),
            paper.tokenize_data(tokenizer, training, prompt),
            paper.tokenize_data(tokenizer, validation, prompt),
        )
        trainer.train()
    return _rate(len(training), clock.seconds)


def _posts(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    training, validation = load_posts(Path(task.folder), task.rows)
    return training.assign(label=training["target"]), validation.assign(label=validation["target"])


def _model(task: Task) -> tuple[Any, Any]:
    folder = Path(task.folder) / "model"
    model = DistilBertForSequenceClassification.from_pretrained(folder)
    return model, DistilBertTokenizerFast.from_pretrained(folder)


def _rate(rows: int, seconds: float) -> dict[str, Any]:
    return {"rows": rows, "seconds": seconds, "rows_per_second": rows / seconds}

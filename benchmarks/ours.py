"""What this project is timed at: the functions that its nodes call. Loading and tokenizing are in no time here."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from tweet_sentiment.modeling.training import train

from benchmarks.limit import encoder_operations
from benchmarks.posts import load_parameters, load_posts
from benchmarks.task import StepClock, Task
from tweet_sentiment.modeling.devices import Device, choose_device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.fitting import FittingData, fit_classifier
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.modeling.prediction import encode as encode_posts
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.parameters import Hyperparameters, StudyParameters

ALL_LAYERS = ["distilbert", "pre_classifier", "classifier"]
GENTLE = {"learning_rate": 5e-5}  # what all layers bear; the speed is the same


@dataclass(frozen=True)
class Ready:
    """Everything loaded and tokenized, before a clock starts."""

    parameters: StudyParameters
    device: Device
    tokenizer: Any
    classifier: Any
    training: Any
    validation: Any

    @classmethod
    def of(cls, task: Task, prompt: str = "") -> "Ready":
        """Load the encoder and tokenize the task's posts."""
        parameters = load_parameters(Path(task.folder)).model_copy(update={"precision": task.precision})
        checkpoint, labels = parameters.model.checkpoint, parameters.labels
        tokenizer = load_tokenizer(checkpoint)
        tokens = [
            tokenize(posts, tokenizer, labels, parameters.model.max_length, prompt)[0]
            for posts in load_posts(Path(task.folder), task.rows)
        ]
        device = choose_device(parameters.device, parameters.fp16, parameters.precision)
        classifier = load_classifier(checkpoint, labels, parameters.seed)
        return cls(parameters, device, tokenizer, classifier, *tokens)

    def encoded(self) -> FittingData:
        """Encode both sets of posts."""
        features = [
            encode_posts(self.classifier.distilbert, tokens["input_ids"], self.device)
            for tokens in (self.training, self.validation)
        ]
        return FittingData(self.training, self.validation, *features)


def encode(task: Task) -> dict[str, Any]:
    """Time the encoder over all posts; ``operations`` is what that takes at least (see ``limit``)."""
    ready = Ready.of(task)
    input_ids = ready.training["input_ids"]
    start = perf_counter()
    encode_posts(ready.classifier.distilbert, input_ids, ready.device)
    seconds = perf_counter() - start
    lengths = [len(ids) for ids in input_ids]
    operations = encoder_operations(lengths, ready.classifier.config)
    return _rate(len(input_ids), seconds, ready.device) | {"operations": operations, "tokens": sum(lengths)}


def head(task: Task) -> dict[str, Any]:
    """Time the encoding of all posts, and a head trained and evaluated with the paper's values (8 epochs)."""
    ready = Ready.of(task)
    start = perf_counter()
    with TemporaryDirectory() as folder:
        fit_classifier(
            ready.classifier,
            ready.tokenizer,
            ready.encoded(),
            ready.parameters.prompt_tuning.hyperparameters,
            ready.parameters,
            device=ready.device,
            working_folder=Path(folder),
            fingerprint={},
        )
    epochs = ready.parameters.prompt_tuning.hyperparameters.num_train_epochs
    return _rate(len(ready.training) * epochs, perf_counter() - start, ready.device) | {"epochs": epochs}


def search(task: Task) -> dict[str, Any]:
    """Time the encoding of all posts and the search over the paper's space; ``epochs`` are those the trials ran."""
    from tweet_sentiment.pipelines.hyperparameter_search import study  # noqa: F401  (loaded before the clock starts)
    from tweet_sentiment.pipelines.hyperparameter_search.nodes import search as search_node

    ready = Ready.of(task)
    parameters, device, rows = ready.parameters, ready.device, len(ready.training)
    start = perf_counter()
    data = ready.encoded()
    del ready  # in a run the encoder is gone by now: the search reads the features from disk
    with TemporaryDirectory() as folder:
        _, trials = search_node(
            data.training_tokens,
            data.test_tokens,
            data.training_features,
            data.test_features,
            {},
            Path(folder),
            parameters,
        )
    seconds, epochs = perf_counter() - start, int(trials["epochs"].sum())
    counts = {"trials": len(trials), "pruned": int((trials["state"] == "PRUNED").sum()), "epochs": epochs}
    return _rate(rows * epochs, seconds, device) | counts


def prompt_tuning(task: Task) -> dict[str, Any]:
    """Time one epoch of a soft prompt over all posts, behind the paper's best hard prompt."""
    from tweet_sentiment.modeling.prompts import add_soft_prompt

    settings = load_parameters(Path(task.folder)).prompt_tuning
    ready = Ready.of(task, settings.hard_prompts[-1])
    model = add_soft_prompt(ready.classifier, ready.tokenizer, settings, ready.parameters.seed)
    return _train(ready, model, settings.hyperparameters)


def full_fine_tuning(task: Task) -> dict[str, Any]:
    """Time one epoch over all posts, every layer learning."""
    ready = Ready.of(task)
    unfreeze(ready.classifier, ALL_LAYERS)
    return _train(ready, ready.classifier, ready.parameters.prompt_tuning.hyperparameters.model_copy(update=GENTLE))


def _train(ready: Ready, model: Any, hyperparameters: Hyperparameters) -> dict[str, Any]:
    clock = StepClock(model)
    with TemporaryDirectory() as folder:
        train(
            model,
            ready.tokenizer,
            ready.training,
            ready.validation,
            hyperparameters.model_copy(update={"num_train_epochs": 1}),
            ready.parameters.training,
            load_best_model_at_end=False,
            padding=ready.parameters.model.padding,
            max_length=ready.parameters.model.max_length,
            class_weights=None,
            seed=ready.parameters.seed,
            device=ready.device,
            working_folder=Path(folder),
            fingerprint={},
            names=ready.parameters.labels,
        )
    return _rate(len(ready.training), clock.seconds, ready.device)


def _rate(rows: int, seconds: float, device: Device) -> dict[str, Any]:
    figures = {"rows": rows, "seconds": seconds, "rows_per_second": rows / seconds}
    return figures | {"precision": device.precision, "device": device.name}

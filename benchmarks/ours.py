"""What this project is timed at: the functions that its nodes call. Loading and tokenizing are in no time here."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.limit import encoder_operations, training_operations
from benchmarks.machine import device_name
from benchmarks.posts import load_parameters, load_posts
from benchmarks.task import StepClock, Task
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import encoder_of, load_classifier, load_tokenizer
from tweet_sentiment.modeling.fitting import Examples, Setup
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.modeling.prediction import encode as encode_posts
from tweet_sentiment.modeling.series import StoredFit, fit_series
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.modeling.trainer import ignore, train
from tweet_sentiment.parameters import Hyperparameters
from tweet_sentiment.techniques import FEATURES, layer_unfreezing
from tweet_sentiment.techniques.prompt_tuning import fit as fit_prompt

ALL_LAYERS = ["encoder", "head"]
COUNTS: dict[str, Any] = {"texts": "", "files": {}, "training_posts": 0}  # of the rows: nothing here depends on them
PROMPT_EPOCHS = 2
GENTLE = {"learning_rate": 5e-5}  # what all layers bear; the speed is the same


@dataclass(frozen=True)
class Ready:
    """Everything loaded and tokenized, before a clock starts."""

    parameters: Any
    setup: Setup
    tokenizer: Any
    classifier: Any
    training: Any
    validation: Any

    @classmethod
    def of(cls, task: Task, prompt: str = "") -> "Ready":
        """Load the encoder and tokenize the task's posts."""
        parameters = load_parameters(Path(task.folder), precision=task.precision)
        sections = (parameters.study, parameters.model, parameters.training, parameters.compute)
        setup = Setup(*sections, COUNTS, Path(task.folder) / "working")
        checkpoint, labels = parameters.model.checkpoint, parameters.labels
        tokenizer = load_tokenizer(checkpoint)
        tokens = [
            tokenize(posts, tokenizer, labels, parameters.model.max_length, prompt)[0]
            for posts in load_posts(Path(task.folder), task.rows)
        ]
        classifier = load_classifier(checkpoint, labels, parameters.seed)
        return cls(parameters, setup, tokenizer, classifier, *tokens)

    @property
    def device(self) -> Device:
        """Where it is computed."""
        return self.setup.device

    def encoded(self) -> Examples:
        """Encode both sets of posts."""
        features = [
            encode_posts(encoder_of(self.classifier), tokens["input_ids"], self.device)
            for tokens in (self.training, self.validation)
        ]
        return Examples(self.training, self.validation, *features)


def encode(task: Task) -> dict[str, Any]:
    """Time the encoder over all posts; ``operations`` is what that takes at least (see ``limit``)."""
    ready = Ready.of(task)
    input_ids = ready.training["input_ids"]
    start = perf_counter()
    encode_posts(encoder_of(ready.classifier), input_ids, ready.device)
    seconds = perf_counter() - start
    lengths = [len(ids) for ids in input_ids]
    operations = encoder_operations(lengths, ready.classifier.config)
    return _rate(len(input_ids), seconds, ready.device) | {"operations": operations, "tokens": sum(lengths)}


def head(task: Task) -> dict[str, Any]:
    """Time the encoding of all posts, and a head trained and evaluated with the paper's values (8 epochs)."""
    ready = Ready.of(task)
    hyperparameters = ready.parameters.prompt_tuning.hyperparameters
    chosen = ready.parameters.layer_unfreezing.model_copy(update={"hyperparameters": hyperparameters})
    start = perf_counter()
    unfreeze(ready.classifier, chosen.unfreeze)
    layer_unfreezing.fit_head(ready.classifier, ready.encoded(), chosen, ready.setup, ignore)
    epochs = ready.parameters.prompt_tuning.hyperparameters.num_train_epochs
    return _rate(len(ready.training) * epochs, perf_counter() - start, ready.device) | {"epochs": epochs}


def search(task: Task) -> dict[str, Any]:
    """Time the encoding of all posts and the search over the paper's space; ``epochs`` are those the trials ran."""
    from tweet_sentiment.pipelines.search import objective, study  # noqa: F401  (loaded before the clock starts)
    from tweet_sentiment.pipelines.search.nodes import search as search_node

    ready = Ready.of(task)
    parameters, setup, device, rows = ready.parameters, ready.setup, ready.device, len(ready.training)
    start = perf_counter()
    data = ready.encoded()
    del ready  # in a run the encoder is gone by now: the search reads the features from disk
    with TemporaryDirectory() as folder:
        _, trials = search_node(
            "hyperparameter_search",
            parameters.hyperparameter_search,
            layer_unfreezing=parameters.layer_unfreezing,
            **dict(zip(FEATURES, (getattr(data, field.name) for field in fields(data)), strict=True)),
            **{field.name: getattr(setup, field.name) for field in fields(setup)} | {"working_folder": Path(folder)},
        )
    seconds, epochs = perf_counter() - start, int(trials["epochs"].sum())
    counts = {"trials": len(trials), "pruned": int((trials["state"] == "PRUNED").sum()), "epochs": epochs}
    return _rate(rows * epochs, seconds, device) | counts


def prompt_tuning(task: Task) -> dict[str, Any]:
    """Time one epoch of a soft prompt over all posts, behind the paper's best hard prompt."""
    from tweet_sentiment.modeling.soft_prompts import add_soft_prompt

    settings = load_parameters(Path(task.folder)).prompt_tuning
    ready = Ready.of(task, settings.hard_prompts[-1])
    model = add_soft_prompt(ready.classifier, ready.tokenizer, settings, ready.parameters.seed)
    return _train(ready, model, settings.hyperparameters, virtual_tokens=settings.num_virtual_tokens)


def prompts(task: Task) -> dict[str, Any]:
    """Time the pipeline's way with all hard prompts, from posts to stored models, the start of processes included."""
    ready, epochs = Ready.of(task), {"num_train_epochs": PROMPT_EPOCHS}
    settings = ready.parameters.prompt_tuning
    settings = settings.model_copy(update={"hyperparameters": settings.hyperparameters.model_copy(update=epochs)})
    examples = Examples(*load_posts(Path(task.folder), task.rows))
    start = perf_counter()
    with TemporaryDirectory() as folder:
        at_once = "auto" if ready.device.kind == "cpu" else len(settings.hard_prompts)
        training = ready.setup.training.model_copy(update={"at_once": at_once})
        setup = replace(ready.setup, training=training, working_folder=Path(folder))
        fits = {
            prompt: StoredFit("prompt_tuning", fit_prompt, examples, settings.one_prompt(prompt), setup)
            for prompt in settings.hard_prompts
        }
        fit_series(fits)
    rows = len(examples.training) * PROMPT_EPOCHS * len(fits)
    return _rate(rows, perf_counter() - start, ready.device) | {"epochs": PROMPT_EPOCHS * len(fits)}


def full_fine_tuning(task: Task) -> dict[str, Any]:
    """Time one epoch over all posts, every layer learning."""
    ready = Ready.of(task)
    unfreeze(ready.classifier, ALL_LAYERS)
    return _train(ready, ready.classifier, ready.parameters.prompt_tuning.hyperparameters.model_copy(update=GENTLE))


def _train(
    ready: Ready, model: Any, hyperparameters: Hyperparameters, virtual_tokens: int | None = None
) -> dict[str, Any]:
    """Time one epoch; without ``virtual_tokens`` the weights are trained, not a prompt."""
    clock = StepClock(model)
    with TemporaryDirectory() as folder:
        train(
            model,
            ready.training,
            ready.validation,
            hyperparameters.model_copy(update={"num_train_epochs": 1}),
            replace(ready.setup, working_folder=Path(folder)),
            identity=[],
            load_best_model_at_end=False,
        )
    lengths = [len(ids) + (virtual_tokens or 0) for ids in ready.training["input_ids"]]
    operations = training_operations(lengths, ready.classifier.config, weights=virtual_tokens is None)
    return _rate(len(ready.training), clock.seconds, ready.device) | {"operations": operations}


def _rate(rows: int, seconds: float, device: Device) -> dict[str, Any]:
    figures = {"rows": rows, "seconds": seconds, "rows_per_second": rows / seconds}
    return figures | {"precision": device.precision, "device": device.name, "device_name": device_name(device.name)}

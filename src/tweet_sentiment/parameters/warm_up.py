"""Whether each training of a run is longer than its warm-up; asked as soon as the number of posts is known."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters.study import StudyParameters
from tweet_sentiment.parameters.training import Hyperparameters

logger = logging.getLogger(__name__)


def check_warm_up(key: str, hyperparameters: Hyperparameters, posts: int, parameters: StudyParameters) -> None:
    """Refuse hyperparameters whose warm-up is as long as a training on so many posts; ``key`` is where they stand.

    Raises:
        StudyError: the learning rate would never be reached.
    """
    given, steps = hyperparameters, hyperparameters.steps(posts)
    if parameters.training.never_warm(given, steps):
        raise StudyError(
            f"{key}: warmup_steps is {given.warmup_steps}, and the whole training has {steps} steps ({posts:,} posts "
            f"in batches of {given.per_device_train_batch_size}, {given.num_train_epochs} epochs). "
            f"The learning rate of {given.learning_rate:g} would never be reached.\n"
            "  Give fewer, or a share of the steps (warmup_steps=0.1); or more posts, or more epochs."
        )


def check_trainings(techniques: Iterable[str], posts: int, held_out: int, parameters: StudyParameters) -> None:
    """Check all trainings of these techniques on at most ``posts`` posts, ``held_out`` of them of the dev split.

    Raises:
        StudyError: the warm-up of one is as long as it.
    """
    for technique in techniques:
        limit = getattr(getattr(parameters, technique), "row_limit", None) or posts
        if technique in ("hyperparameter_search", "technique_search"):
            _warn_of_short_trials(technique, min(limit, posts - held_out), parameters)
        for key, hyperparameters in _trainings(technique, parameters):
            check_warm_up(key, hyperparameters, min(limit, posts), parameters)


def _trainings(technique: str, parameters: StudyParameters) -> Iterator[tuple[str, Hyperparameters]]:
    """Yield the hyperparameters that a technique trains with, and the key at which they stand."""
    settings: Any = getattr(parameters, technique)
    if technique == "learning_curve":  # at smaller sizes the warm-up is as large a share
        for name in settings.techniques:
            yield f"{name}.hyperparameters", getattr(parameters, name).hyperparameters
    elif technique == "training_ablation":
        plain = getattr(parameters, settings.technique).hyperparameters.model_dump()
        for variant, changes in settings.variants.items():
            varied = Hyperparameters(**plain | changes.get("hyperparameters", {}))
            yield f"training_ablation.variants.{variant}.hyperparameters", varied
    elif hasattr(settings, "hyperparameters") and not getattr(settings, "use_search_result", False):
        yield f"{technique}.hyperparameters", settings.hyperparameters


def _warn_of_short_trials(search: str, posts: int, parameters: StudyParameters) -> None:
    shortest = getattr(parameters, search).space.shortest
    steps = shortest.steps(posts)
    if parameters.training.never_warm(shortest, steps):
        logger.warning(
            "%s.space draws a warm-up of up to %d steps, and its shortest trials have %d (%s posts in batches of %d, "
            "%d epochs): such a trial never reaches its learning rate. Give a lower warmup_steps.high, or a share of "
            "the steps (warmup_steps.low=0.0, warmup_steps.high=0.3).",
            search,
            shortest.warm_up(steps),
            steps,
            f"{posts:,}",
            shortest.per_device_train_batch_size,
            shortest.num_train_epochs,
        )

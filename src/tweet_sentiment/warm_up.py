"""Whether each training of a run is longer than its warm-up; asked as soon as the number of posts is known."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tweet_sentiment.parameters import Hyperparameters, SearchParameters, TrainingParameters

logger = logging.getLogger(__name__)


def check_trainings(techniques: Iterable[str], posts: int, held_out: int, sections: Mapping[str, Any]) -> None:
    """Check all trainings of these techniques on at most ``posts`` posts, ``held_out`` of them in the dev split.

    ``sections`` are the parameters by section.

    Raises:
        StudyError: the warm-up of one is as long as it.
    """
    training: TrainingParameters = sections["training"]
    for technique in techniques:
        section = sections.get(technique)
        limit = getattr(section, "row_limit", None) or posts
        if isinstance(section, SearchParameters):
            _warn_of_short_trials(technique, section, min(limit, posts - held_out), training)
        for key, hyperparameters in _trainings(technique, sections):
            training.check_warm_up(key, hyperparameters, min(limit, posts))


def _trainings(technique: str, sections: Mapping[str, Any]) -> Iterator[tuple[str, Hyperparameters]]:
    """Yield the hyperparameters that a technique trains with, and the key at which they stand."""
    section: Any = sections.get(technique)
    if technique == "learning_curve":  # at smaller sizes the warm-up is as large a share
        for name in section.techniques:
            yield f"{name}.hyperparameters", sections[name].hyperparameters
    elif technique == "training_ablation":
        for variant in section.variants:
            varied = section.varied(sections[section.technique], variant)
            yield f"training_ablation.variants.{variant}.hyperparameters", varied.hyperparameters
    elif hasattr(section, "hyperparameters") and not getattr(section, "use_search_result", False):
        yield f"{technique}.hyperparameters", section.hyperparameters


def _warn_of_short_trials(key: str, search: SearchParameters, posts: int, training: TrainingParameters) -> None:
    shortest = search.space.shortest
    steps = shortest.steps(posts)
    if training.never_warm(shortest, steps):
        logger.warning(
            "%s.space draws a warm-up of up to %d steps, and its shortest trials have %d (%s posts in batches of %d, "
            "%d epochs): such a trial never reaches its learning rate. Give a lower warmup_steps.high, or a share of "
            "the steps (warmup_steps.low=0.0, warmup_steps.high=0.3).",
            key,
            shortest.warm_up(steps),
            steps,
            f"{posts:,}",
            shortest.per_device_train_batch_size,
            shortest.num_train_epochs,
        )

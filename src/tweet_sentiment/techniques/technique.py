"""The interface between a technique and the rest of the project."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tweet_sentiment.parameters import Strict

POSTS = ("training_posts", "test_posts")
FEATURES = ("training_tokens", "test_tokens", "training_features", "test_features")


@dataclass(frozen=True)
class Technique:
    """A way to a classifier.

    Attributes:
        name: in results, pipelines and folders.
        parameters: the model of its section of conf.
        fit: ``fit(examples, parameters, setup, on_epoch=…)``; None if its pipeline does not only train.
        reads: the datasets that ``fit`` trains and evaluates on: posts, or tokens with features.
        extra: other datasets that ``fit`` takes, by their last name.
        in_paper: it belongs to the paper's study.
        section: the key of its section, if that is not its name.
    """

    name: str
    parameters: type[Strict]
    fit: Callable[..., Any] | None = None
    reads: tuple[str, ...] = POSTS
    extra: tuple[str, ...] = ()
    in_paper: bool = False
    section: str = ""

    @property
    def key(self) -> str:
        """The key of its section in conf."""
        return self.section or self.name

    @property
    def classical(self) -> bool:
        """Whether it is one of the classical baselines, which have no encoder."""
        return self.section == "classical"


SETUP = {name: f"params:{name}" for name in ("compute", "model", "study", "training", "working_folder")}
SETUP["row_counts"] = "row_counts"  # the inputs of ``modeling.fitting.Setup``

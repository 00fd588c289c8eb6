"""Parameters of a search over a technique's hyperparameters."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import unquote

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from tweet_sentiment.parameters.shared import NOT_SHOWN, NonNegativeInt, PositiveInt, Strict
from tweet_sentiment.parameters.training import Hyperparameters

_DATABASE = re.compile(r"postgresql://([^\s:/@?#{}]+@)?([\w.-]+|\[[\da-fA-F:]+\])?(:\d+)?/[^\s:/@?#{}]+(\?[^\s#{}]*)?")


def _without_password(url: str) -> str:
    """Refuse what is no database's URL, or holds a password; the message shows neither."""
    plain = unquote(url)
    if ":" in plain.partition("://")[2].rpartition("@")[0] or "password" in plain.lower():
        raise PydanticCustomError(
            NOT_SHOWN, "a URL with a password, which would get into logs: leave it out and set PGPASSWORD, or ~/.pgpass"
        )
    if not _DATABASE.fullmatch(url):
        raise PydanticCustomError(NOT_SHOWN, "expected a database as postgresql://user@host:5432/name")
    return url


class Range(Strict):
    """An interval to draw from, both ends included."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, found {self.low}")
        return self


class IntRange(Range):
    low: int
    high: int


class SearchSpace(Strict):
    """The paper's five hyperparameters; the batch size is one of a list, the warm-up in steps or a share of them."""

    num_train_epochs: IntRange
    per_device_train_batch_size: Annotated[list[PositiveInt], Field(min_length=1)]
    learning_rate: Range
    warmup_steps: IntRange | Range
    weight_decay: Range

    @property
    def shortest(self) -> Hyperparameters:
        """The trial with the fewest steps, and the longest warm-up."""
        return Hyperparameters(
            num_train_epochs=self.num_train_epochs.low,
            per_device_train_batch_size=max(self.per_device_train_batch_size),
            learning_rate=self.learning_rate.high,
            warmup_steps=self.warmup_steps.high,
            weight_decay=self.weight_decay.low,
        )

    @model_validator(mode="after")
    def _legal_ends(self) -> Self:
        for end in ("low", "high"):
            Hyperparameters(
                num_train_epochs=getattr(self.num_train_epochs, end),
                per_device_train_batch_size=self.per_device_train_batch_size[0],
                learning_rate=getattr(self.learning_rate, end),
                warmup_steps=getattr(self.warmup_steps, end),
                weight_decay=getattr(self.weight_decay, end),
            )
        return self


class Pruner(Strict):
    """``optuna.pruners.MedianPruner``; a step is an epoch."""

    n_startup_trials: NonNegativeInt
    n_warmup_steps: NonNegativeInt
    interval_steps: PositiveInt

    @property
    def waits_for(self) -> str:
        """What must have happened before it can stop a trial."""
        return f"{self.n_startup_trials} trials and {self.n_warmup_steps} epochs"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.n_startup_trials and epochs > self.n_warmup_steps + 1


class Hyperband(Strict):
    """``optuna.pruners.HyperbandPruner``; a resource is an epoch, the most of it the space's most epochs."""

    min_resource: PositiveInt
    reduction_factor: Annotated[int, Field(ge=2)]

    @property
    def waits_for(self) -> str:
        """What must have happened before it can stop a trial."""
        return f"{self.min_resource} epochs of several trials"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.reduction_factor and epochs >= self.min_resource * self.reduction_factor


class SearchParameters(Strict):
    """The search: how many trials, over what, pruned how; trials learn what layer unfreezing learns.

    ``attempt``: a finished search is not run again; another number is another search. ``trials_at_once``: so many are
    drawn before any of them is known; with 1 the trials are those of Optuna's own ``optimize`` with
    ``TPESampler(seed)``. ``processes``: so many run side by side; the result does not depend on it. ``auto`` takes a
    processor each where heads learn on features and there is much to do. ``direction``: ``auto`` goes the way in which
    ``training.metric_for_best_model`` gets better; the other way is refused. ``storage``: the URL of a PostgreSQL
    database, without a password; whoever gives the same searches with all others that do. These trials are drawn as
    workers become free, whatever ``trials_at_once`` is.
    """

    n_trials: PositiveInt
    attempt: PositiveInt
    trials_at_once: PositiveInt
    processes: PositiveInt | Literal["auto"]
    direction: Literal["auto", "maximize", "minimize"]
    storage: Annotated[str, AfterValidator(_without_password)] | None
    space: SearchSpace
    pruner: Pruner | Hyperband

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"n_trials", "processes", "direction", "storage"})

    def identity(self) -> dict[str, Any]:
        """Return what the trials of a search depend on: all but their number, who runs them, and the direction.

        The direction is the metric's. The number of trials counts where the last of them are drawn together with fewer
        than the others: with more trials these would have been other ones.
        """
        rest = self.n_trials if self.n_trials % self.trials_at_once else None
        return super().identity() | {"n_trials": rest}

    @property
    def pruner_can_fire(self) -> bool:
        """Whether some trial is long enough for the pruner to stop it."""
        return self.pruner.can_fire(self.n_trials, self.space.num_train_epochs.high)


class TechniqueSearchParameters(SearchParameters):
    """The same search for a technique that trains through the encoder.

    Trials learn from ``row_limit`` posts (null: all). No trial is begun once ``budget_posts`` have been learnt from in
    all of them together, a post counted in each epoch. Prompt tuning is searched behind the last of its hard prompts.
    """

    technique: str
    row_limit: PositiveInt | None
    budget_posts: PositiveInt

    NOT_DECISIVE: ClassVar[frozenset[str]] = SearchParameters.NOT_DECISIVE | {"budget_posts"}

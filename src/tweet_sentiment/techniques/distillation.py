"""Distillation: a student is trained on other models' probabilities, not on labels (Hinton et al., 2015)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Names
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques import full_fine_tuning

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup

SMALLEST = 1e-6  # a probability of 0 has no logarithm


class Parameters(full_fine_tuning.Parameters):
    """A student, trained like full fine-tuning, on the mean probabilities of ``teachers`` for the training posts.

    ``temperature``: 1.0 leaves the probabilities unchanged, higher values make them softer. ``hard_label_weight``: the
    weight of the posts' own labels.
    """

    teachers: Names
    temperature: Annotated[float, Field(ge=1, le=20)]
    hard_label_weight: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _labels_are_soft(self) -> Self:
        if self.label_smoothing_factor:
            raise ValueError("label_smoothing_factor must be 0.0: the labels are soft already")
        return self


def fit(examples: "Examples", distillation: Parameters, setup: "Setup", **more: Any) -> "Fitted":
    """Train every layer of a student on ``soft_labels``: a probability per class for each training post, by its row."""
    soft_labels = more.pop("soft_labels")
    fitted = full_fine_tuning.fit(
        examples,
        distillation,
        setup,
        targets=lambda tokens: with_soft_labels(tokens, soft_labels),
        loss=soft_loss(distillation.temperature),
        identity=soft_labels.to_json(),
        **more,
    )
    fitted.figures["teachers"] = distillation.teachers
    return fitted


def with_soft_labels(tokens: Any, soft_labels: "pd.DataFrame") -> Any:
    """Replace the label by the probabilities (columns row, probability_<label>).

    Raises:
        StudyError: a post has no probabilities: the table is of other data or settings.
    """
    columns = [name for name in soft_labels if str(name).startswith(PROBABILITY)]
    of_row = dict(zip(soft_labels["row"], soft_labels[columns].to_numpy().tolist(), strict=True))
    if lacking := sum(row not in of_row for row in tokens["row"]):
        raise StudyError(
            f"{lacking} of {len(tokens)} training posts have no soft label: the data have been split again since.\n"
            "  Make them again:  kedro run --pipelines=distillation"
        )
    return tokens.remove_columns("label").add_column("label", [of_row[row] for row in tokens["row"]])


def soft_loss(temperature: float) -> "Callable[[Tensor, Tensor], Tensor]":
    """Return the loss: the cross-entropy of the student to the teachers, both at the temperature, times its square.

    A temperature above 1 makes the probabilities more equal, so that the student learns more about the wrong classes.
    """
    return partial(_soft_loss, temperature)


def _soft_loss(temperature: float, logits: "Tensor", probabilities: "Tensor") -> "Tensor":
    from torch.nn.functional import cross_entropy

    teachers = (probabilities.float().clamp_min(SMALLEST).log() / temperature).softmax(-1)
    return cross_entropy(logits.float() / temperature, teachers) * temperature**2


def soft_labels(
    teachers: "Mapping[str, Callable[[], Any]]",
    posts: "pd.DataFrame",
    distillation: Parameters,
    setup: "Setup",
) -> "pd.DataFrame":
    """Return the teachers' mean probabilities of each post: row, id, label, probability_<label>.

    ``teachers`` by name: a function that loads the model. They were trained on these posts, so they are more confident
    about them than about others. The posts' own labels have the weight ``hard_label_weight``.

    Raises:
        StudyError: a teacher has not been trained.
    """
    import pandas as pd

    from tweet_sentiment.modeling.prediction import predictions_table
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    if missing := [name for name in distillation.teachers if name not in teachers]:
        raise StudyError(
            f"distillation.teachers: there are no models of {', '.join(missing)} under {setup.study.protocol}.\n"
            f"  Train first:  kedro run --pipelines={','.join(missing)}"
        )
    said = []
    for name in distillation.teachers:
        teacher = teachers[name]()
        tokens = tokens_as_trained(teacher, posts, setup.model.max_length)
        said.append(predictions_table(teacher, tokens, setup.device, setup.model))
    columns, share = [f"{PROBABILITY}{label}" for label in setup.labels], distillation.hard_label_weight
    mean = sum((one[columns] for one in said[1:]), said[0][columns]) / len(said)
    hard = pd.DataFrame({c: said[0]["label"].eq(c.removeprefix(PROBABILITY)).astype(float) for c in columns})
    return said[0][["row", "id", "label"]].join((1 - share) * mean + share * hard)

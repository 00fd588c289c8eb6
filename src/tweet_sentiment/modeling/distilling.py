"""Learning what other models say of a post, not its label alone."""

from dataclasses import dataclass

import pandas as pd
from datasets import Dataset
from torch import Tensor
from torch.nn.functional import cross_entropy

from tweet_sentiment.errors import StudyError
from tweet_sentiment.scoring.metrics import PROBABILITY

SMALLEST = 1e-6  # a probability of 0 has no logarithm


@dataclass(frozen=True)
class SoftLabels:
    """A probability a class for each training post (columns row, probability_<label>), and a temperature.

    Above 1 the temperature draws both the teachers' and the student's probabilities nearer to each other, so that
    more of what the teachers say of the wrong classes is learnt.
    """

    table: pd.DataFrame
    temperature: float

    def on(self, training: Dataset) -> Dataset:
        """Put the probabilities in the place of the label.

        Raises:
            StudyError: a post has none: the table is of other data or settings.
        """
        columns = [name for name in self.table if str(name).startswith(PROBABILITY)]
        of_row = dict(zip(self.table["row"], self.table[columns].to_numpy().tolist(), strict=True))
        if lacking := sum(row not in of_row for row in training["row"]):
            raise StudyError(
                f"{lacking} of {len(training)} training posts have no soft label: the data were split anew since.\n"
                "  Make them again:  kedro run --pipeline=distillation"
            )
        return training.remove_columns("label").add_column("label", [of_row[row] for row in training["row"]])

    def loss(self, logits: Tensor, probabilities: Tensor) -> Tensor:
        """Return the cross-entropy of the student to the teachers, both at the temperature, times its square.

        Source: G. Hinton et al., "Distilling the knowledge in a neural network", 2015.
        """
        teachers = (probabilities.float().clamp_min(SMALLEST).log() / self.temperature).softmax(-1)
        return cross_entropy(logits.float() / self.temperature, teachers) * self.temperature**2

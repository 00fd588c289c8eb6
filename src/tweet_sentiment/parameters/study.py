"""What every result depends on, and what it is computed on: keys of the top level of conf, brought together."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tweet_sentiment.parameters.shared import Label, Protocol, Seed, Strict, distinct


class Study(Strict):
    """What every result depends on: the classes, the seed and the protocol; Kedro's ``params:study``.

    ``protocol``: ``published``, ``leak_free``, ``grouped`` (a share of the training file, held out by group) or
    ``grouped_<k>_of_<n>`` (fold k of n). ``seed`` draws the data's order, the dev split and the head.
    """

    labels: Annotated[list[Label], Field(min_length=2), AfterValidator(distinct)]
    seed: Seed
    protocol: Protocol

    @model_validator(mode="after")
    def _is_a_fold(self) -> Self:
        if fold := re.fullmatch(r"grouped_(\d+)_of_(\d+)", self.protocol):
            k, n = int(fold[1]), int(fold[2])
            if k > n or n < 2:
                raise ValueError(f"protocol is {self.protocol}: give a fold of 1 to n, and n of 2 or more")
        return self

    @property
    def has_dev_split(self) -> bool:
        """Whether choices are made on other posts than those that are reported."""
        return self.protocol != "published"

    @property
    def chosen_on(self) -> str:
        """On what hyperparameters, prompts and epochs are chosen; ``published`` does it on the reported posts."""
        return "dev split" if self.has_dev_split else "test posts"


class Compute(Strict):
    """The device and the precision; Kedro's ``params:compute``. ``device``: auto, cpu, cuda or cuda:N."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    fp16: bool
    precision: Literal["auto", "fp32", "bf16"]

    @model_validator(mode="after")
    def _available(self) -> Self:
        if self.fp16 and self.precision == "bf16":
            raise ValueError("fp16 is true and precision is bf16: choose one")
        if self.fp16 and self.device == "cpu":
            raise ValueError("fp16 needs a CUDA device, device is cpu: set fp16=false (precision may be bf16)")
        return self

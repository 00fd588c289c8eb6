"""Parameters of the techniques beyond the paper: all of them train through the encoder."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tweet_sentiment.parameters.maps import WithoutNulls
from tweet_sentiment.parameters.shared import NonNegativeInt, PositiveInt, Share, Strict
from tweet_sentiment.parameters.training import Hyperparameters

HeadLayer = Literal["pre_classifier", "classifier"]
LinearLayer = Literal["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"]
Dropout = Annotated[float, Field(ge=0, lt=1)]


def _possible(peft_type: Any) -> Any:
    if peft_type == "PREFIX_TUNING":
        raise ValueError(
            "prefix tuning puts keys and values before those of every layer (past_key_values), and DistilBERT takes "
            "none; take PROMPT_TUNING (pipeline prompt_tuning), P_TUNING (p_tuning), or LORA or IA3 (lora)"
        )
    return peft_type


PossibleOnDistilBert = BeforeValidator(_possible)


def _distinct_names(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands here twice")
    return names


class TuningParameters(Strict):
    """What these techniques share.

    ``checkpoint``: the encoder to start from; null for ``model.checkpoint``. ``row_limit``: train on so many posts;
    null for all. ``load_best_model_at_end`` chooses the epoch on the dev split, which are then not learnt
    from. ``hold_out_dev_split`` keeps them out even where no epoch is chosen, so that techniques can be compared on
    them. ``repeat_seeds``: train again with each further one of ``seeds``.

    What may make training better, all off where plain: ``second_segment`` ``entity`` reads "[CLS] entity [SEP] post
    [SEP]". ``one_wording_per_epoch``: of the wordings of a tweet, one is drawn for each epoch. ``consistency_weight``:
    how much two wordings of a tweet must be predicted alike (0.0: not at all). ``label_smoothing_factor``: how much of
    a label is spread over all. ``early_stopping_patience``: stop after so many epochs without a better one.
    ``average_last_epochs``: the mean of the weights at the end of so many last epochs.
    """

    checkpoint: Annotated[str, Field(min_length=1)] | None
    second_segment: Literal["entity"] | None
    one_wording_per_epoch: bool
    consistency_weight: Annotated[float, Field(ge=0)]
    label_smoothing_factor: Dropout
    early_stopping_patience: PositiveInt | None
    average_last_epochs: PositiveInt | None

    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hold_out_dev_split: bool
    repeat_seeds: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _possible_together(self) -> Self:
        if self.early_stopping_patience and not self.load_best_model_at_end:
            raise ValueError("early_stopping_patience needs load_best_model_at_end: it stops behind the best epoch")
        if self.average_last_epochs and self.load_best_model_at_end:
            raise ValueError("average_last_epochs and load_best_model_at_end: choose one, the mean or the best")
        if (self.average_last_epochs or 0) > self.hyperparameters.num_train_epochs:
            raise ValueError(
                f"average_last_epochs is {self.average_last_epochs}, num_train_epochs only "
                f"{self.hyperparameters.num_train_epochs}"
            )
        if self.consistency_weight and self.hyperparameters.per_device_train_batch_size % 2:
            raise ValueError("consistency_weight needs pairs: give an even per_device_train_batch_size")
        return self


class EncoderTuningParameters(TuningParameters):
    """``pooling``: the head reads [CLS], or the mean over the word pieces."""

    pooling: Literal["cls", "mean"]


class FullFineTuningParameters(EncoderTuningParameters):
    """All layers learn; with ``freeze_embeddings`` all but the embeddings.

    The head learns with ``learning_rate``; each block below with ``layerwise_learning_rate_decay`` times the rate of
    the one above, the embeddings last. 1.0: all alike.
    """

    layerwise_learning_rate_decay: Annotated[float, Field(gt=0, le=1)]
    freeze_embeddings: bool


class LoraParameters(EncoderTuningParameters):
    """Small matrices beside the frozen ones (LORA), or factors on their outputs (IA3); the head learns whole.

    ``target_modules`` are of the encoder's blocks, and by name: peft's ``all-linear`` takes ``pre_classifier`` in, and
    fails there. ``ia3_feedforward_modules`` are those of ``ia3_target_modules`` whose inputs are scaled.
    """

    peft_type: Annotated[Literal["LORA", "IA3"], PossibleOnDistilBert]
    r: PositiveInt
    lora_alpha: PositiveInt
    lora_dropout: Dropout
    target_modules: Annotated[list[LinearLayer], Field(min_length=1)]
    ia3_target_modules: Annotated[list[LinearLayer], Field(min_length=1)]
    ia3_feedforward_modules: list[LinearLayer]


class PTuningParameters(TuningParameters):
    """A soft prompt that a small network computes (peft's P_TUNING); see ``prompt_tuning`` for head and pooling."""

    peft_type: Annotated[Literal["P_TUNING"], PossibleOnDistilBert]
    num_virtual_tokens: PositiveInt
    encoder_reparameterization_type: Literal["MLP", "LSTM"]
    encoder_hidden_size: PositiveInt
    trainable_head: list[HeadLayer]
    pooling: Literal["first", "cls"]


class UnfreezingSweepParameters(Strict):
    """Layer unfreezing with each number of ``top_blocks``; what else learns is ``layer_unfreezing.unfreeze``.

    ``row_limit``: train on so many posts; null for all.
    """

    top_blocks: Annotated[list[NonNegativeInt], Field(min_length=1)]
    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.top_blocks)) < len(self.top_blocks):
            raise ValueError("top_blocks holds a number twice")
        return self

    def one(self) -> dict[str, Any]:
        """Return what one fit of the sweep depends on."""
        return self.model_dump(exclude={"top_blocks"})


class TrainingAblationParameters(Strict):
    """A technique trained once for each of ``variants``: a name, and which of the technique's parameters change.

    The dev split are held out in every one. ``row_limit`` takes the place of the technique's; whole
    tweets are taken, each with its wordings.
    """

    technique: Literal["full_fine_tuning", "lora"]
    row_limit: PositiveInt | None
    variants: Annotated[dict[str, dict[str, Any]], Field(min_length=1), WithoutNulls]

    def applied(self, parameters: Any, changes: dict[str, Any]) -> Any:
        """Return the study's parameters with a variant's changes; hyperparameters may be changed one by one."""
        tuning = getattr(parameters, self.technique)
        plain = tuning.model_dump() | {"row_limit": self.row_limit, "hold_out_dev_split": True}
        chosen = plain["hyperparameters"] | changes.get("hyperparameters", {})
        varied = type(tuning).model_validate(plain | changes | {"hyperparameters": chosen})
        return parameters.model_copy(update={self.technique: varied})


class LearningCurveParameters(Strict):
    """Techniques trained on the first ``sizes`` posts of an order by tweet; a power law through them needs three."""

    techniques: Annotated[
        list[Literal["full_fine_tuning", "lora", "p_tuning", "prompt_tuning"]],
        Field(min_length=1),
        AfterValidator(_distinct_names),
    ]
    sizes: Annotated[list[PositiveInt], Field(min_length=3)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(larger <= smaller for smaller, larger in pairwise(self.sizes)):
            raise ValueError("sizes must ascend")
        return self


class DomainAdaptationParameters(Strict):
    """Masked-language training on the posts, labels aside; ``mlm_probability`` of the word pieces is guessed.

    ``measured_share`` of the texts is not learnt from and makes ``eval_loss``. ``row_limit``: so many texts; null for
    all.
    """

    row_limit: PositiveInt | None
    mlm_probability: Share
    measured_share: Share
    hyperparameters: Hyperparameters


Teacher = Literal["layer_unfreezing", "hyperparameter_search", "prompt_tuning", "full_fine_tuning", "lora", "p_tuning"]
Member = Teacher | Literal["distillation", "nearest_neighbour", "logistic_regression", "linear_svc"]


class EnsembleParameters(Strict):
    """Whose probabilities are averaged."""

    members: Annotated[list[Member], Field(min_length=2), AfterValidator(_distinct_names)]


class DistillationParameters(FullFineTuningParameters):
    """A student, trained as in full fine-tuning, learns the mean of what ``teachers`` say of the training posts.

    ``temperature``: 1.0 takes their probabilities as they are, more makes them softer. ``hard_label_weight``: how much
    of the posts' own labels is mixed in.
    """

    teachers: Annotated[list[Teacher], Field(min_length=1), AfterValidator(_distinct_names)]
    temperature: Annotated[float, Field(ge=1, le=20)]
    hard_label_weight: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _labels_are_soft(self) -> Self:
        if self.consistency_weight or self.label_smoothing_factor:
            raise ValueError("consistency_weight and label_smoothing_factor are of labels; here they are soft: set 0.0")
        return self

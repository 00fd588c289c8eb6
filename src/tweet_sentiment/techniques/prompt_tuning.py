"""Prompt tuning: a hard prompt before the post, a soft prompt before both (paper, section "Prompt tuning")."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tweet_sentiment.parameters import Hyperparameters, PeftType, PositiveInt, Strict, TrainerParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup


class Parameters(Strict):
    """The soft prompt (peft), the hard prompts, the layers trained with the soft prompt, and the pooled position.

    ``trainable_head``: ``head``, or names of its layers. ``pooling`` ``first`` reads position 0, which is then the
    first virtual token; ``cls`` reads [CLS] after the virtual tokens. ``row_limit``: the number of training posts;
    null: all. ``repeat_seeds``: train the chosen prompt again with each other seed of ``seeds``. ``heads_to_compare``:
    the values of ``trainable_head`` that pipeline ``prompt_head_sweep`` compares. ``use_search_result``: train with the
    result of ``hyperparameter_search`` instead of ``hyperparameters``.
    """

    hard_prompts: Annotated[list[str], Field(min_length=1)]
    peft_type: Annotated[Literal["PROMPT_TUNING"], PeftType]
    num_virtual_tokens: PositiveInt
    prompt_tuning_init: Literal["TEXT", "RANDOM"]
    prompt_tuning_init_text: str
    trainable_head: list[str]
    heads_to_compare: Annotated[list[list[str]], Field(min_length=1)]
    pooling: Literal["first", "cls"]
    row_limit: PositiveInt | None
    repeat_seeds: bool
    load_best_model_at_end: bool
    use_search_result: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.hard_prompts)) < len(self.hard_prompts):
            raise ValueError("hard_prompts has a prompt twice")
        if self.prompt_tuning_init == "TEXT" and not self.prompt_tuning_init_text.strip():
            raise ValueError("prompt_tuning_init TEXT needs a prompt_tuning_init_text")
        return self

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"heads_to_compare", "repeat_seeds", "use_search_result"})

    def one_prompt(self, hard_prompt: str) -> "Parameters":
        """Return the parameters of one prompt's training."""
        return self.model_copy(update={"hard_prompts": [hard_prompt]})

    def as_trainer(self) -> TrainerParameters:
        """Return the parameters shared with other techniques that train through the encoder; the others are off."""
        return TrainerParameters(
            checkpoint=None,
            second_segment=None,
            label_smoothing_factor=0.0,
            early_stopping_patience=None,
            row_limit=self.row_limit,
            load_best_model_at_end=self.load_best_model_at_end,
            hold_out_dev_split=True,
            repeat_seeds=False,
            hyperparameters=self.hyperparameters,
        )


def fit(examples: "Examples", prompt_tuning: Parameters, setup: "Setup", **more: Any) -> "Fitted":
    """Train a soft prompt under the last hard prompt, and fold both into a plain model; no prompt is chosen."""
    from tweet_sentiment.modeling.encoders import load_tokenizer
    from tweet_sentiment.modeling.fitting import fit_encoder, new_classifier
    from tweet_sentiment.modeling.soft_prompts import add_soft_prompt, describe, folded

    hard_prompt, trainer = prompt_tuning.hard_prompts[-1], prompt_tuning.as_trainer()
    tokenizer = load_tokenizer(setup.model.checkpoint)
    prompted = add_soft_prompt(new_classifier(trainer, setup), tokenizer, prompt_tuning, setup.study.seed)
    fitted = fit_encoder(
        prompted,
        examples,
        trainer,
        setup.within("checkpoints"),
        hard_prompt=hard_prompt,
        identity=prompt_tuning.one_prompt(hard_prompt).identity(),
        **more,
    )
    fitted.figures.update(hard_prompt=hard_prompt, pooling=prompt_tuning.pooling, trains=describe(prompted))
    return folded(fitted, hard_prompt)

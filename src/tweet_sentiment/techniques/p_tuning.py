"""P-tuning: a soft prompt whose vectors a small network computes during training (Liu et al., 2021)."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from tweet_sentiment.parameters import PeftType, PositiveInt, TrainerParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup


class Parameters(TrainerParameters):
    """The prompt's network (peft's P_TUNING); see ``prompt_tuning`` for head and pooling."""

    peft_type: Annotated[Literal["P_TUNING"], PeftType]
    num_virtual_tokens: PositiveInt
    encoder_reparameterization_type: Literal["MLP", "LSTM"]
    encoder_hidden_size: PositiveInt
    trainable_head: list[str]
    pooling: Literal["first", "cls"]


def fit(examples: "Examples", p_tuning: Parameters, setup: "Setup", **more: Any) -> "Fitted":
    """Put virtual tokens before the word pieces, train their network and the head, and fold them into a plain model."""
    from tweet_sentiment.modeling.fitting import fit_encoder, new_classifier
    from tweet_sentiment.modeling.soft_prompts import KeepTrainable, add_soft_prompt, folded

    prompted = add_soft_prompt(new_classifier(p_tuning, setup), None, p_tuning, setup.study.seed)
    return folded(fit_encoder(prompted, examples, p_tuning, setup, callbacks=[KeepTrainable()], **more))

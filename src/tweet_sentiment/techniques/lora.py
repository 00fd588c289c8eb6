"""LoRA and IA3: small trainable weights beside frozen ones (Hu et al., 2021; Liu et al., 2022)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tweet_sentiment.parameters.shared import PositiveInt
from tweet_sentiment.parameters.training import PeftType, TrainerParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup


class Parameters(TrainerParameters):
    """Small matrices beside the frozen ones (LORA), or factors on their outputs (IA3); the head is trained whole.

    ``target_modules`` are linear layers of the encoder's blocks, by name. ``ia3_feedforward_modules`` are those of
    ``ia3_target_modules`` whose inputs are scaled. ``pooling``: the head reads [CLS], or the mean over the word pieces.
    """

    peft_type: Annotated[Literal["LORA", "IA3"], PeftType]
    r: PositiveInt
    lora_alpha: PositiveInt
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    target_modules: Annotated[list[str], Field(min_length=1)]
    ia3_target_modules: Annotated[list[str], Field(min_length=1)]
    ia3_feedforward_modules: list[str]
    pooling: Literal["cls", "mean"]


def fit(examples: "Examples", lora: Parameters, setup: "Setup", **more: Any) -> "Fitted":
    """Freeze the encoder, add the adapter, train it with the head, and merge it into a plain classifier."""
    from tweet_sentiment.modeling.encoders import set_pooling
    from tweet_sentiment.modeling.fitting import fit_encoder, new_classifier

    classifier = new_classifier(lora, setup)
    set_pooling(classifier, lora.pooling)
    fitted = fit_encoder(add_adapter(classifier, lora, setup.study.seed), examples, lora, setup, **more)
    return replace(fitted, classifier=merge(fitted.classifier))


def add_adapter(classifier: Any, lora: Parameters, seed: int) -> Any:
    """Freeze the encoder and put LoRA or IA3 on its linear layers; at the start the logits are the classifier's."""
    import torch
    from peft import IA3Config, LoraConfig, TaskType, get_peft_model

    from tweet_sentiment.modeling.encoders import family_of

    head = list(family_of(classifier).head)
    if lora.peft_type == "IA3":
        config: Any = IA3Config(
            task_type=TaskType.SEQ_CLS,
            modules_to_save=head,
            target_modules=list(lora.ia3_target_modules),
            feedforward_modules=list(lora.ia3_feedforward_modules),
        )
    else:
        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            modules_to_save=head,
            r=lora.r,
            lora_alpha=lora.lora_alpha,
            lora_dropout=lora.lora_dropout,
            target_modules=list(lora.target_modules),
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(classifier, config)
    model.peft_config["default"].base_model_name_or_path = ""  # a name would be looked up on the hub
    return model


def merge(adapted: Any) -> Any:
    """Return a plain classifier that gives the adapted one's logits; ``adapted`` is used up."""
    return adapted.merge_and_unload()

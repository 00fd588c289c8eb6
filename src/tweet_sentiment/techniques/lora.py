"""LoRA and IA3: small trainable weights beside frozen ones (Hu et al., 2021; Liu et al., 2022)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tweet_sentiment.parameters import PeftType, Pooling, PositiveInt, TrainerParameters

if TYPE_CHECKING:
    from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup


class Parameters(TrainerParameters):
    """Small matrices beside the frozen ones (LORA), or factors on their outputs (IA3); the whole head is trained.

    ``target_modules`` are linear layers of the encoder's blocks, by the ends of their names; ``all-linear``: all.
    ``ia3_feedforward_modules`` are those of ``ia3_target_modules`` whose inputs are scaled; null for both: keys, values
    and the feed-forward's second layer, as in the paper. ``pooling``: the head reads [CLS], the mean over the word
    pieces, or the default of its family.
    """

    peft_type: Annotated[Literal["LORA", "IA3"], PeftType]
    r: PositiveInt
    lora_alpha: PositiveInt
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    target_modules: Literal["all-linear"] | Annotated[list[str], Field(min_length=1)]
    ia3_target_modules: Annotated[list[str], Field(min_length=1)] | None
    ia3_feedforward_modules: list[str] | None
    pooling: Pooling

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.ia3_target_modules is None) != (self.ia3_feedforward_modules is None):
            raise ValueError("ia3_target_modules and ia3_feedforward_modules: name both, or neither (null)")
        return self


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
    from peft.tuners.tuners_utils import BaseTunerLayer

    from tweet_sentiment.modeling.encoders import ia3_layers, linear_layers, parts_of

    head = [*parts_of(classifier).head]
    if lora.peft_type == "IA3":
        targets, feedforward = ia3_layers(classifier)
        config: Any = IA3Config(
            task_type=TaskType.SEQ_CLS,
            modules_to_save=head,
            target_modules=lora.ia3_target_modules or targets,
            feedforward_modules=feedforward if lora.ia3_feedforward_modules is None else lora.ia3_feedforward_modules,
        )
    else:
        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            modules_to_save=head,
            r=lora.r,
            lora_alpha=lora.lora_alpha,
            lora_dropout=lora.lora_dropout,
            target_modules=[*linear_layers(classifier)] if lora.target_modules == "all-linear" else lora.target_modules,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(classifier, config)
    layers: list[Any] = [one for one in model.modules() if isinstance(one, BaseTunerLayer)]
    for layer in layers:
        layer.cast_input_dtype_enabled = False  # to the adapter's fp32: autocast would cast the inputs back
    model.peft_config["default"].base_model_name_or_path = ""  # a name would be looked up on the hub
    return model


def merge(adapted: Any) -> Any:
    """Return a plain classifier with the logits of the adapted one; ``adapted`` cannot be used afterwards."""
    from peft.utils import ModulesToSaveWrapper

    model = adapted.get_base_model()
    for name, module in list(model.named_modules()):
        if isinstance(module, ModulesToSaveWrapper):  # of IA3, peft can unwrap single layers alone
            model.set_submodule(name, module.modules_to_save["default"])
    return adapted.merge_and_unload()

"""The techniques beyond the paper, each as it reads: load, choose what learns, fit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from tweet_sentiment.modeling.adapters import add_adapter, merge
from tweet_sentiment.modeling.distilling import SoftLabels
from tweet_sentiment.modeling.encoders import load_tokenizer, set_pooling
from tweet_sentiment.modeling.fitting import Fitted
from tweet_sentiment.modeling.freezing import layerwise_groups, unfreeze_all
from tweet_sentiment.modeling.p_tuning import KeepLearnt, add_prompt_encoder
from tweet_sentiment.modeling.prompts import add_soft_prompt, fold
from tweet_sentiment.modeling.training import OnEpoch, ignore
from tweet_sentiment.modeling.tuning import TuningData, starting_classifier, tune
from tweet_sentiment.parameters import FullFineTuningParameters, StudyParameters
from tweet_sentiment.provenance import fingerprint

FitTechnique = Callable[[TuningData, StudyParameters, OnEpoch], Fitted]


def fit_full(data: TuningData, parameters: StudyParameters, on_epoch: OnEpoch = ignore) -> Fitted:
    """Let all layers learn, the lower ones at lower rates."""
    return _fit_all(data, parameters.full_fine_tuning, parameters, None, on_epoch)


def _fit_all(
    data: TuningData,
    tuning: FullFineTuningParameters,
    parameters: StudyParameters,
    soft_labels: SoftLabels | None,
    on_epoch: OnEpoch,
) -> Fitted:
    chosen = tuning.hyperparameters
    classifier = starting_classifier(tuning, parameters)
    set_pooling(classifier, tuning.pooling)
    unfreeze_all(classifier, but=["embeddings"] if tuning.freeze_embeddings else [])
    groups = layerwise_groups(
        classifier, chosen.learning_rate, chosen.weight_decay, tuning.layerwise_learning_rate_decay
    )
    return tune(
        classifier, data, tuning, parameters, optimizer_groups=groups, soft_labels=soft_labels, on_epoch=on_epoch
    )


def fit_lora(data: TuningData, parameters: StudyParameters, on_epoch: OnEpoch = ignore) -> Fitted:
    """Let an adapter and the head learn, and merge them into a plain classifier."""
    classifier = starting_classifier(parameters.lora, parameters)
    set_pooling(classifier, parameters.lora.pooling)
    adapted = add_adapter(classifier, parameters.lora, parameters.seed)
    fitted = tune(adapted, data, parameters.lora, parameters, on_epoch=on_epoch)
    return replace(fitted, classifier=merge(fitted.classifier))


def fit_p_tuning(data: TuningData, parameters: StudyParameters, on_epoch: OnEpoch = ignore) -> Fitted:
    """Let a prompt's network learn, and what is named of the head."""
    classifier = starting_classifier(parameters.p_tuning, parameters)
    prompted = add_prompt_encoder(classifier, parameters.p_tuning, parameters.seed)
    fitted = tune(prompted, data, parameters.p_tuning, parameters, callbacks=[KeepLearnt()], on_epoch=on_epoch)
    return _folded(fitted)


def fit_prompt(data: TuningData, parameters: StudyParameters, on_epoch: OnEpoch = ignore) -> Fitted:
    """Let a soft prompt learn behind the last hard prompt, and what is named of the head; no prompt is chosen."""
    prompt = parameters.prompt_tuning
    hard_prompt, tuning = prompt.hard_prompts[-1], prompt.as_tuning()
    parts: dict[str, Any] = {
        name: _behind(hard_prompt, getattr(data, name)) for name in ("training_posts", "test_posts")
    }
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    prompted = add_soft_prompt(starting_classifier(tuning, parameters), tokenizer, prompt, parameters.seed)
    parts["working_folder"] = data.working_folder / f"prompt-{fingerprint(prompt)}"
    fitted = tune(prompted, replace(data, **parts), tuning, parameters, on_epoch=on_epoch)
    fitted.fit.figures["hard_prompt"] = hard_prompt
    return _folded(fitted, hard_prompt)


def _folded(fitted: Fitted, hard_prompt: str = "") -> Fitted:
    classifier, tokenizer = fold(fitted.classifier, fitted.tokenizer, hard_prompt)
    return replace(fitted, classifier=classifier, tokenizer=tokenizer)


def _behind(hard_prompt: str, posts: pd.DataFrame) -> pd.DataFrame:
    return posts.assign(post=hard_prompt + " " + posts["post"])


def fit_student(
    data: TuningData, soft_labels: pd.DataFrame, parameters: StudyParameters, on_epoch: OnEpoch = ignore
) -> Fitted:
    """Let all layers learn what the teachers say."""
    soft = SoftLabels(soft_labels, parameters.distillation.temperature)
    return _fit_all(data, parameters.distillation, parameters, soft, on_epoch)


FITS: dict[str, FitTechnique] = {
    "full_fine_tuning": fit_full,
    "lora": fit_lora,
    "p_tuning": fit_p_tuning,
    "prompt_tuning": fit_prompt,
}

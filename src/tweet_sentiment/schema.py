"""All parameters of ``conf`` and ``--params``: the model of each section, and the checks between sections."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from tweet_sentiment import parameters as conf
from tweet_sentiment.errors import StudyError
from tweet_sentiment.techniques import MEMBERS, TEACHERS, TECHNIQUES, TUNABLE, domain_adaptation

Sections = dict[str, Any]

MODELS: dict[str, Any] = {
    "run": conf.Run,
    "seeds": conf.Seeds,
    **conf.Study.__annotations__,
    **conf.Compute.__annotations__,
    "data": conf.DataParameters,
    "model": conf.ModelParameters,
    "training": conf.TrainingParameters,
    "dev_split": conf.DevSplitParameters,
    "uncertainty": conf.UncertaintyParameters,
    **{technique.key: technique.parameters for technique in TECHNIQUES.values()},
    "domain_adaptation": domain_adaptation.Parameters,
    "unfreezing_sweep": conf.UnfreezingSweepParameters,
    "training_ablation": conf.TrainingAblationParameters,
    "learning_curve": conf.LearningCurveParameters,
    "preprocessing_ablation": conf.PreprocessingAblationParameters,
    "reporting": conf.ReportingParameters,
    "promotion": conf.PromotionParameters,
    "inference": conf.InferenceParameters,
    "tracking": conf.TrackingParameters,
}
Conf: Any = create_model("Conf", __base__=conf.Strict, **{name: (kind, ...) for name, kind in MODELS.items()})  # type: ignore[call-overload]


def validate(raw: Mapping[str, Any]) -> Sections:
    """Return the sections as models, with ``study`` and ``compute``, which group keys of the top level.

    Raises:
        StudyError: a key is missing, unknown or has a wrong value; the message names each such key.
    """
    try:
        typed = Conf.model_validate(raw)
        sections: Sections = {name: getattr(typed, name) for name in MODELS}
        sections["study"] = conf.Study(**{key: sections[key] for key in conf.Study.model_fields})
        sections["compute"] = conf.Compute(**{key: sections[key] for key in conf.Compute.model_fields})
        wrong = _disagreements(sections)
    except ValidationError as error:
        found = [(".".join(map(str, one["loc"])), _reason(dict(one))) for one in error.errors()]
        wrong = [f"{key}: {reason}" if key else reason for key, reason in found]
    if wrong:
        lines = "\n".join(f"  {one}" for one in wrong)
        raise StudyError(
            f"The parameters are not right; nothing was run.\n{lines}\n"
            "Correct them in conf/*/parameters*.yml or in --params."
        )
    return sections


def _reason(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "no such parameter"
    if error["type"] == "missing":
        return "is missing"
    message, found = str(error["msg"]).removeprefix("Value error, "), error["input"]
    return message if isinstance(found, dict) or error["type"] == conf.NOT_SHOWN else f"{message}; found {found!r}"


def _disagreements(of: Sections) -> list[str]:
    study, data, training = of["study"], of["data"], of["training"]
    wrong = []
    if both := set(study.labels) & set(data.drop_labels):
        wrong.append(f"{sorted(both)} are in both labels and data.drop_labels")
    for name in ("prompt_tuning", "p_tuning"):
        longest, virtual = of["model"].max_length, of[name].num_virtual_tokens
        if longest + virtual > conf.MAX_POSITIONS:
            wrong.append(
                f"model.max_length ({longest}) + {name}.num_virtual_tokens ({virtual}) = {longest + virtual}; "
                f"the encoder has {conf.MAX_POSITIONS} positions"
            )
    for name, section in of.items():
        if getattr(section, "second_segment", None) == "entity" and data.columns.entity is None:
            wrong.append(f"{name}: second_segment is entity, but data.columns.entity is null")
        if isinstance(section, conf.SearchParameters) and section.direction not in ("auto", training.direction):
            better = "more" if training.direction == "maximize" else "less"
            wrong.append(
                f"{name}.direction is {section.direction}, but {better} {training.metric_for_best_model} "
                f"(training.metric_for_best_model) is better: set {name}.direction to auto"
            )
    if data.row_limit is not None and data.row_limit < len(study.labels):
        wrong.append(f"data.row_limit ({data.row_limit}) is less than the number of labels ({len(study.labels)})")
    weights = training.class_weights
    if isinstance(weights, dict) and set(weights) != set(study.labels):
        wrong.append(f"training.class_weights names {sorted(weights)}; it must name each of {sorted(study.labels)}")
    return wrong + _unknown_techniques(of) + _wrong_variants(of)


def _unknown_techniques(of: Sections) -> list[str]:
    possible = {
        "technique_search.technique": ([of["technique_search"].technique], TUNABLE),
        "training_ablation.technique": ([of["training_ablation"].technique], ("full_fine_tuning", "lora")),
        "learning_curve.techniques": (of["learning_curve"].techniques, TUNABLE),
        "distillation.teachers": (of["distillation"].teachers, TEACHERS),
        "ensemble.members": (of["ensemble"].members, MEMBERS),
    }
    wrong = ["ensemble.members: give two or more"] if len(of["ensemble"].members) < 2 else []
    for key, (names, known) in possible.items():
        wrong += [f"{key}: expected one of {', '.join(known)}; found {one!r}" for one in names if one not in known]
    return wrong


def _wrong_variants(of: Sections) -> list[str]:
    ablation, wrong = of["training_ablation"], []
    if ablation.technique in TUNABLE:
        for name in ablation.variants:
            try:
                ablation.varied(of[ablation.technique], name)
            except ValidationError as error:
                for one in error.errors():
                    if one["loc"]:  # what does not go with the technique's other values concerns the ablation alone
                        key = ".".join(map(str, one["loc"]))
                        wrong.append(f"training_ablation.variants.{name}: {key} {_reason(dict(one))}")
    return wrong


def plain(sections: Sections) -> dict[str, Any]:
    """Return the sections as conf has them."""
    found = {name: sections[name] for name in MODELS}
    return {name: one.model_dump() if isinstance(one, BaseModel) else one for name, one in found.items()}

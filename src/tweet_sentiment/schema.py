"""All parameters of ``conf`` and ``--params``: the model of each section, and the checks between sections."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
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
        _refuse(_disagreements(sections))
    except ValidationError as error:
        _refuse([f"{key}: {reason}" if key else reason for key, reason in faults(error, raw)])
    return sections


def check_sections(values: Mapping[str, Any]) -> None:
    """Refuse a value in the place of a section.

    Raises:
        StudyError: there is one.
    """
    models = {name for name, kind in MODELS.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}
    wrong = {name: values[name] for name in values if name in models and not isinstance(values[name], dict)}
    _refuse([f"{name}: expected {EXPECTED['model_type']}; found {value!r}" for name, value in wrong.items()])


def _refuse(wrong: list[str]) -> None:
    if wrong:
        lines = "\n".join(f"  {one}" for one in wrong)
        raise StudyError(
            f"The parameters are not right; nothing was run.\n{lines}\n"
            "Correct them in conf/*/parameters*.yml or in --params."
        )


EXPECTED = {  # by the type of pydantic's error; in braces what it says of the limit
    "bool_type": "true or false",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "keys with values",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "too_short": "a list or map with {min_length} or more",
}


def faults(error: ValidationError, raw: Any) -> list[tuple[str, str]]:
    """Return key and reason of each fault that pydantic found in ``raw``.

    Where a value may be of several kinds, pydantic names the faults under each. Only those of the kinds that fit best
    are returned: the faults are inside the value, and they are the fewest.
    """
    by_place: dict[str, dict[str, list[tuple[str, Any]]]] = {}
    for one in error.errors():
        keys, kind, value = list[str](), "", raw
        above: str | None = None
        for part in one["loc"]:
            inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
            if inside or (one["type"] == "missing" and part == one["loc"][-1]):
                keys.append(str(part))
                value = value[part] if inside else None
            elif above is None:  # the name of a kind
                above, kind = ".".join(keys), str(part)
        key = ".".join(keys)
        by_place.setdefault(key if above is None else above, {}).setdefault(kind, []).append((key, one))
    found = []
    for place, kinds in by_place.items():
        ranks = {kind: (place in dict(of_kind), len(of_kind)) for kind, of_kind in kinds.items()}
        by_key: dict[str, list[Any]] = {}
        for key, one in (fault for kind, rank in ranks.items() if rank == min(ranks.values()) for fault in kinds[kind]):
            by_key.setdefault(key, []).append(one)
        found += [(key, _reason(key, errors)) for key, errors in by_key.items()]
    return found


def _reason(key: str, errors: list[Any]) -> str:
    if any(one["type"] == "missing" for one in errors):
        return "is missing"
    if any(one["type"] == "extra_forbidden" for one in errors):
        return "no such parameter" + _did_you_mean(key)
    first, value = errors[0], errors[0]["input"]
    said = _expectation(first)
    if said.startswith("expected "):
        said = "expected " + " or ".join(dict.fromkeys(_expectation(one).removeprefix("expected ") for one in errors))
    hidden = first["type"] == conf.NOT_SHOWN or (isinstance(value, dict) and first["type"] == "value_error")
    return said if hidden else f"{said}; found {value!r}"


def _expectation(error: Any) -> str:
    if error["type"] == "string_pattern_mismatch":
        return f"expected {conf.FORMS[error['ctx']['pattern']]}"
    if expected := EXPECTED.get(error["type"]):
        return f"expected {expected.format(**error.get('ctx', {}))}"
    return str(error["msg"]).removeprefix("Value error, ")


def _did_you_mean(key: str) -> str:
    known, (section, dot, name) = list(dict.fromkeys(_keys(Conf))), key.rpartition(".")
    same = [one for one in known if one.endswith(f".{name}")]
    beside = {one.rpartition(".")[2]: one for one in known if one.rpartition(".")[0] == section}
    inside = [one for one in same if one.startswith(section + dot)]
    near = inside or [beside[one] for one in get_close_matches(name, beside, 2, 0.75)] or same
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def _keys(model: Any, before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{before}{name}"
        for kind in conf.kinds_of(field.annotation):
            if kind is not dict:
                yield from _keys(kind, f"{before}{name}.")


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
        "promotion.technique": (filter(None, [of["promotion"].technique]), tuple(TECHNIQUES)),
        "reporting.paper_accuracy": (of["reporting"].paper_accuracy, tuple(TECHNIQUES)),
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
                for key, reason in faults(error, ablation.variants[name]):
                    if key:  # what does not go with the technique's other values concerns the ablation alone
                        wrong.append(f"training_ablation.variants.{name}: {key} {reason}")
    return wrong


def plain(sections: Sections) -> dict[str, Any]:
    """Return the sections as conf has them."""
    found = {name: sections[name] for name in MODELS}
    return {name: one.model_dump() if isinstance(one, BaseModel) else one for name, one in found.items()}

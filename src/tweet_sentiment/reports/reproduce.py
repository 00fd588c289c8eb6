"""How to make the report again: commands, seed, versions, and the hashes of the files."""

import json
import re
from collections.abc import Iterable, Iterator
from shlex import quote
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import TrainingParameters, kinds_of
from tweet_sentiment.reports.inputs import ReportInputs, Section
from tweet_sentiment.reports.tables import Table, name_of, paragraphs, run_of
from tweet_sentiment.storage import RECORDS as FOLDER
from tweet_sentiment.techniques import LAST, STUDIED, TECHNIQUES

ENVIRONMENTS = ("kaggle", "paper", "test")  # folders in conf that are named like the run that they make


def pipeline_of(technique: str) -> str:
    """Return the pipeline that runs a technique, of this run or of another."""
    name = name_of(technique)
    return TECHNIQUES[name].key if name in TECHNIQUES else name


WHOLE = list(dict.fromkeys(map(pipeline_of, STUDIED)))  # what `kedro run` alone runs
BESIDE = {  # pipelines that make no technique, by a file that they leave
    "preprocessing_ablation": "preprocessing_ablation/variants.csv",
    "learning_curve": "learning_curve/sizes.csv",
    "training_ablation": "training_ablation/trainings.csv",
    "unfreezing_sweep": "unfreezing_sweep/blocks.csv",
    "prompt_head_sweep": "prompt_tuning/heads.csv",
}
RECORDS = {  # of the parameters with which these files were made
    name: f"{folder}/{FOLDER}/{folder}.table_of_{file.removesuffix('.csv')}.json"
    for name, (folder, file) in ((name, file.split("/")) for name, file in BESIDE.items())
}
PARTS = ("training", "dev", "test")
_DIGITS = 16  # of a sha256
NAMED = {"run", "protocol", "reporting.other_runs"}  # the commands say them anyway
NOT_DECISIVE = {f"training.{key}" for key in TrainingParameters.NOT_DECISIVE}
OF_ANY_FILE = ("data.cleaning", "data.row_limit", "data.validation_share")  # not found out of the file itself
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # a text that needs no quotes in a list
YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def reproduction(inputs: ReportInputs) -> Section:
    """Return the last section."""
    metrics = inputs.metrics.values()
    how = {f"encoder {m['encoder']}, device {m['device']}, dtype {m['dtype']}, seed {m['seed']}" for m in metrics}
    tables = [*_data(inputs), *([_versions(inputs)] if metrics else [])]
    return Section("How to reproduce", [*paragraphs("reproduction"), *sorted(how)], tables, commands=commands(inputs))


def commands(inputs: ReportInputs) -> list[str]:
    """Return the commands of each protocol, for the pipelines that were run under it; then the report's.

    Techniques that were trained with other parameters than those of ``conf`` have a command that names them.
    """
    run = inputs.run
    of_project = run == "sample" or run in ENVIRONMENTS
    start = f"kedro run --env={run}" if run in ENVIRONMENTS else "kedro run"
    named = [] if of_project else [f"run={run}", *(f"{key}={value}" for key, value in inputs.named.items())]
    named += _as_given(_changes({"uncertainty": inputs.rules.get("uncertainty", {})}, inputs.configured, inputs.model))
    said = []
    for protocol in dict.fromkeys(inputs.comparison["protocol"]):
        by_parameters: dict[tuple[str, ...], list[str]] = {}
        for (pipeline, other), techniques in _pipelines(inputs, protocol).items():
            given = (f"run={other}",) * bool(other) + _given(inputs, protocol, techniques)
            by_parameters.setdefault(given, []).append(pipeline)
        ordered = sorted(by_parameters.items(), key=lambda item: (bool(item[0]), set(item[1]) <= set(LAST)))
        options = [(one, given) for given, pipelines in ordered for one in _together(pipelines)]
        order = {f" --pipelines={name}": place for place, name in enumerate(LAST, 1)}  # of two, one may use the other
        options.sort(key=lambda option: order.get(option[0], 0))
        for chosen, given in options:
            own = {one.partition("=")[0] for one in given}  # another run's name, for one
            others = [one for one in named if one.partition("=")[0] not in own]
            said.append(f"{start}{chosen} --params={quote(','.join([*others, f'protocol={protocol}', *given]))}")
    runs = sorted(set(map(run_of, inputs.comparison["technique"])) - {""})
    named += [f"reporting.other_runs=[{','.join(runs)}]"] * bool(runs)
    rules = {name: one for name, one in inputs.rules.items() if name != "uncertainty"}
    named += _as_given(
        (key, value) for key, value in _changes(rules, inputs.configured, inputs.model) if key not in NAMED
    )
    return [*said, f"{start} --pipelines=reporting" + (f" --params={quote(','.join(named))}" if named else "")]


def _given(inputs: ReportInputs, protocol: str, names: list[str]) -> tuple[str, ...]:
    """Return the parameters of these techniques and experiments that differ from ``conf``, as key=value.

    Parameters that are detected in the user's file are left out, and hyperparameters that a search has found.
    """
    file = inputs.configured.get("data", {}).get("training_file")
    another_file = inputs.named.get("data.training_file", file) != file
    given: dict[str, Any] = {}
    for name in names:
        record = f"{protocol}/{RECORDS[name]}" if name in RECORDS else ""
        source = inputs.files[record]() if record in inputs.files else {}
        manifest = source or inputs.of("manifest.json").get(f"{protocol}/{name}", {})
        found = f"{manifest.get('searched')}.hyperparameters."
        changed = _changes(manifest.get("parameters", {}), inputs.configured, inputs.model)
        given |= {key: value for key, value in changed if not key.startswith(found)}
    detected = another_file or inputs.configured.get("labels") == "auto"
    return tuple(
        _as_given(
            (key, value)
            for key, value in given.items()
            if key not in {*NAMED, *NOT_DECISIVE, *inputs.named}
            and not (detected and key == "labels")
            and not (another_file and key.startswith("data.") and key not in OF_ANY_FILE)
        )
    )


def _changes(
    values: dict[str, Any], configured: dict[str, Any], model: Any, before: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield what differs from ``conf``, by key; a map whose names the user chooses with all of its names.

    A key that ``conf`` does not have is of another version, and left out. ``model`` is the model of ``conf``.
    """
    for name, value in values.items():
        if name not in configured or value == (now := configured[name]):
            continue
        field = getattr(model, "model_fields", {}).get(name)
        kinds = list(kinds_of(field.annotation)) if field else []
        if isinstance(value, dict) and isinstance(now, dict) and dict not in kinds:
            models = [kind for kind in kinds if kind is not dict]
            yield from _changes(value, now, models[0] if len(models) == 1 else object, f"{before}{name}.")
        else:
            yield from _leaves(f"{before}{name}", value)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a map of maps by its keys: ``--params`` takes no braces within braces."""
    if isinstance(value, dict) and any(isinstance(one, dict) and one for one in value.values()):
        for name, one in value.items():
            yield from _leaves(f"{key}.{name}", one)
    else:
        yield key, value


def _as_given(changes: Iterable[tuple[str, Any]]) -> list[str]:
    """Write parameters as ``--params`` takes them: within braces if a text would be read as something else."""
    said = []
    for key, value in changes:
        section, _, name = key.rpartition(".")
        if section and isinstance(value, str) and not _is_plain(value):
            said.append(f"{section}={_yaml({name: value})}")
        else:
            said.append(f"{key}={value if isinstance(value, str) else _yaml(value)}")
    return said


def _is_plain(text: str) -> bool:
    from omegaconf import OmegaConf
    from yaml import YAMLError

    if re.search(r"[,\[\]{}]", text) or text != text.strip():
        return False
    try:
        return bool(OmegaConf.from_dotlist([f"text={text}"]).text == text)
    except YAMLError:
        return False


def _yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_yaml(name)}: {_yaml(one)}' for name, one in value.items())}}}"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in YAML_WORDS:
        return value
    return str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _pipelines(inputs: ReportInputs, protocol: str) -> dict[tuple[str, str], list[str]]:
    """Return the techniques that were run under a protocol, by pipeline and other run."""
    ran: dict[tuple[str, str], list[str]] = {}
    for name in inputs.comparison["technique"][inputs.comparison["protocol"] == protocol]:
        ran.setdefault((pipeline_of(name), run_of(name)), []).append(name)
    return ran | {(name, ""): [name] for name, file in BESIDE.items() if f"{protocol}/{file}" in inputs.files}


def _together(pipelines: list[str]) -> list[str]:
    """Return the option of each command: none for the whole study, one for the others, one for each of the last."""
    whole = set(WHOLE) <= set(pipelines)
    others = [name for name in pipelines if name not in LAST and not (whole and name in WHOLE)]
    alone = [name for name in LAST if name in pipelines]
    chosen = [f" --pipelines={names}" for names in (",".join(others), *alone) if names]
    return ["", *chosen] if whole else chosen


def _data(inputs: ReportInputs) -> list[Table]:
    accounts = inputs.accounts.items()
    posts = [[name, one["texts"], *(f"{one[f'{part}_posts']:,}" for part in PARTS)] for name, one in accounts]
    files = {
        (part, str(file.get("file", "")), f"{file['rows']:,}", file["sha256"][:_DIGITS], _ids(file)): None
        for _, account in accounts
        for part, file in account["files"].items()
    }
    header = ["protocol", "texts", "training posts", "of them in the dev split", "test posts"]
    return [
        Table("Posts", header, posts),
        Table("Files", ["part", "file", "rows", "sha256, its first digits", "ids"], [list(one) for one in files]),
    ]


def _ids(file: dict[str, Any]) -> str:
    ids = str(file.get("ids", "–")) + (f", grouped by {file['group']}" if file.get("group") is not None else "")
    return f"its ids are {ids}" if ids.startswith("not used") else ids


def _versions(inputs: ReportInputs) -> Table:
    """One row for all results; or one for each set of versions, with the results that were made with it."""
    versions = pd.DataFrame({result: metrics["versions"] for result, metrics in inputs.metrics.items()}).fillna("–").T
    made = versions.rename_axis("results").reset_index().groupby(list(versions), sort=False)["results"].agg(", ".join)
    table = made.reset_index()[["results", *versions]] if len(made) > 1 else versions.head(1)
    return Table("Versions", [str(name) for name in table.columns], table.to_numpy().tolist())

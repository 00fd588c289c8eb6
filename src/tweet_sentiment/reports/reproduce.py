"""How to make the report again: commands, seed, versions, and the hashes of the files."""

from shlex import quote
from typing import Any

import pandas as pd

from tweet_sentiment.reports.inputs import ReportInputs, Section
from tweet_sentiment.reports.tables import Table, paragraphs, run_of
from tweet_sentiment.techniques import LAST, STUDIED, TECHNIQUES

ENVIRONMENTS = ("kaggle", "paper", "test")  # folders in conf that are named like the run that they make


def pipeline_of(technique: str) -> str:
    """Return the pipeline that runs a technique, of this run or of another."""
    name = technique.removesuffix(f" ({run_of(technique)})")
    return TECHNIQUES[name].key if name in TECHNIQUES else name


WHOLE = list(dict.fromkeys(map(pipeline_of, STUDIED)))  # what `kedro run` alone runs
BESIDE = {  # pipelines that make no technique, by a file that they leave
    "preprocessing_ablation": "preprocessing_ablation/variants.csv",
    "learning_curve": "learning_curve/sizes.csv",
    "training_ablation": "training_ablation/trainings.csv",
    "unfreezing_sweep": "unfreezing_sweep/blocks.csv",
    "prompt_head_sweep": "prompt_tuning/heads.csv",
}
PARTS = ("training", "dev", "test")
_DIGITS = 16  # of a sha256
NAMED = ("run", "protocol")  # each command says them anyway
OF_ANY_FILE = ("data.cleaning", "data.row_limit", "data.validation_share")  # not found out of the file itself


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
    said = []
    for protocol in dict.fromkeys(inputs.comparison["protocol"]):
        by_parameters: dict[tuple[str, ...], list[str]] = {}
        for (pipeline, other), techniques in _pipelines(inputs, protocol).items():
            given = (f"run={other}",) * bool(other) + _given(inputs, protocol, techniques)
            by_parameters.setdefault(given, []).append(pipeline)
        ordered = sorted(by_parameters.items(), key=lambda item: (bool(item[0]), set(item[1]) <= set(LAST)))
        options = [(one, given) for given, pipelines in ordered for one in _together(pipelines)]
        options.sort(key=lambda option: option[0].removeprefix(" --pipelines=") in LAST)
        for chosen, given in options:
            own = {one.partition("=")[0] for one in given}  # another run's name, for one
            others = [one for one in named if one.partition("=")[0] not in own]
            said.append(f"{start}{chosen} --params={quote(','.join([*others, f'protocol={protocol}', *given]))}")
    runs = sorted(set(map(run_of, inputs.comparison["technique"])) - {""})
    named += [f"reporting.other_runs=[{','.join(runs)}]"] * bool(runs)
    return [*said, f"{start} --pipelines=reporting" + (f" --params={quote(','.join(named))}" if named else "")]


def _given(inputs: ReportInputs, protocol: str, techniques: list[str]) -> tuple[str, ...]:
    """Return the parameters of the models that differ from ``conf``, as key=value.

    Lists and values with a comma are left out, and so are parameters that are detected in the user's file.
    """
    configured = _flat(inputs.configured)
    file = configured.get("data.training_file")
    another_file = inputs.named.get("data.training_file", file) != file
    given: dict[str, Any] = {}
    for technique in techniques:
        trained = _flat(inputs.of("manifest.json").get(f"{protocol}/{technique}", {}).get("parameters", {}))
        given |= {key: value for key, value in trained.items() if configured.get(key, value) != value}
    return tuple(
        f"{key}={'null' if value is None else str(value).lower() if isinstance(value, bool) else value}"
        for key, value in given.items()
        if key not in {*NAMED, *inputs.named}
        and not (isinstance(value, list) or "," in str(value))
        and not (another_file and key.startswith("data.") and key not in OF_ANY_FILE)
    )


def _flat(tree: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {path: tree}
    return {
        key: leaf for name, below in tree.items() for key, leaf in _flat(below, f"{path}.{name}".strip(".")).items()
    }


def _pipelines(inputs: ReportInputs, protocol: str) -> dict[tuple[str, str], list[str]]:
    """Return the techniques that were run under a protocol, by pipeline and other run."""
    ran: dict[tuple[str, str], list[str]] = {}
    for name in inputs.comparison["technique"][inputs.comparison["protocol"] == protocol]:
        ran.setdefault((pipeline_of(name), run_of(name)), []).append(name)
    return ran | {(name, ""): [] for name, file in BESIDE.items() if f"{protocol}/{file}" in inputs.files}


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

"""How to make the report again: commands, seed, versions, and the hashes of the files."""

from tweet_sentiment.reports.material import Material, Section
from tweet_sentiment.reports.tables import Table

ENVIRONMENTS = ("kaggle", "paper", "test")  # folders in conf that are named like the run that they make
RIVALS = ("majority_class", "nearest_neighbour", "logistic_regression", "linear_svc")  # of one pipeline
WHOLE = ("baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning", "rivals")  # what `kedro run` runs
LAST = ("distillation", "ensemble")  # they take what other pipelines have left, so each has a run of its own


def origin(material: Material) -> Section:
    """Return the last section."""
    metrics = material.metrics.values()
    how = {
        f"encoder {m['encoder']}, device {m['device']}, arithmetic {m['arithmetic']}, seed {m['seed']}" for m in metrics
    }
    tables = [_data(material)]
    if material.metrics:
        tables.append(_versions(material))
    said = [
        "Each command runs what was run under a protocol; the last writes this page from what they leave on disk. "
        "Parameters that differ from the configuration stand in the manifest.json of each model.",
        *sorted(how),
    ]
    return Section("How to reproduce", said, tables, commands=commands(material))


def commands(material: Material) -> list[str]:
    """Return the commands of each protocol, for the pipelines that were run under it; then the report's."""
    run = material.run
    start = "kedro run" if run == "sample" else f"kedro run --env={run}" if run in ENVIRONMENTS else "kedro run"
    of_project = run == "sample" or run in ENVIRONMENTS
    named = [] if of_project else [f"run={run}", *(f"{key}={value}" for key, value in material.named.items())]
    said = []
    for protocol in dict.fromkeys(material.comparison["protocol"]):
        for chosen in _together(_pipelines(material, protocol)):
            said.append(f"{start}{chosen} --params={','.join([*named, f'protocol={protocol}'])}")
    return [*said, " ".join([start, "--pipeline=reporting", *([f"--params={','.join(named)}"] if named else [])])]


def _pipelines(material: Material, protocol: str) -> list[str]:
    """Return the pipelines that made what the report has of a protocol."""
    techniques = material.comparison["technique"][material.comparison["protocol"] == protocol]
    ran = ["rivals" if name in RIVALS else str(name) for name in techniques]
    beside = {
        "preprocessing_ablation": f"{protocol}/preprocessing_ablation" in material.ablations,
        "learning_curve": protocol in material.learning_curves,
        "training_ablation": protocol in material.trainings,
        "unfreezing_sweep": protocol in material.blocks,
        "prompt_head_sweep": protocol in material.heads,
    }
    return list(dict.fromkeys([*ran, *(name for name, is_there in beside.items() if is_there)]))


def _together(pipelines: list[str]) -> list[str]:
    """Return the option of each command: none for the whole study; the others in one; the last each alone."""
    whole = set(WHOLE) <= set(pipelines)
    others = [name for name in pipelines if name not in LAST and not (whole and name in WHOLE)]
    alone = [name for name in LAST if name in pipelines]
    chosen = [f" --pipelines={names}" for names in (",".join(others), *alone) if names]
    return ["", *chosen] if whole else chosen


def _data(material: Material) -> Table:
    rows = []
    for protocol, account in sorted(material.accounts.items()):
        posts = [account[f"{part}_posts"] for part in ("training", "selection", "validation")]
        files = [f"{name}: {file['rows']} rows, sha256 {file['sha256']}" for name, file in account["files"].items()]
        rows.append([protocol, account["texts"], *(f"{n:,}" for n in posts), "; ".join(files)])
    header = ["protocol", "texts", "training posts", "of them to choose on", "validation posts", "files"]
    return Table("Data", header, rows)


def _versions(material: Material) -> Table:
    """One row for all results; or one for each set of versions, with the results that were made with it."""
    names = list(dict.fromkeys(name for metrics in material.metrics.values() for name in metrics["versions"]))
    made: dict[tuple[str, ...], list[str]] = {}
    for result, metrics in material.metrics.items():
        made.setdefault(tuple(metrics["versions"].get(name, "–") for name in names), []).append(result)
    if len(made) == 1:
        return Table("Versions", names, [list(*made)])
    return Table("Versions", ["results", *names], [[", ".join(results), *found] for found, results in made.items()])

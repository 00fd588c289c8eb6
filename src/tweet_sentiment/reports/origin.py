"""How to make the report again: commands, seed, versions, and the hashes of the files."""

from tweet_sentiment.reports.material import Material, Section
from tweet_sentiment.reports.tables import Table

ENVIRONMENTS = ("kaggle", "paper", "test")  # folders in conf that are named like the run that they make


def origin(material: Material) -> Section:
    """Return the last section."""
    metrics = material.metrics.values()
    how = {
        f"encoder {m['encoder']}, device {m['device']}, arithmetic {m['arithmetic']}, seed {m['seed']}" for m in metrics
    }
    tables = [_data(material)]
    if material.metrics:
        versions = next(iter(metrics))["versions"]
        tables.append(Table("Versions", list(versions), [list(versions.values())]))
    said = [
        "Each command runs the study under one protocol; the last writes this page from what they leave on disk. "
        "Parameters that differ from the configuration stand in the manifest.json of each model.",
        *sorted(how),
    ]
    return Section("How to reproduce", said, tables, commands=commands(material))


def commands(material: Material) -> list[str]:
    """Return one command a protocol, then the report's."""
    run = material.run
    start = "kedro run" if run == "sample" else f"kedro run --env={run}" if run in ENVIRONMENTS else "kedro run"
    named = [] if run == "sample" or run in ENVIRONMENTS else [f"run={run}"]
    said = []
    for protocol in dict.fromkeys(material.comparison["protocol"]):
        said.append(f"{start} --params={','.join([*named, f'protocol={protocol}'])}")
    return [*said, " ".join([start, "--pipeline=reporting", *(f"--params={one}" for one in named)])]


def _data(material: Material) -> Table:
    rows = []
    for protocol, account in sorted(material.accounts.items()):
        posts = [account[f"{part}_posts"] for part in ("training", "selection", "validation")]
        files = [f"{name}: {file['rows']} rows, sha256 {file['sha256']}" for name, file in account["files"].items()]
        rows.append([protocol, account["cleaning"], *(f"{n:,}" for n in posts), "; ".join(files)])
    header = ["protocol", "cleaning", "training posts", "of them to choose on", "validation posts", "files"]
    return Table("Data", header, rows)

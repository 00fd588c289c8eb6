"""What the report says, section by section; how it looks is render.py's."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import audit_paragraphs, audit_tables, headline
from tweet_sentiment.reports.claims_words import answers
from tweet_sentiment.reports.figures import accuracy_figure, cost_figure
from tweet_sentiment.reports.frontier import recommendations
from tweet_sentiment.reports.frontier_figure import frontier_figure
from tweet_sentiment.reports.learning import READING, SHOWN, extrapolations, learning_figure
from tweet_sentiment.reports.tables import MAIN_PROTOCOLS, Table, folds, plain_rows, side_by_side

MEMORY = 0.05  # of accuracy: what published must be above leak-free for the report to speak of memory


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, tables and figures (caption, Plotly figure), shown in this order."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Material:
    """All that the report is made of; dictionaries are by "<protocol>" or "<protocol>/<technique>"."""

    run: str
    comparison: pd.DataFrame
    audit: dict[str, Any]
    audit_examples: pd.DataFrame
    frontier: pd.DataFrame
    claims: pd.DataFrame
    level: float
    differences: dict[str, pd.DataFrame]
    accounts: dict[str, dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    curves: dict[str, Any]
    confusions: dict[str, Any]
    reliabilities: dict[str, Any]
    groups: dict[str, pd.DataFrame]
    mistakes: dict[str, pd.DataFrame]
    ablations: dict[str, pd.DataFrame]
    learning_curves: dict[str, pd.DataFrame]


def sections(material: Material) -> list[Section]:
    """Return the whole report."""
    made = [
        _meaning(material),
        _comparison(material),
        _differences(material),
        _claims(material),
        _frontier(material),
        _learning(material),
        _audit(material),
        _cleaning(material),
        _errors(material),
        Section("Curves over steps", figures=_by_key(material.curves)),
        Section("Confusion", figures=_by_key(material.confusions)),
        Section("Calibration", [_CALIBRATION], figures=_by_key(material.reliabilities)),
        _origin(material),
    ]
    return [section for section in made if section.paragraphs or section.tables or section.figures]


_CALIBRATION = (
    "A bar at the diagonal means that posts given this confidence are right this often. LinearSVC and the nearest "
    "neighbour have no probabilities of their own; theirs are a convention."
)


def _meaning(material: Material) -> Section:
    """Say first what must not be missed: a figure of a leaking protocol is memory."""
    said = [headline(material.audit)] if material.audit else []
    table = material.comparison.pivot_table(index="technique", columns="protocol", values="accuracy")
    if {"published", "leak_free"} <= set(table.columns):
        both = table.dropna(subset=["published", "leak_free"])
        top = both.sort_values("published").reset_index().to_dict("records")[-1]
        if top["published"] - top["leak_free"] > MEMORY:
            said.append(
                f"{top['technique']} scores {top['published']:.4f} under the published protocol and "
                f"{top['leak_free']:.4f} once the copies of the validation posts are out of training. The difference "
                "is memory: a lookup of known tweets, not a judgement of new ones."
            )
    honest = material.comparison[material.comparison["protocol"] == "leak_free"]
    if len(honest):
        best = honest.sort_values("accuracy").to_dict("records")[-1]
        said.append(
            f"The highest leak-free accuracy of this run is {best['accuracy']:.4f} ({best['technique']}, "
            f"{best['n_validation']} posts). Whether it differs from the others is said below, by a test."
        )
    return Section("What the figures mean", said)


def _comparison(material: Material) -> Section:
    comparison = material.comparison
    tables = [
        Table(
            "Accuracy on the validation posts, with the interval of a bootstrap over tweet ids",
            *side_by_side(comparison),
        )
    ]
    columns = ["technique", "protocol", "eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1"]
    columns += ["expected_calibration_error", "n_train", "trainable_parameters", "seconds", "chosen_on"]
    tables.append(Table("All scores", *plain_rows(comparison[columns])))
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    if len(seeded):
        tables.append(Table("The same training with several seeds: mean and standard deviation", *plain_rows(seeded)))
    if len(crossed := folds(comparison)):
        tables.append(Table("Accuracy over the folds by tweet id", *plain_rows(crossed)))
    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    figures = (
        [("Accuracy by technique and protocol", accuracy_figure(main)), ("Cost", cost_figure(main))]
        if len(main)
        else []
    )
    return Section("Comparison", _PROTOCOLS, tables, figures)


_PROTOCOLS = [
    "published: the paper's protocol. Training holds copies of the validation posts; hyperparameters, prompt and epoch "
    "are chosen on the very posts that are reported.",
    "leak_free: the same validation posts. Training posts that share a tweet id, a text or a near-duplicate text with "
    "them are out, and choices are made on training posts held out for it.",
    "grouped: a share of the training file's tweet ids is held out instead of the validation file.",
    "The paper's figures are of the published protocol and of distilbert-base-uncased.",
]


def _differences(material: Material) -> Section:
    tables, said = [], []
    for protocol, table in sorted(material.differences.items()):
        if not len(table) or protocol not in MAIN_PROTOCOLS:
            continue
        tables.append(Table(f"Differences of accuracy under {protocol}", *plain_rows(table)))
        better = table[table["better"].fillna("") != ""]
        said.append(f"{protocol}: {len(better)} of {len(table)} differences are significant after Holm's correction.")
    return Section("Which is better, by a test", said, tables)


def _claims(material: Material) -> Section:
    title, table = "The paper's claims", material.claims
    if not len(table):
        return Section(title)
    tables = [Table("What each answer rests on", *plain_rows(table))]
    return Section(title, answers(table, material.level), tables)


def _frontier(material: Material) -> Section:
    title, table = "Which technique for which need", material.frontier
    if not len(table):
        return Section(title)
    tables = [Table("Accuracy without the leak against what it costs, the best first", *plain_rows(table))]
    return Section(title, recommendations(table), tables, [("Accuracy against cost", frontier_figure(table))])


def _learning(material: Material) -> Section:
    curves = sorted(material.learning_curves.items())
    said = [words for _, table in curves for words in extrapolations(table, material.comparison)]
    tables = [Table(f"Accuracy by posts learnt from ({name})", *plain_rows(table[SHOWN])) for name, table in curves]
    figures = [(f"Learning curves ({name})", learning_figure(table, name)) for name, table in curves]
    return Section("What more posts give", [*said, READING] if curves else [], tables, figures)


def _audit(material: Material) -> Section:
    if not material.audit:
        return Section("Leakage audit")
    tables = [*audit_tables(material.audit), *_examples(material.audit_examples)]
    return Section("Leakage audit", audit_paragraphs(material.audit), tables)


def _examples(examples: pd.DataFrame) -> list[Table]:
    return (
        [Table("Validation posts, and what stands of them in training", *plain_rows(examples))] if len(examples) else []
    )


def _cleaning(material: Material) -> Section:
    tables = [Table(f"Ways of cleaning ({key})", *plain_rows(t)) for key, t in sorted(material.ablations.items())]
    return Section("Cleaning", tables=tables)


def _errors(material: Material) -> Section:
    """Where the best honest technique errs; the others' tables lie beside their predictions."""
    honest = material.comparison[material.comparison["protocol"] != "published"]
    rows = (honest if len(honest) else material.comparison).sort_values("accuracy", ascending=False)
    for row in rows.to_dict("records"):
        key = f"{row['protocol']}/{row['technique']}"
        if key in material.groups and key in material.mistakes:
            return Section(
                f"Where {row['technique']} errs ({row['protocol']})",
                tables=[
                    Table("Accuracy by group of posts", *plain_rows(material.groups[key])),
                    Table("The mistakes it was surest of", *plain_rows(material.mistakes[key].head(15))),
                ],
            )
    return Section("Errors")


def _by_key(figures: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, figure) for key, figure in sorted(figures.items()) if key.partition("/")[0] in MAIN_PROTOCOLS]


def _origin(material: Material) -> Section:
    accounts = []
    for protocol, account in sorted(material.accounts.items()):
        posts = [account[f"{part}_posts"] for part in ("training", "selection", "validation")]
        files = [f"{name}: {file['rows']} rows, sha256 {file['sha256']}" for name, file in account["files"].items()]
        accounts.append([protocol, account["cleaning"], *(f"{n:,}" for n in posts), "; ".join(files)])
    header = ["protocol", "cleaning", "training posts", "of them to choose on", "validation posts", "files"]
    tables = [Table("Data", header, accounts)]
    if material.metrics:
        versions = next(iter(material.metrics.values()))["versions"]
        tables.append(Table("Versions", list(versions), [list(versions.values())]))
    how = sorted(
        {
            f"encoder {m['encoder']}, device {m['device']}, arithmetic {m['arithmetic']}, seed {m['seed']}"
            for m in material.metrics.values()
        }
    )
    return Section("Where it comes from", how, tables)

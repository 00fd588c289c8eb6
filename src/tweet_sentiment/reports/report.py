"""The report: a summary, figures and tables for everyone, and an appendix; as one HTML page, and as Markdown."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import audit_paragraphs, audit_tables
from tweet_sentiment.reports.claims import evidence, reading, verdicts
from tweet_sentiment.reports.figures import accuracy_figure, frontier_figure, leaks_figure
from tweet_sentiment.reports.frontier import cautions, needs, standings
from tweet_sentiment.reports.inputs import Report, ReportInputs, Section
from tweet_sentiment.reports.reproduce import reproduction
from tweet_sentiment.reports.summary import summary
from tweet_sentiment.reports.tables import (
    MAIN_PROTOCOLS,
    Table,
    folds,
    markdown,
    paragraphs,
    part_tables,
    plain_rows,
    rendered,
    side_by_side,
    with_interval,
)
from tweet_sentiment.techniques import STUDIED

SCORES = ["technique", "protocol", "eval_loss", "f1", "precision", "recall", "macro_f1"]
SCORES += ["expected_calibration_error", "calibration_noise"]
TRAINED = ["technique", "protocol", "texts", "n_train", "trainable_parameters", "seconds", "chosen_on", "dev_accuracy"]
TRAINED += ["selected_by"]
SIZES = ["technique", "n_train", "accuracy", "accuracy_low", "accuracy_high", "dev_accuracy", "seconds"]
SIZES += ["measured", "error_floor", "exponent"]
SETTINGS = {  # tables of sweeps, by file
    "training_ablation/trainings.csv": "Ways of training",
    "unfreezing_sweep/blocks.csv": "Unfrozen blocks",
    "prompt_tuning/heads.csv": "What of the head learns beside a soft prompt",
}


def report(inputs: ReportInputs) -> Report:
    """Return the whole report."""
    title = f"{'Twitter sentiment' if inputs.about.paper else 'Text classification'}, run {inputs.run}"
    appendix = [
        _scores(inputs),
        _differences(inputs),
        _claims(inputs),
        _audit(inputs),
        _posts(inputs),
        _errors(inputs),
        *_of_techniques(inputs),
        _learning(inputs),
        _settings(inputs),
        reproduction(inputs),
    ]
    filled = [one for one in appendix if one.paragraphs or one.tables or one.figures]
    note = " ".join(paragraphs("invented")) if inputs.run == "sample" else ""
    return Report(title, summary(inputs), note, [_pictures(inputs), _results(inputs)], filled)


# ---------------------------------------------------------------- for everyone
def _pictures(inputs: ReportInputs) -> Section:
    """Return the study's figures, and of each of a technique's the one of the technique that the report speaks of."""
    from plotly.graph_objects import Figure

    of_entity = f"Accuracy by {'entity' if inputs.about.entities else 'length'}"
    kinds = {"confusion": "Confusion", "entities": of_entity, "reliability": "Calibration"}
    figures = [("Accuracy", accuracy_figure(inputs.comparison))]
    figures += [("The leak", leaks_figure(inputs.audit))] if inputs.audit else []
    figures += [("Accuracy and cost", frontier_figure(inputs.frontier))] if len(inputs.frontier) else []
    for kind, words in kinds.items():
        known = inputs.of(f"{kind}.json")
        figures += [(f"{words}: {key}", Figure(known[key])) for key in inputs.honest_keys if key in known][:1]
    return Section("Figures", figures=figures)


def _results(inputs: ReportInputs) -> Section:
    ran, paper = (
        inputs.comparison["protocol"].str.split("_").str[0].unique(),
        bool(inputs.comparison["paper_accuracy"].notna().any()),
    )
    caption = f"Accuracy on the test posts, with the interval of a bootstrap over {inputs.about.unit}"
    tables, said = (
        [Table(caption, *side_by_side(inputs.comparison))],
        paragraphs("protocols", about=inputs.about, ran=ran, paper=paper),
    )
    if len(inputs.frontier):
        said += [*standings(inputs.frontier), *cautions(inputs.frontier)]
        tables += [Table("Which technique for which need", *rows) for rows in needs(inputs.frontier)]
    if len(inputs.claims):
        tables.append(Table("The paper's claims", *verdicts(inputs.claims)))
    return Section("Tables", said, tables)


# ---------------------------------------------------------------- appendix
def _scores(inputs: ReportInputs) -> Section:
    comparison = inputs.comparison
    tables = [Table("All scores", *plain_rows(comparison[SCORES])), Table("Training", *plain_rows(comparison[TRAINED]))]
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    if len(seeded):
        tables.append(Table("The same training with several seeds: mean and standard deviation", *plain_rows(seeded)))
    if len(crossed := folds(comparison)):
        by = inputs.about.unit.removesuffix("s") if inputs.about.ids else "groups of like texts"
        tables.append(Table(f"Accuracy over the folds by {by}", *plain_rows(crossed)))
    said = paragraphs("calibration")
    for protocol, rows in comparison.groupby("protocol"):
        if absent := [name for name in STUDIED if name not in set(rows["technique"])]:
            said.append(f"Not run under {protocol}: {', '.join(absent)}.")
    for protocol in comparison.loc[comparison["resembling_posts"] > 0, "protocol"].unique():
        if protocol != "published" and protocol in inputs.accounts:
            found = inputs.accounts[protocol]["split"]["resembling"]
            n, of = found["posts"], inputs.accounts[protocol]["test_posts"]
            said.append(f"Under {protocol} {n:,} of {of:,} test posts still resemble a training post: {found['rule']}.")
    return Section("Scores", said, [*tables, *part_tables(comparison)])


def _differences(inputs: ReportInputs) -> Section:
    tables, said = [], []
    for protocol, table in inputs.of("differences.csv").items():
        if len(table) and protocol in MAIN_PROTOCOLS:
            tables.append(Table(f"Differences of accuracy under {protocol}", *plain_rows(table)))
            better = (table["better"].fillna("") != "").sum()
            said.append(f"{protocol}: {better} of {len(table)} differences are significant after Holm's correction.")
    return Section("Which is better, by a test", said, tables)


def _claims(inputs: ReportInputs) -> Section:
    title, table = "The paper's claims", inputs.claims
    if not len(table):
        return Section(title)
    return Section(title, reading(inputs.level), [Table("What each verdict rests on", *evidence(table))])


def _audit(inputs: ReportInputs) -> Section:
    if not inputs.audit:
        return Section("Leakage audit")
    examples = inputs.files["leaks.csv"]() if "leaks.csv" in inputs.files else pd.DataFrame()
    tables = audit_tables(inputs.audit)
    if len(examples):
        tables.append(Table("Test posts, and what stands of them in training", *plain_rows(examples)))
    return Section("Leakage audit", audit_paragraphs(inputs.audit, inputs.about.paper), tables)


def _posts(inputs: ReportInputs) -> Section:
    tables = [Table(f"Ways of cleaning ({key})", *plain_rows(one)) for key, one in inputs.of("variants.csv").items()]
    said = []
    for protocol, account in inputs.accounts.items():
        parts = ("training", "validation")
        emptied = [account.get("cleaned", {}).get(part, {}).get("empty_after_cleaning", 0) for part in parts]
        if any(emptied):
            said.append(
                f"Under {protocol} cleaning leaves nothing of {emptied[0]:,} training and {emptied[1]:,} test "
                "posts, which stand as empty ones."
            )
    return Section("The posts and their cleaning", said, tables, inputs.figures("lengths.json"))


def _errors(inputs: ReportInputs) -> Section:
    """Where the best honest technique errs; the others' tables lie beside their predictions."""
    groups, mistakes = inputs.of("accuracy_by_group.csv"), inputs.of("mistakes.csv")
    lacking = [name for name, there in (("id", inputs.about.ids), ("entity", inputs.about.entities)) if not there]
    key = next((key for key in inputs.honest_keys if key in groups and key in mistakes), None)
    if key is None:
        return Section("Errors")
    protocol, _, technique = key.partition("/")
    surest = mistakes[key].head(15).drop(columns=lacking, errors="ignore")
    return Section(
        f"Where {technique} errs ({protocol})",
        tables=[
            Table("Accuracy by group of posts", *plain_rows(groups[key])),
            Table("The mistakes it was surest of", *plain_rows(surest)),
        ],
    )


def _of_techniques(inputs: ReportInputs) -> list[Section]:
    """Return the figures of each technique, those without the leak first."""
    kinds = {
        "curves": ("Curves over steps", paragraphs("curves")),
        "confusion": ("Confusion", []),
        "reliability": ("Calibration", []),
    }
    searched = [
        (f"{key}: {what}", figure)
        for what in ("history", "importance")
        for key, figure in inputs.figures(f"{what}.json")
    ]
    made = [
        Section(title, said, figures=inputs.figures(f"{kind}.json", inputs.honest_keys))
        for kind, (title, said) in kinds.items()
    ]
    return [Section("The search", figures=searched), *(section for section in made if section.figures)]


def _learning(inputs: ReportInputs) -> Section:
    curves = inputs.of("learning_curve/sizes.csv").items()
    said = [words for _, table in curves for words in _extrapolations(table, inputs.comparison)]
    tables = [Table(f"Accuracy by posts learnt from ({name})", *plain_rows(table[SIZES])) for name, table in curves]
    figures = inputs.figures("learning_curve/sizes.json")
    return Section("What more posts give", [*said, *paragraphs("law")] if curves else [], tables, figures)


def _extrapolations(table: pd.DataFrame, comparison: pd.DataFrame) -> list[str]:
    """Say what all posts would give, and beside it what they did give where that was measured."""
    said = []
    for row in table[~table["measured"].astype(bool)].to_dict("records"):
        name, protocol = row["technique"], row["protocol"]
        alike = comparison["measured"].eq(True) & (comparison["protocol"] == protocol)
        expected = f"{with_interval(row)} is to be expected of all {row['n_train']:,.0f} posts; not measured."
        own = [
            f" Its own run learnt from {one['n_train']:,.0f} and was right for {with_interval(one)}."
            for one in comparison[alike & (comparison["technique"] == name)].to_dict("records")
        ]
        said.append(f"{name} ({protocol}): {expected}{''.join(own)}")
    return said


def _settings(inputs: ReportInputs) -> Section:
    tables = [
        Table(f"{caption} ({protocol})", *plain_rows(table))
        for file, caption in SETTINGS.items()
        for protocol, table in inputs.of(file).items()
    ]
    return Section("One setting at a time", paragraphs("varied") if tables else [], tables)


# ---------------------------------------------------------------- as text
def as_markdown(made: Report) -> str:
    """Write the report without its figures."""
    lines = [f"# {made.title}", "", "## Summary"]
    lines += [line for question, answer in made.answers.items() for line in ("", f"**{question}** {answer}")]
    lines += ["", made.note] if made.note else []
    for level, sections in (("##", made.main), ("###", made.appendix)):
        lines += ["", "## Appendix"] if level == "###" else []
        for section in sections:
            if not (section.paragraphs or section.tables):
                continue
            lines += ["", f"{level} {section.title}"]
            lines += [line for paragraph in section.paragraphs for line in ("", paragraph)]
            lines += ["", "```", *section.commands, "```"] if section.commands else []
            for table in section.tables:
                lines += ["", f"{table.caption}:", "", *markdown(table.header, table.rows)]
    return "\n".join([*lines, ""])


def as_html(made: Report) -> str:
    """Write the report as one page: style, script and figures inside, every text escaped.

    A figure's finding is a heading of the page, which breaks in lines as the page is wide. A figure is drawn when it
    comes into sight, and all are before printing.
    """
    from plotly.offline import get_plotlyjs

    def drawn(figure: Any, caption: str) -> dict[str, Any]:
        """Return the figure's heading and text alternative, its size, and its JSON without the title."""
        layout, known = figure.layout, figure.layout.meta or {}
        finding = known.get("finding") or (layout.title.text or caption).replace("<br>", " ")
        content = figure.to_dict()
        content["layout"] = {name: value for name, value in content["layout"].items() if name != "title"}
        height = layout.height or 430
        content["layout"] |= {"height": height, "margin": {**content["layout"].get("margin", {}), "t": 24}}
        json = type(figure)(content, skip_invalid=True).to_json().replace("<", "\\u003c")  # no "</script>" in it
        size = {"height": height, "width": known.get("width") or 0}
        return {"finding": finding, "alt": known.get("alt") or finding, "json": json, **size}

    return rendered("page.html.j2", escaped=True, report=made, plotly=get_plotlyjs(), drawn=drawn)

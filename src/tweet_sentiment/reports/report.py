"""The report: a summary, figures and tables for everyone, and an appendix; as one HTML page, and as Markdown."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.choice import (
    CLASSICAL,
    MAJORITY,
    PROTOCOL,
    TOLERATED,
    advice,
    best_of,
    cautions,
    how_chosen,
    needs,
    standings,
)
from tweet_sentiment.reports.figures import accuracy_figure, frontier_figure, leaks_figure
from tweet_sentiment.reports.findings import (
    audit_paragraphs,
    audit_tables,
    claims_answered,
    evidence,
    headline,
    reading,
)
from tweet_sentiment.reports.inputs import Report, ReportInputs, Section
from tweet_sentiment.reports.reproduce import reproduction
from tweet_sentiment.reports.tables import (
    MAIN_PROTOCOLS,
    Table,
    fallen,
    folds,
    listed,
    markdown,
    paragraphs,
    part_tables,
    plain_rows,
    rendered,
    side_by_side,
    with_interval,
)
from tweet_sentiment.scoring.comparison import against
from tweet_sentiment.techniques import STUDIED

SCORES = ["technique", "protocol", "eval_loss", "f1", "precision", "recall", "macro_f1"]
SCORES += ["expected_calibration_error", "calibration_noise"]
TRAINED = ["technique", "protocol", "texts", "n_train", "trainable_parameters", "seconds", "chosen_on", "dev_accuracy"]
TRAINED += ["selected_by"]
SIZES = ["technique", "n_train", "accuracy", "accuracy_low", "accuracy_high", "dev_accuracy", "seconds"]
SIZES += ["measured", "error_floor", "exponent"]
SHOWN_ISSUES = 15  # all of them: label_issues.csv
SETTINGS = {  # tables of sweeps, by file
    "training_ablation/trainings.csv": "Ways of training",
    "unfreezing_sweep/blocks.csv": "Unfrozen blocks",
    "prompt_tuning/heads.csv": "Layers of the head that are trained with a soft prompt",
}

WIDE = 0.1  # an interval of accuracy that leaves much open
BEST, ACCURACY, BASELINE, LEAK, NEXT = QUESTIONS = (
    "The best model",
    "How often it is right",
    "Against a simple baseline",
    "Do the data leak?",
    "What to do next",
)
SIMPLE = [name for name in CLASSICAL if name != MAJORITY]


def report(inputs: ReportInputs) -> Report:
    """Return the whole report."""
    title = f"{'Twitter sentiment' if inputs.about.paper else 'Text classification'}, run {inputs.run}"
    appendix = [
        _scores(inputs),
        _differences(inputs),
        _claims(inputs),
        _audit(inputs),
        _labels(inputs),
        _posts(inputs),
        _errors(inputs),
        *_of_techniques(inputs),
        _learning(inputs),
        _settings(inputs),
        reproduction(inputs),
    ]
    filled = [one for one in appendix if one.paragraphs or one.tables or one.figures]
    note = " ".join(paragraphs("invented")) if inputs.about.invented else ""
    return Report(title, summary(inputs), note, [_pictures(inputs), _results(inputs)], filled)


# ---------------------------------------------------------------- for everyone
def summary(inputs: ReportInputs) -> dict[str, str]:
    """Return the answer to each of ``QUESTIONS``, about the protocol without the leak if it was run."""
    comparison = inputs.comparison
    best = best_of(comparison)
    rows = comparison[comparison["protocol"] == best["protocol"]]
    simple, crossed = _simple(best, rows), folds(rows if best["protocol"] in MAIN_PROTOCOLS else comparison)
    differences = inputs.of("differences.csv").get(best["protocol"], pd.DataFrame())
    tested, constant = (
        against(name, differences, inputs.level).to_dict("index").get(best["technique"], {})
        for name in (simple, MAJORITY)
    )
    known: dict[str, Any] = {
        "about": inputs.about,
        "accuracy": dict(zip(rows["technique"], rows["accuracy"], strict=True)),
        "advice": advice(rows, best),
        "drawn": bool(inputs.audit.get("validation_drawn")) if inputs.audit else False,
        "falls": fallen(comparison),
        "folds": next(iter(crossed[crossed["technique"] == best["technique"]].to_dict("records")), None),
        "headline": headline(inputs.audit) if inputs.audit else "",
        "how": how_chosen(best),
        "ran": set(comparison["protocol"]),
    }
    known |= {
        "best": best,
        "simple": simple,
        "tested": tested,
        "constant": constant,
        "majority": MAJORITY,
        "wide": WIDE,
    }
    known |= {
        "level": inputs.level,
        "run": inputs.run,
        "missed": listed(_missed(inputs, best)),
        "tolerated": TOLERATED,
        "promoted": PROTOCOL,
    }
    blocks = dict(zip(QUESTIONS, ("best", "accuracy", "baseline", "leak", "next"), strict=True))
    return {question: " ".join(paragraphs(block, **known)) for question, block in blocks.items()}


def _missed(inputs: ReportInputs, best: dict[Any, Any]) -> list[str]:
    """Return the labels that the best technique gives to none of the test posts that have them, with their number."""
    per_class = inputs.metrics.get(f"{best['protocol']}/{best['technique']}", {}).get("per_class", {})
    return [f"{name} ({one['posts']:,})" for name, one in per_class.items() if one["posts"] and not one["recall"]]


def _simple(best: dict[Any, Any], rows: pd.DataFrame) -> str:
    """Return the best technique if it is classical; else the classical one that is best on the dev split, or ""."""
    if best["technique"] in SIMPLE:
        return str(best["technique"])
    known = rows[rows["technique"].isin(SIMPLE)].fillna({"dev_accuracy": -1.0})
    return next(iter(known.sort_values(["dev_accuracy", "accuracy"], ascending=False)["technique"]), "")


def _pictures(inputs: ReportInputs) -> Section:
    """Return the study's figures, and those of the technique that the report is about."""
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
    ran = inputs.comparison["protocol"].str.split("_").str[0].unique()
    paper = bool(inputs.comparison["paper_accuracy"].notna().any())
    said = paragraphs("protocols", about=inputs.about, ran=ran, paper=paper)
    caption = f"Accuracy on the test posts, with the interval of a bootstrap over {inputs.about.unit}"
    tables = [Table(caption, *side_by_side(inputs.comparison))]
    if len(inputs.frontier):
        said += [*standings(inputs.frontier), *cautions(inputs.frontier)]
        tables += [Table("Which technique for which need", *rows) for rows in needs(inputs.frontier)]
    if len(inputs.claims):
        tables.append(Table("The paper's claims", *claims_answered(inputs.claims)))
    return Section("Tables", said, tables)


# ---------------------------------------------------------------- appendix
def _scores(inputs: ReportInputs) -> Section:
    comparison = inputs.comparison
    tables = [Table("All scores", *plain_rows(comparison[SCORES])), Table("Training", *plain_rows(comparison[TRAINED]))]
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    if len(seeded):
        tables.append(Table("The same training with several seeds: mean and standard deviation", *plain_rows(seeded)))
    if len(crossed := folds(comparison)):
        tables.append(Table(f"Accuracy over the folds by {inputs.about.unit}", *plain_rows(crossed)))
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
    return Section(title, reading(inputs.level), [Table("The evidence for each verdict", *evidence(table))])


def _audit(inputs: ReportInputs) -> Section:
    if not inputs.audit:
        return Section("Leakage audit")
    examples = inputs.files["leaks.csv"]() if "leaks.csv" in inputs.files else pd.DataFrame()
    tables = audit_tables(inputs.audit)
    if len(examples):
        tables.append(Table("Test posts and their copies in training", *plain_rows(examples)))
    return Section("Leakage audit", audit_paragraphs(inputs.audit, inputs.about.paper), tables)


def _labels(inputs: ReportInputs) -> Section:
    """Return the labels in doubt, and how many of the best honest technique's errors are on them."""
    title = "Labels in doubt"
    if "label_issues.json" not in inputs.files:
        return Section(title)
    counts, table = (inputs.files[f"label_issues.{suffix}"]() for suffix in ("json", "csv"))
    errors = None
    if key := next((key for key in inputs.honest_keys if f"{key}/predictions.parquet" in inputs.files), None):
        found, protocol = inputs.files[f"{key}/predictions.parquet"](), key.partition("/")[0]
        has_file = "validation" in inputs.accounts[protocol]["files"] and not protocol.startswith("grouped")
        doubted = found["row"].isin(table.loc[table["part"] == ("test" if has_file else "training"), "row"])
        wrong = found["label"] != found["predicted"]
        errors = {"key": key, "wrong": wrong.sum(), "on_doubted": (wrong & doubted).sum(), "doubted": doubted.mean()}
        errors["accuracy"] = 1 - wrong[~doubted].mean()
    lacking = [name for name, there in (("id", inputs.about.ids), ("entity", inputs.about.entities)) if not there]
    shown = plain_rows(table.head(SHOWN_ISSUES).drop(columns=lacking))
    same = "its id" if inputs.about.ids else "its text"
    said = paragraphs("label_issues", counts=counts, errors=errors, same=same)
    return Section(title, said, [Table("The least likely labels", *shown)] if len(table) else [])


def _posts(inputs: ReportInputs) -> Section:
    tables = [Table(f"Ways of cleaning ({key})", *plain_rows(one)) for key, one in inputs.of("variants.csv").items()]
    said = []
    for protocol, account in inputs.accounts.items():
        parts = ("training", "validation")
        emptied = [account.get("cleaned", {}).get(part, {}).get("empty_after_cleaning", 0) for part in parts]
        if any(emptied):
            said.append(
                f"Under {protocol} cleaning empties {emptied[0]:,} training and {emptied[1]:,} test posts; they are "
                "kept as empty posts."
            )
    return Section("The posts and their cleaning", said, tables, inputs.figures("lengths.json"))


def _errors(inputs: ReportInputs) -> Section:
    """Return where the best technique without the leak errs; the others' tables are beside their predictions."""
    groups, mistakes = inputs.of("accuracy_by_group.csv"), inputs.of("mistakes.csv")
    lacking = [name for name, there in (("id", inputs.about.ids), ("entity", inputs.about.entities)) if not there]
    key = next((key for key in inputs.honest_keys if key in groups and key in mistakes), None)
    if key is None:
        return Section("Errors")
    protocol, _, technique = key.partition("/")
    surest = mistakes[key].head(15).drop(columns=lacking, errors="ignore")
    grouped = groups[key]
    if grouped["effective_posts"].equals(grouped["posts"].astype("float64")):  # no copies among them
        grouped = grouped.drop(columns="effective_posts")
    of_labels = pd.DataFrame(inputs.metrics.get(key, {}).get("per_class", {})).T.rename_axis("label").reset_index()
    return Section(
        f"Where {technique} errs ({protocol})",
        tables=[
            *([Table("Precision, recall and F1 by label", *plain_rows(of_labels))] if len(of_labels) else []),
            Table("Accuracy by group of posts", *plain_rows(grouped)),
            Table("Its most confident mistakes", *plain_rows(surest)),
        ],
    )


def _of_techniques(inputs: ReportInputs) -> list[Section]:
    kinds = {"curves": "Curves over steps", "confusion": "Confusion", "reliability": "Calibration"}
    kinds_of_search = ("history", "importance")
    searched = [(f"{key}: {what}", one) for what in kinds_of_search for key, one in inputs.figures(f"{what}.json")]
    made = [Section(title, figures=inputs.figures(f"{kind}.json", inputs.honest_keys)) for kind, title in kinds.items()]
    return [Section("The search", figures=searched), *(section for section in made if section.figures)]


def _learning(inputs: ReportInputs) -> Section:
    curves = inputs.of("learning_curve/sizes.csv").items()
    said = [words for _, table in curves for words in _extrapolations(table, inputs.comparison)]
    tables = [Table(f"Accuracy by training posts ({name})", *plain_rows(table[SIZES])) for name, table in curves]
    figures = inputs.figures("learning_curve/sizes.json")
    return Section("What more posts give", [*said, *paragraphs("law")] if curves else [], tables, figures)


def _extrapolations(table: pd.DataFrame, comparison: pd.DataFrame) -> list[str]:
    rows = []
    for row in table[~table["measured"].astype(bool)].to_dict("records"):
        same = (comparison["protocol"] == row["protocol"]) & (comparison["technique"] == row["technique"])
        own = comparison[comparison["measured"].eq(True) & same].to_dict("records")
        measured = [(one["n_train"], with_interval(one)) for one in own]
        rows.append((row["technique"], row["protocol"], with_interval(row), row["n_train"], measured))
    return paragraphs("expected", rows=rows)


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
    return rendered("report.md.j2", report=made, markdown=markdown)


def as_html(made: Report) -> str:
    """Write the report as one page: style, script and figures inside, every text escaped.

    A figure's finding is a heading of the page. A figure is drawn when it becomes visible; all are drawn before
    printing.
    """
    from plotly.io import to_json
    from plotly.offline import get_plotlyjs

    def drawn(figure: Any, caption: str) -> dict[str, Any]:
        """Return the figure's heading and text alternative, its size, and its JSON without the title."""
        layout, known = figure.layout, figure.layout.meta or {}
        finding = known.get("finding") or (layout.title.text or caption).replace("<br>", " ")
        content = figure.to_dict()
        content["layout"] = {name: value for name, value in content["layout"].items() if name != "title"}
        height = layout.height or 430
        content["layout"] |= {"height": height, "margin": {**content["layout"].get("margin", {}), "t": 24}}
        json = to_json(content, validate=False).replace("<", "\\u003c")  # no "</script>" in it
        size = {"height": height, "width": known.get("width") or 0}
        return {"finding": finding, "alt": known.get("alt") or finding, "json": json, **size}

    return rendered("page.html.j2", escaped=True, report=made, plotly=get_plotlyjs(), drawn=drawn)

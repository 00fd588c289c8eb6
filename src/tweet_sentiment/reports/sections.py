"""What the report says and shows, section by section: a summary, figures, tables, and how to make it again."""

import pandas as pd

from tweet_sentiment.reports.audit import audit_paragraphs, audit_tables
from tweet_sentiment.reports.choice import choices
from tweet_sentiment.reports.claims_words import answers
from tweet_sentiment.reports.frontier import recommendations
from tweet_sentiment.reports.frontier_figure import frontier_figure
from tweet_sentiment.reports.inputs import ReportInputs, Section
from tweet_sentiment.reports.learning import READING, SHOWN, extrapolations, learning_figure
from tweet_sentiment.reports.origin import origin
from tweet_sentiment.reports.pictures import honest_keys, pictures
from tweet_sentiment.reports.summary import summary
from tweet_sentiment.reports.tables import MAIN_PROTOCOLS, Table, folds, part_rows, plain_rows, side_by_side

__all__ = ["ReportInputs", "Section", "sections"]
SUMMARY = "In three sentences"
INVENTED = (
    "The posts of this run are invented, to show how the project works: its figures say nothing about Twitter, and "
    "stand beside the paper's only so that their place is seen."
)


def sections(material: ReportInputs) -> list[Section]:
    """Return the whole report."""
    made = [
        Section(SUMMARY, [*([INVENTED] if material.run == "sample" else []), *summary(material)]),
        *pictures(material),
        _comparison(material),
        _differences(material),
        _claims(material),
        _frontier(material),
        _learning(material),
        _settings(material),
        _audit(material),
        _cleaning(material),
        _errors(material),
        origin(material),
    ]
    return [section for section in made if section.paragraphs or section.tables or section.figures]


def _comparison(material: ReportInputs) -> Section:
    comparison = material.comparison
    tables = [
        Table(
            f"Accuracy on the test posts, with the interval of a bootstrap over {material.about.unit}",
            *side_by_side(comparison),
        )
    ]
    columns = ["technique", "protocol", "texts", "eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1"]
    columns += [
        "expected_calibration_error",
        "calibration_noise",
        "n_train",
        "trainable_parameters",
        "seconds",
        "chosen_on",
    ]
    tables.append(Table("All scores", *plain_rows(comparison[columns])))
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    if len(seeded):
        tables.append(Table("The same training with several seeds: mean and standard deviation", *plain_rows(seeded)))
    if len(crossed := folds(comparison)):
        by = "tweet id" if material.about.ids else "groups of like texts"
        tables.append(Table(f"Accuracy over the folds by {by}", *plain_rows(crossed)))
    said, of_parts = _parts(material)
    said = [*choices(comparison), *_protocols(material), _CALIBRATION, *said]
    return Section("Comparison", said, [*tables, *of_parts])


def _parts(material: ReportInputs) -> tuple[list[str], list[Table]]:
    """Say what accuracy is on originals, where posts are reworded, and without the posts that resemble training."""
    said, tables, comparison = [], [], material.comparison
    known = comparison[~comparison["protocol"].str.fullmatch(r"grouped_\d+_of_\d+")].dropna(subset=["originals_posts"])
    reworded = known[known["originals_posts"] < known["n_validation"]]
    if len(reworded):
        said.append("An original is the first wording of a tweet in the file: one post a tweet, as a user meets them.")
        tables.append(Table("Accuracy on originals", *part_rows(reworded, ["originals"])))
    alike = known[(known["protocol"] != "published") & (known["resembling_posts"] > 0)]
    for protocol in dict.fromkeys(alike["protocol"]):
        found, posts = (material.accounts[protocol][name] for name in ("split", "test_posts"))
        n, rule = found["resembling"]["posts"], found["resembling"]["rule"]
        said.append(f"Under {protocol} {n:,} of {posts:,} test posts still resemble a training post: {rule}.")
    if len(alike):
        caption = "Accuracy where test posts resemble a training post, and where they do not"
        tables.append(Table(caption, *part_rows(alike, ["resembling", "not_resembling"])))
    return said, tables


_CALIBRATION = (
    "The expected calibration error (ECE) says by how much confidence and accuracy lie apart, on the mean. Beside it, "
    "calibration noise: the ECE that a perfectly calibrated model with the same confidences has by chance, on as many "
    "posts. An ECE near it shows nothing."
)


def _protocols(material: ReportInputs) -> list[str]:
    """Say what the protocols that were run do with these data."""
    about = material.about
    held_out = "tweet ids" if about.ids else "groups of like texts"
    words = {
        "published": "published: the paper's protocol"
        + (". Training holds copies of the test posts; " if about.paper else ": posts are split as they come; ")
        + "hyperparameters, prompt and epoch are chosen on the very posts that are reported.",
        "leak_free": f"leak_free: training posts that share {about.shared} with the test posts are out, and "
        "choices are made on training posts held out for it.",
        "grouped": f"grouped: a share of the training file's {held_out} is held out to measure on.",
    }
    ran = {str(protocol).partition("_")[0] for protocol in material.comparison["protocol"]}
    said = [text for protocol, text in words.items() if protocol.partition("_")[0] in ran]
    if material.comparison["paper_accuracy"].notna().any():
        said.append("The paper's figures are of the published protocol and of distilbert-base-uncased.")
    return said


def _differences(material: ReportInputs) -> Section:
    tables, said = [], []
    for protocol, table in sorted(material.differences.items()):
        if not len(table) or protocol not in MAIN_PROTOCOLS:
            continue
        tables.append(Table(f"Differences of accuracy under {protocol}", *plain_rows(table)))
        better = table[table["better"].fillna("") != ""]
        said.append(f"{protocol}: {len(better)} of {len(table)} differences are significant after Holm's correction.")
    return Section("Which is better, by a test", said, tables)


def _claims(material: ReportInputs) -> Section:
    title, table = "The paper's claims", material.claims
    if not len(table):
        return Section(title)
    tables = [Table("What each answer rests on", *plain_rows(table))]
    return Section(title, answers(table, material.level), tables)


def _frontier(material: ReportInputs) -> Section:
    title, table = "Which technique for which need", material.frontier
    if not len(table):
        return Section(title)
    tables = [Table("Leak-free accuracy against what it costs, the best first", *plain_rows(table))]
    return Section(title, recommendations(table), tables, [("Accuracy against cost", frontier_figure(table))])


def _learning(material: ReportInputs) -> Section:
    curves = sorted(material.learning_curves.items())
    said = [words for _, table in curves for words in extrapolations(table, material.comparison)]
    tables = [Table(f"Accuracy by posts learnt from ({name})", *plain_rows(table[SHOWN])) for name, table in curves]
    figures = [(f"Learning curves ({name})", learning_figure(table, name)) for name, table in curves]
    return Section("What more posts give", [*said, READING] if curves else [], tables, figures)


def _settings(material: ReportInputs) -> Section:
    given = {
        "Ways of training": material.trainings,
        "Unfrozen blocks": material.blocks,
        "What of the head learns beside a soft prompt": material.heads,
    }
    tables = [
        Table(f"{caption} ({protocol})", *plain_rows(table))
        for caption, by_protocol in given.items()
        for protocol, table in sorted(by_protocol.items())
    ]
    return Section("One setting at a time", [_SETTINGS] * bool(tables), tables)


_SETTINGS = (
    "A row a setting. Accuracy, with its interval from low to high, is of the test posts; selection accuracy, by "
    "which a setting is to be chosen, of the dev split. Differences are to the first row, on the same posts."
)


def _audit(material: ReportInputs) -> Section:
    if not material.audit:
        return Section("Leakage audit")
    tables = [*audit_tables(material.audit), *_examples(material.audit_examples)]
    return Section(
        "Leakage audit", audit_paragraphs(material.audit, "tweet ids" if material.about.paper else "ids"), tables
    )


def _examples(examples: pd.DataFrame) -> list[Table]:
    return [Table("Test posts, and what stands of them in training", *plain_rows(examples))] if len(examples) else []


def _cleaning(material: ReportInputs) -> Section:
    tables = [Table(f"Ways of cleaning ({key})", *plain_rows(t)) for key, t in sorted(material.ablations.items())]
    said = []
    for protocol, account in sorted(material.accounts.items()):
        parts = ("training", "validation")
        emptied = [account.get("cleaned", {}).get(part, {}).get("empty_after_cleaning", 0) for part in parts]
        if any(emptied):
            said.append(
                f"Under {protocol} cleaning leaves nothing of {emptied[0]:,} training and {emptied[1]:,} test "
                "posts, which stand as empty ones."
            )
    return Section("Cleaning", said, tables)


def _errors(material: ReportInputs) -> Section:
    """Where the best honest technique errs; the others' tables lie beside their predictions."""
    lacking = [name for name, there in (("id", material.about.ids), ("entity", material.about.entities)) if not there]
    for key in honest_keys(material):
        if key in material.groups and key in material.mistakes:
            protocol, _, technique = key.partition("/")
            return Section(
                f"Where {technique} errs ({protocol})",
                tables=[
                    Table("Accuracy by group of posts", *plain_rows(material.groups[key])),
                    Table(
                        "The mistakes it was surest of",
                        *plain_rows(material.mistakes[key].head(15).drop(columns=lacking, errors="ignore")),
                    ),
                ],
            )
    return Section("Errors")

"""The report: what it says and shows, section by section, as one HTML page and as Markdown without the figures."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import audit_paragraphs, audit_tables, headline
from tweet_sentiment.reports.choice import choices, how_chosen
from tweet_sentiment.reports.claims import answers
from tweet_sentiment.reports.figures import accuracy_figure, frontier_figure, leaks_figure
from tweet_sentiment.reports.frontier import recommendations
from tweet_sentiment.reports.inputs import HONEST, ReportInputs, Section
from tweet_sentiment.reports.reproduce import reproduction
from tweet_sentiment.reports.tables import (
    MAIN_PROTOCOLS,
    SHOWN,
    Table,
    by_protocol,
    comparison_rows,
    fallen,
    folds,
    interval,
    listed,
    markdown,
    part_rows,
    plain_rows,
    rendered,
    shown_of,
    side_by_side,
)
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE, against

SUMMARY = "In three sentences"
INVENTED = (
    "The posts of this run are invented, to show how the project works: its figures say nothing about Twitter, and "
    "stand beside the paper's only so that their place is seen."
)
SCORES = ["technique", "protocol", "texts", "eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1"]
SCORES += ["expected_calibration_error", "calibration_noise", "n_train", "trainable_parameters", "seconds", "chosen_on"]
SIZES = ["technique", "n_train", "accuracy", "accuracy_low", "accuracy_high", "dev_accuracy", "seconds"]
SIZES += ["measured", "error_floor", "exponent"]
SETTINGS = {  # tables of sweeps, by file
    "training_ablation/trainings.csv": "Ways of training",
    "unfreezing_sweep/blocks.csv": "Unfrozen blocks",
    "prompt_tuning/heads.csv": "What of the head learns beside a soft prompt",
}
_FOLD = r"grouped_\d+_of_\d+"


def sections(inputs: ReportInputs) -> list[Section]:
    """Return the whole report."""
    made = [
        Section(SUMMARY, [INVENTED] * (inputs.run == "sample") + summary(inputs)),
        *_pictures(inputs),
        _comparison(inputs),
        _differences(inputs),
        _claims(inputs),
        _frontier(inputs),
        _learning(inputs),
        _settings(inputs),
        _audit(inputs),
        _cleaning(inputs),
        _errors(inputs),
        reproduction(inputs),
    ]
    return [section for section in made if section.paragraphs or section.tables or section.figures]


def summary(inputs: ReportInputs) -> list[str]:
    """Return the study in three sentences: what leaks, what of the accuracy is memory, how the chosen one stands.

    None says more than was shown. Memory is spoken of where the intervals with and without the leak lie apart, "better"
    where a test with Holm's correction says so. Of data that are not the paper's nothing is said of a protocol that was
    not run.
    """
    audit, comparison = inputs.audit, inputs.comparison
    leak = "The leakage audit has not been run, so it is not known which test posts stand in the training posts."
    if audit:
        leak = headline(audit).replace(". Accuracy on them is memory.", ", so that accuracy on them rewards memory.")
    both = {"published", "leak_free"} <= set(comparison["protocol"])
    return [leak, *([_memory(comparison)] if both or inputs.about.paper else []), _best(inputs)]


def _memory(comparison: pd.DataFrame) -> str:
    both = sum({"published", "leak_free"} <= rows.keys() for rows in by_protocol(comparison).values())
    if not both:
        ran = list(dict.fromkeys(comparison["protocol"]))
        other = "leak_free" if "published" in ran else "published"
        return (
            f"No technique was run both with the leak and without it (only: {', '.join(ran)}), so no fall can be "
            f"measured here; kedro run --params=protocol={other} runs the other."
        )
    if not (falls := fallen(comparison)):
        return f"Without the leak none of the {both} techniques that were run with it falls by more than its intervals."
    name, published, left = falls[0]
    return (
        f"{name} scores {published['accuracy']:.4f} under the published protocol and {left['accuracy']:.4f} once the "
        f"copies of the test posts are out of training; {len(falls)} of {both} techniques fall by more than "
        "their intervals, and the difference is memory, not judgement of new posts."
    )


def standing(name: str, others: list[str], differences: pd.DataFrame, level: float) -> dict[str, list[str]]:
    """Sort the others by how ``name`` stands to them by the tests; "" for those that were not tested."""
    found = dict(against(name, differences, level)["verdict"])
    flipped: dict[str, str] = {BETTER: WORSE, WORSE: BETTER}  # theirs is of the other one
    sorted_in: dict[str, list[str]] = {}
    for other in others:
        theirs = str(found.get(other, ""))
        sorted_in.setdefault(flipped.get(theirs, theirs), []).append(other)
    return sorted_in


def _best(inputs: ReportInputs) -> str:
    """Say how the row that was chosen on the dev split stands; where there is none, the highest accuracy."""
    comparison = inputs.comparison
    ran = set(comparison["protocol"])
    protocol = next((name for name in ("leak_free", "grouped") if name in ran), str(comparison["protocol"].iloc[0]))
    rows = comparison[comparison["protocol"] == protocol].sort_values("accuracy", ascending=False).to_dict("records")
    chosen = next((row for row in rows if row["selected"]), None)
    best = chosen or rows[0]
    others = [str(row["technique"]) for row in rows if row is not best]
    differences = inputs.of("differences.csv").get(protocol, pd.DataFrame())
    stands = standing(str(best["technique"]), others, differences, inputs.level)
    ends = interval(best["accuracy_low"], best["accuracy_high"])
    known = f"{best['accuracy']:.4f} ({ends}, {best['n_validation']:,} posts)"
    words = {
        BETTER: "is better than {} by a test",
        WORSE: "is worse than {} by a test",
        NOT_SHOWN: "is not shown to differ from {}",
        "": "was not tested against {}",
    }
    said = [text.format(listed(stands[one])) for one, text in words.items() if one in stands]
    verdict = listed(said) or "is the only one that was run"
    if chosen:
        named = f"{best['technique']} is {how_chosen(best)}"
        return f"Under {protocol} {named}; its accuracy is {known}, and it {verdict}."
    memory = ", which measures memory as well," if protocol == "published" else ""
    return f"Under {protocol}{memory} the highest accuracy is {known}, of {best['technique']}, which {verdict}."


def _pictures(inputs: ReportInputs) -> list[Section]:
    """Return the figures: the study's first, then those of each technique."""
    from plotly.graph_objects import Figure

    comparison, best = inputs.comparison, inputs.honest_keys
    compared = [("Accuracy by technique and protocol", accuracy_figure(comparison))]
    leaks = [("The leak", leaks_figure(inputs.audit))] if inputs.audit else []
    both = {"published", "leak_free"} <= set(comparison["protocol"])
    entities = inputs.of("entities.json")
    of_best = [(key, Figure(entities[key])) for key in best if key in entities][:1]
    searched = [
        (f"{key}: {what}", figure)
        for what in ("history", "importance")
        for key, figure in inputs.figures(f"{what}.json")
    ]
    searched.sort(key=lambda one: (HONEST.index(one[0].partition("/")[0]), one[0]))
    curves, calibrated = inputs.figures("curves.json", best), inputs.figures("reliability.json", best)
    return [
        Section("Accuracy with the leak and without it" if both else "Accuracy", figures=compared + leaks),
        Section("Accuracy by entity" if inputs.about.entities else "Accuracy by length", figures=of_best),
        Section("The posts", figures=inputs.figures("lengths.json")),
        Section("The search", figures=searched),
        Section("Curves over steps", [_CURVES] * bool(curves), figures=curves),
        Section("Confusion", figures=inputs.figures("confusion.json", best)),
        Section("Calibration", [_RELIABILITY] * bool(calibrated), figures=calibrated),
    ]


_RELIABILITY = (
    "A bar at the diagonal means that posts given this confidence are right this often. LinearSVC and the nearest "
    "neighbour have no probabilities of their own; theirs are a convention."
)
_CURVES = "Training loss by step, and what was measured after each epoch on the dev split."
_CALIBRATION = (
    "The expected calibration error (ECE) says by how much confidence and accuracy lie apart, on the mean. Beside it, "
    "calibration noise: the ECE that a perfectly calibrated model with the same confidences has by chance, on as many "
    "posts. An ECE near it shows nothing."
)


def _comparison(inputs: ReportInputs) -> Section:
    comparison, about = inputs.comparison, inputs.about
    caption = f"Accuracy on the test posts, with the interval of a bootstrap over {about.unit}"
    tables = [Table(caption, *side_by_side(comparison)), Table("All scores", *plain_rows(comparison[SCORES]))]
    seeded = comparison[comparison["seeds"] > 1][["technique", "protocol", "seeds", "accuracy_mean", "accuracy_sd"]]
    if len(seeded):
        tables.append(Table("The same training with several seeds: mean and standard deviation", *plain_rows(seeded)))
    if len(crossed := folds(comparison)):
        by = "tweet id" if about.ids else "groups of like texts"
        tables.append(Table(f"Accuracy over the folds by {by}", *plain_rows(crossed)))
    said, of_parts = _parts(inputs)
    return Section("Comparison", [*choices(comparison), *_protocols(inputs), _CALIBRATION, *said], [*tables, *of_parts])


def _parts(inputs: ReportInputs) -> tuple[list[str], list[Table]]:
    """Say what accuracy is on originals, where posts are reworded, and without the posts that resemble training."""
    said, tables, comparison = [], [], inputs.comparison
    known = comparison[~comparison["protocol"].str.fullmatch(_FOLD)].dropna(subset=["originals_posts"])
    reworded = known[known["originals_posts"] < known["n_validation"]]
    if len(reworded):
        said.append("An original is the first wording of a tweet in the file: one post a tweet, as a user meets them.")
        tables.append(Table("Accuracy on originals", *part_rows(reworded, ["originals"])))
    alike = known[(known["protocol"] != "published") & (known["resembling_posts"] > 0)]
    for protocol in dict.fromkeys(alike["protocol"]):
        found, posts = (inputs.accounts[protocol][name] for name in ("split", "test_posts"))
        n, rule = found["resembling"]["posts"], found["resembling"]["rule"]
        said.append(f"Under {protocol} {n:,} of {posts:,} test posts still resemble a training post: {rule}.")
    if len(alike):
        caption = "Accuracy where test posts resemble a training post, and where they do not"
        tables.append(Table(caption, *part_rows(alike, ["resembling", "not_resembling"])))
    return said, tables


def _protocols(inputs: ReportInputs) -> list[str]:
    """Say what the protocols that were run do with these data."""
    about, comparison = inputs.about, inputs.comparison
    held_out = "tweet ids" if about.ids else "groups of like texts"
    as_it_is = "the paper's protocol. Training holds copies of the test posts" if about.paper else ""
    words = {
        "published": f"published: {as_it_is or 'posts are split as they come'}; "
        "hyperparameters, prompt and epoch are chosen on the very posts that are reported.",
        "leak_free": f"leak_free: training posts that share {about.shared} with the test posts are out, and "
        "choices are made on training posts held out for it.",
        "grouped": f"grouped: a share of the training file's {held_out} is held out to measure on.",
    }
    ran = {str(protocol).partition("_")[0] for protocol in comparison["protocol"]}
    said = [text for protocol, text in words.items() if protocol.partition("_")[0] in ran]
    if comparison["paper_accuracy"].notna().any():
        said.append("The paper's figures are of the published protocol and of distilbert-base-uncased.")
    return said


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
    return Section(title, answers(table, inputs.level), [Table("What each answer rests on", *plain_rows(table))])


def _frontier(inputs: ReportInputs) -> Section:
    title, table = "Which technique for which need", inputs.frontier
    if not len(table):
        return Section(title)
    tables = [Table("Leak-free accuracy against what it costs, the best first", *plain_rows(table))]
    return Section(title, recommendations(table), tables, [("Accuracy against cost", frontier_figure(table))])


def _learning(inputs: ReportInputs) -> Section:
    curves = inputs.of("learning_curve/sizes.csv").items()
    said = [words for _, table in curves for words in _extrapolations(table, inputs.comparison)]
    tables = [Table(f"Accuracy by posts learnt from ({name})", *plain_rows(table[SIZES])) for name, table in curves]
    figures = inputs.figures("learning_curve/sizes.json")
    return Section("What more posts give", [*said, _LAW] if curves else [], tables, figures)


_LAW = (
    "The row that was not measured is a power law through those that were (scipy's least squares, the floor not below "
    "0), taken to all posts. Its interval is about which test posts were measured; not about the luck of a "
    "training, nor about whether the law holds that far."
)


def _extrapolations(table: pd.DataFrame, comparison: pd.DataFrame) -> list[str]:
    """Say what all posts would give, and beside it what they did give where that was measured."""

    def told(row: dict[Any, Any]) -> str:
        return f"{row['accuracy']:.4f} ({interval(row['accuracy_low'], row['accuracy_high'])})"

    said = []
    for row in table[~table["measured"].astype(bool)].to_dict("records"):
        alike = comparison["measured"].eq(True) & (comparison["protocol"] == row["protocol"])
        measured = [
            f" Its own run learnt from {one['n_train']:,.0f} and was right for {told(one)}."
            for one in comparison[alike & (comparison["technique"] == row["technique"])].to_dict("records")
        ]
        expected = f"{told(row)} is to be expected of all {row['n_train']:,.0f} posts; not measured."
        said.append(f"{row['technique']} ({row['protocol']}): {expected}{''.join(measured)}")
    return said


def _settings(inputs: ReportInputs) -> Section:
    tables = [
        Table(f"{caption} ({protocol})", *plain_rows(table))
        for file, caption in SETTINGS.items()
        for protocol, table in inputs.of(file).items()
    ]
    said = (
        "A row a setting. Accuracy, with its interval from low to high, is of the test posts; selection accuracy, by "
        "which a setting is to be chosen, of the dev split. Differences are to the first row, on the same posts."
    )
    return Section("One setting at a time", [said] * bool(tables), tables)


def _audit(inputs: ReportInputs) -> Section:
    if not inputs.audit:
        return Section("Leakage audit")
    examples = inputs.files["leaks.csv"]() if "leaks.csv" in inputs.files else pd.DataFrame()
    tables = audit_tables(inputs.audit)
    if len(examples):
        tables.append(Table("Test posts, and what stands of them in training", *plain_rows(examples)))
    said = audit_paragraphs(inputs.audit, "tweet ids" if inputs.about.paper else "ids")
    return Section("Leakage audit", said, tables)


def _cleaning(inputs: ReportInputs) -> Section:
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
    return Section("Cleaning", said, tables)


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


def as_markdown(title: str, sections: list[Section]) -> str:
    """Write the report without its figures."""
    lines = [f"# {title}"]
    for section in sections:
        if section.paragraphs or section.tables:
            lines += ["", f"## {section.title}"]
        for paragraph in section.paragraphs:
            lines += ["", paragraph]
        if section.commands:
            lines += ["", "```", *section.commands, "```"]
        for table in section.tables:
            lines += ["", f"{table.caption}:", "", *markdown(table.header, table.rows)]
    return "\n".join([*lines, ""])


def as_html(title: str, sections: list[Section]) -> str:
    """Write the report as one page: style, script and figures inside, every text escaped.

    The first section is the summary. A figure is drawn when it comes into sight, and all are before printing.
    """
    from plotly.offline import get_plotlyjs

    def alt(figure: Any, caption: str) -> str:
        """Return the figure's text alternative; of one that has none, its title or caption."""
        return str((figure.layout.meta or {}).get("alt") or figure.layout.title.text or caption)

    return rendered(
        "page.html.j2",
        escaped=True,
        title=title,
        plotly=get_plotlyjs(),
        sections=sections,
        json=lambda figure: str(figure.to_json()).replace("<", "\\u003c"),  # "</script>" cannot occur in it
        alt=alt,
        height=lambda figure: figure.layout.height or 430,
    )


def comparison_markdown(comparison: pd.DataFrame, techniques: Sequence[str], audit: dict[str, Any], run: str) -> str:
    """Write the comparison for a person: the leak, the table, what is missing, and what the protocols mean."""
    shown = shown_of(comparison, SHOWN)
    lines = [f"# Comparison, run `{run}`", ""]
    lines += [f"The files as they came: {headline(audit)}", ""] if audit else []
    lines += markdown(shown, comparison_rows(comparison, shown))
    for sentence in choices(comparison):
        lines += ["", sentence]
    for protocol, rows in comparison.groupby("protocol"):
        if missing := [name for name in techniques if name not in set(rows["technique"])]:
            lines += ["", f"Not run under `{protocol}`: {', '.join(missing)}."]
    ids, ran = audit.get("ids_known", True), set(comparison["protocol"])
    lines += [
        "",
        f"Encoder: {', '.join(sorted(set(comparison['encoder'])))}. "
        f"Seed: {comparison['seed'].iloc[0]}. Seconds include the one encoding of all posts where a technique uses it. "
        f"Interval: bootstrap over {'tweet ids' if ids else 'posts'}.",
        "",
    ]
    shared = "a tweet id, a text" if ids else "a text"
    meanings = {
        "leak_free": f"`leak_free`: no training post shares {shared} or a near-duplicate text with a test post.",
        "published": "`published`: the paper's protocol, in which they do; its figures measure memory as well.",
    }
    said = [words for protocol, words in meanings.items() if protocol in ran]
    if comparison["paper_accuracy"].notna().any():
        said.append(
            "The paper's own figures (`paper_accuracy`) are of the published protocol and of `distilbert-base-uncased`."
        )
    return "\n".join([*lines, " ".join(said), ""])

"""What is found, in words and tables: the leaks, the paper's claims, the ways of cleaning.

No verdict goes beyond what its interval and its test allow.
"""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Study
from tweet_sentiment.reports.tables import (
    COSTS,
    FEWER,
    Rows,
    Table,
    amount,
    listed,
    paragraphs,
    percent,
    points,
    rendered,
)
from tweet_sentiment.scoring.comparison import (
    BETTER,
    DIFFERENCE_ENDS,
    NOT_SHOWN,
    WORSE,
    against,
    p_words,
    verdict,
    verdicts,
)

PROTOCOLS = ("leak_free", "published")
SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "not shown", "not run"
BEST, CHEAPEST = "Prompt tuning is the most accurate", "Prompt tuning demands the least"
PAIRS = [  # claim, technique that is claimed to be right more often, the other
    ("Unfreezing layers is better than the baseline", "layer_unfreezing", "baseline"),
    ("Searching hyperparameters is better than the defaults", "hyperparameter_search", "layer_unfreezing"),
    *((BEST, "prompt_tuning", other) for other in ("baseline", "layer_unfreezing", "hyperparameter_search")),
]
TRAINED = ("layer_unfreezing", "hyperparameter_search")  # what prompt tuning is cheaper than, if the claim holds
APART = {"trainable_parameters": 1.0, "seconds": 2.0, "ms_per_post": 1.25}  # a loaded machine is no difference
STEPS = {("kept", "yes"): "Lemmatisation hurts", ("removed", "no"): "Removing stop words hurts"}
CLAIMS = list(dict.fromkeys([*(claim for claim, _, _ in PAIRS), CHEAPEST, *STEPS.values()]))
CLAIM_COLUMNS = ["claim", "protocol", "measure", "first", "second", "first_value", "second_value", "first_n_train"]
CLAIM_COLUMNS += ["second_n_train", "difference", "low", "high", "test", "p_value", "p_adjusted", "verdict", "note"]

Row = dict[str, Any]
COMPARED = [
    "published_letters_kept_plain",
    "published_plain",
    "none_plain",
    "minimal_plain",
    "minimal_emoji_named_plain",
]
WORDS_OF_STEPS = {("removed", "no"): "Removing stop words", ("kept", "yes"): "Lemmatising", ("removed", "yes"): "Both"}


# ---------------------------------------------------------------- leaks
def kinds(figures: dict[str, Any]) -> dict[str, str]:
    """Return the words for each kind of known test post that was looked for, the most telling kind first."""
    near = f"are almost word for word in training (similarity {figures['near_duplicate_threshold']:g} of 100 or more)"
    kinds = {
        "id": "share an id with training",
        "text": "are word for word in training",
        "normalised_text": "are in training except for case, spaces and punctuation",
        "near_duplicate": near,
    }
    return {kind: words for kind, words in kinds.items() if f"{kind}_count" in figures["overlap"]}


def headline(figures: dict[str, Any]) -> str:
    """Return one line: the largest share of known test posts; above ``data.audit.overlap_limit`` it says LEAK."""
    found, words, posts = figures["overlap"], kinds(figures), figures["posts"]["validation"]
    kind = max(words, key=lambda name: found[f"{name}_share"])
    share, count = found[f"{kind}_share"], found[f"{kind}_count"]
    known = f"{percent(share)} of the test posts ({count:,} of {posts:,}) {words[kind]}."
    return f"LEAK: {known} Accuracy on them is memory." if share > figures["overlap_limit"] else known


def audit_paragraphs(figures: dict[str, Any], paper: bool = True) -> list[str]:
    """Write the audit: the headline, the number of posts, the labels, and the accuracy of a look-up.

    ``paper``: the posts are tweets.
    """
    return paragraphs("audit", figures=figures, headline=headline(figures), paper=paper)


def audit_tables(figures: dict[str, Any]) -> list[Table]:
    """Return the overlap by kind, and the classes of training and test posts."""
    found, balance = figures["overlap"], figures["class_balance"]
    overlap = [
        [words, f"{found[f'{kind}_count']:,}", percent(found[f"{kind}_share"])]
        for kind, words in [*kinds(figures).items(), ("any", "any of these")]
    ]
    classes = []
    for label in sorted(set(balance["training"]) | set(balance["validation"])):
        sides = [balance[side].get(label, {"posts": 0, "share": 0.0}) for side in ("training", "validation")]
        classes.append([label, *(cell for s in sides for cell in (f"{s['posts']:,}", percent(s["share"])))])
    return [
        Table("Test posts that are known from training", ["they", "posts", "share"], overlap),
        Table("Classes", ["label", "training", "share", "validation", "share"], classes),
    ]


# ---------------------------------------------------------------- the paper's claims
def claims_table(
    comparison: pd.DataFrame, differences: dict[str, pd.DataFrame], ablations: dict[str, pd.DataFrame], level: float
) -> pd.DataFrame:
    """Return one row per comparison that a claim rests on, under each of ``PROTOCOLS``; columns ``CLAIM_COLUMNS``.

    A claim says that ``first`` is better. ``difference`` is the accuracy of ``first`` minus that of ``second``;
    interval and p-values come from ``differences`` or ``ablations`` (``preprocessing_ablation``'s tables), which are
    by protocol. Costs have no interval.
    """
    rows = []
    for protocol in PROTOCOLS:
        mine = comparison[(comparison["protocol"] == protocol) & comparison["measured"].eq(True)]
        known = {str(row["technique"]): {str(k): v for k, v in row.items()} for row in mine.to_dict("records")}
        tested = differences.get(protocol, pd.DataFrame())
        asked = [_pair(*one, known, tested, level) for one in PAIRS]
        asked += _cleaning(ablations.get(protocol, pd.DataFrame()))
        asked = [row | dict(zip(("verdict", "note"), accuracy_verdict(row, level), strict=True)) for row in asked]
        asked += [_cost(cost, other, known) for cost in APART for other in TRAINED]
        rows += [row | {"protocol": protocol} for row in asked]
    table = pd.DataFrame(rows, columns=CLAIM_COLUMNS)
    return table.sort_values("claim", key=lambda c: c.map(CLAIMS.index), kind="stable").reset_index(drop=True)


def _pair(claim: str, first: str, second: str, known: dict[str, Row], differences: pd.DataFrame, level: float) -> Row:
    row: Row = {"claim": claim, "measure": "accuracy", "first": first, "second": second}
    tested = against(second, differences, level)
    if first in tested.index and {first, second} <= set(known):
        row |= {name: tested.at[first, name] for name in ("difference", "low", "high", "test", "p_value", "p_adjusted")}
    return row | _of_both("accuracy", first, second, known)


def _of_both(measure: str, first: str, second: str, known: dict[str, Row]) -> Row:
    return {
        f"{place}_{what}": known.get(name, {}).get(column)
        for place, name in (("first", first), ("second", second))
        for what, column in (("value", measure), ("n_train", "n_train"))
    }


def _cleaning(ablation: pd.DataFrame) -> list[Row]:
    ways = {str(row["variant"]): row for row in ablation.to_dict("records")}
    rows: list[Row] = []
    for name, way in ways.items():
        if claim := STEPS.get((way["stop_words"], way["lemmas"])):
            plain = ways[way["reference"]]
            row = {"claim": claim, "measure": "accuracy", "first": way["reference"], "second": name}
            row |= {"first_value": plain["accuracy"], "second_value": way["accuracy"]}
            row |= {"first_n_train": plain["n_train"], "second_n_train": way["n_train"]}
            row |= {key: way[key] for key in ("test", "p_value", "p_adjusted")}
            ends = {"difference": "difference", "low": "difference_high", "high": "difference_low"}
            rows.append(row | {key: -way[column] + 0.0 for key, column in ends.items()})  # 0.0 rather than -0.0
    missing = [claim for claim in STEPS.values() if claim not in {row["claim"] for row in rows}]
    return rows + [{"claim": claim, "measure": "accuracy", "first": "without", "second": "with"} for claim in missing]


def accuracy_verdict(row: Row, level: float) -> tuple[str, str]:
    """Return the verdict on "first is right more often", and a note on why it is undecided.

    A technique that was trained on fewer posts cannot lose: the verdict is then undecided.
    """
    if "p_adjusted" not in row:
        return NOT_RUN, ""
    found = verdict(row["low"], row["high"], row["p_adjusted"], level)
    if found == NOT_SHOWN:
        return UNDECIDED, ""
    answered, loser = (CONTRADICTED, "first") if found == WORSE else (SUPPORTED, "second")
    if _learnt_less(row, loser):
        return UNDECIDED, f"{row[loser]} learnt from fewer posts"
    return answered, ""


def _learnt_less(row: Row, place: str) -> bool:
    other = "second" if place == "first" else "first"
    mine, its = row[f"{place}_n_train"], row[f"{other}_n_train"]
    return bool(0 < mine < FEWER * its)


def _cost(cost: str, other: str, known: dict[str, Row]) -> Row:
    first = "prompt_tuning"
    row: Row = {"claim": CHEAPEST, "measure": cost, "first": first, "second": other}
    row |= _of_both(cost, first, other, known)
    if pd.isna(row["first_value"]) or pd.isna(row["second_value"]):
        return row | {"verdict": NOT_RUN, "note": ""}
    alike = all(known[first].get(key) == known[other].get(key) for key in ("device", "dtype"))
    answered, note = cost_verdict(row, alike)
    return row | {"verdict": answered, "note": note}


def cost_verdict(row: Row, alike: bool) -> tuple[str, str]:
    """Return the verdict on "first costs less", and a note on why it is undecided; ``alike``: same device and dtype.

    Times must differ by the factor of ``APART``, and a training is not called cheap because it had fewer posts.
    """
    cost, mine, other = row["measure"], row["first_value"], row["second_value"]
    if cost != "trainable_parameters" and not alike:
        return UNDECIDED, "measured on different devices"
    if mine == other or max(mine, other) < APART[cost] * min(mine, other):
        return UNDECIDED, "too near to each other"
    answered, winner = (SUPPORTED, "first") if mine < other else (CONTRADICTED, "second")
    if cost == "seconds" and _learnt_less(row, winner):
        return UNDECIDED, f"{row[winner]} learnt from fewer posts"
    return answered, ""


def answer(verdicts: list[str]) -> str:
    """Return a claim's verdict: supported if all its comparisons support it, contradicted if one contradicts it."""
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    if set(verdicts) == {SUPPORTED}:
        return SUPPORTED
    return NOT_RUN if set(verdicts) <= {NOT_RUN} else UNDECIDED


def reading(level: float) -> list[str]:
    """Say what the verdicts mean."""
    return paragraphs("reading", level=level, apart=APART)


def claims_answered(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of the verdict on each claim under each protocol."""
    asked = table.groupby(["claim", "protocol"])["verdict"].agg(list)

    def said(found: list[str]) -> str:
        many = len(found) > 1 and answer(found) != NOT_RUN
        return answer(found) + f" ({found.count(SUPPORTED)} of {len(found)} comparisons support it)" * many

    return ["claim", *PROTOCOLS], [[c, *(said(asked.get((c, one), [NOT_RUN])) for one in PROTOCOLS)] for c in CLAIMS]


def evidence(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of the comparisons that were run: their figures, and the verdict on each."""
    rows = []
    for row in table[table["verdict"] != NOT_RUN].to_dict("records"):
        if row["measure"] in COSTS:
            figures = f"{amount(row['first_value'])} to {amount(row['second_value'])} {COSTS[row['measure']]}"
        else:
            figures = f"{points(row)}, adjusted p {p_words(row['p_adjusted'])}"
        note = f", {row['note']}" if isinstance(row["note"], str) and row["note"] else ""
        pair = f"{row['first']} against {row['second']}"
        rows.append([row["claim"], row["protocol"], pair, figures, f"{row['verdict']}{note}"])
    return ["claim", "protocol", "compared", "figures", "verdict"], rows


# ---------------------------------------------------------------- the ways of cleaning
def cleaning_summary(
    table: pd.DataFrame, example: dict[str, str], run: str, study: Study, checkpoint: str, level: float
) -> str:
    """Write the summary of the ways of cleaning as Markdown, with figures.

    ``table`` is the result of ``compare_variants``, ``example`` one post cleaned each way.
    """
    judged = table.assign(verdict=verdicts(table, level, *DIFFERENCE_ENDS))
    rows = {str(row["variant"]): row for row in judged.to_dict("records")}
    stepped = [row for row in rows.values() if (row["stop_words"], row["lemmas"]) in WORDS_OF_STEPS]
    compared = [row for row in rows.values() if row["reference"] and not pd.isna(row["reference"])]
    return rendered(
        "cleaning.md.j2",
        rows=rows,
        stepped=stepped,
        costs=[rows[name] for name in COMPARED],
        compared=compared,
        emptied=max(rows.values(), key=lambda row: row["empty_after_cleaning"]),
        half=float(pd.Series([(row["difference_high"] - row["difference_low"]) / 2 for row in stepped]).median()),
        answers=[_answer(steps, stepped) for steps in WORDS_OF_STEPS],
        first=next(iter(rows.values())),
        example=example,
        run=run,
        study=study,
        checkpoint=checkpoint,
        level=level,
        p_words=p_words,
    )


def _answer(steps: tuple[str, str], stepped: list[dict[Any, Any]]) -> str:
    """Say in one line what a step does under each cleaning, and whether the paper says the same."""
    verdicts = {row["cleaning"]: row["verdict"] for row in stepped if (row["stop_words"], row["lemmas"]) == steps}
    found = set(verdicts.values())
    under = {
        one: listed([f"`{way}`" for way, its in verdicts.items() if its == one])
        for one in dict.fromkeys(verdicts.values())
    }
    said = "; ".join(f"{one} under {cleanings}" for one, cleanings in under.items())
    if BETTER in found:
        paper = "The paper says otherwise."
    elif WORSE in found:
        paper = "The paper says the same." if found == {WORSE} else "This supports the paper in part."
    else:
        paper = "The paper's claim is not shown here."
    return f"- {WORDS_OF_STEPS[steps]}: {said}. {paper}"

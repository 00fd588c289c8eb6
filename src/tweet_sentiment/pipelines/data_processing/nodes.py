"""Raw CSV to tokens; pandas in, pandas out."""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.data import filtering, reading
from tweet_sentiment.data.lines import Source
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters, DevSplitParameters, ModelParameters, Study
from tweet_sentiment.storage import fingerprint, sha256

logger = logging.getLogger(__name__)


def read_posts(
    training_file: Source, validation_file: Source, data: DataParameters, study: Study
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Read every row of both files unchanged; without a validation file the second table is empty.

    Ids that cannot be trusted are reported, and not used from here on.
    """
    from tweet_sentiment.data.leakage import ALL_DIFFER, without_untrusted

    files = {"training": training_file}
    if data.validation_file is not None:
        files["validation"] = validation_file
    read = {part: reading.read_posts(file, data, study.labels) for part, file in files.items()}
    told = {"ids": "none", "group": data.columns.group, "entities": data.columns.entity is not None}
    account = {part: _describe(file, read[part]) | told for part, file in files.items()}
    if data.columns.id is not None:
        tables, reason = without_untrusted(list(read.values()))
        read = dict(zip(read, tables, strict=True))
        for part in account:
            account[part]["ids"] = "trusted" if reason is None else f"not used: {reason}"
        if reason == ALL_DIFFER:
            logger.info("No two posts share an id (data.columns.id), so posts are grouped by their texts.")
        elif reason is not None:
            logger.warning(
                "The ids (data.columns.id) are not used: %s. Posts are grouped by their texts instead. If the "
                "column names users, threads or the like, give it as data.columns.group; if it has no ids, set "
                "data.columns.id to null; if a spreadsheet rounded them, use the original file.",
                reason,
            )
    posts = read["training"], read.get("validation", read["training"].head(0))
    filter_posts(*posts, data, study)  # what it refuses is refused before anything is written
    return *posts, account


def _describe(file: Source, posts: pd.DataFrame) -> dict[str, Any]:
    name = file.name.replace("\\", "/").rpartition("/")[2]
    return {"file": name, "sha256": sha256(file.read()), "rows": len(posts)}


def filter_posts(
    read_training_posts: pd.DataFrame, read_validation_posts: pd.DataFrame, data: DataParameters, study: Study
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Drop posts without text or with a label of ``drop_labels``; shuffle with the seed."""
    labels, seed = study.labels, study.seed
    training, account = filtering.filter_posts(read_training_posts, data, labels, seed, data.training_file)
    filtering.check_enough(training, labels, data, study.protocol)
    if data.validation_file is None:
        return training, read_validation_posts, {"training": account}
    validation, other = filtering.filter_posts(read_validation_posts, data, labels, seed, data.validation_file)
    return training, validation, {"training": account, "validation": other}


def audit_posts(
    filtered_training_posts: pd.DataFrame,
    filtered_validation_posts: pd.DataFrame,
    data: DataParameters,
    study: Study,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure how many test posts are known from training; without a validation file, those of a random split."""
    from tweet_sentiment.data.audit import audit
    from tweet_sentiment.reports.findings import headline

    data = filtering.with_known_ids(filtered_training_posts, data)
    figures, examples = audit(filtered_training_posts, filtered_validation_posts, data, study.seed)
    where = "With test posts drawn row by row" if data.validation_file is None else "The files as they came"
    said = headline(figures)
    if said.startswith("LEAK") and study.protocol != "published":
        said += f" This run keeps them apart ({study.protocol})."
    logger.warning("%s: %s", where, said)
    return figures, examples


def split_posts(
    filtered_training_posts: pd.DataFrame,
    filtered_validation_posts: pd.DataFrame,
    table_of_label_issues: pd.DataFrame,
    data: DataParameters,
    dev_split: DevSplitParameters,
    study: Study,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Split the posts by the protocol, mark the dev split, and report which test posts are known.

    The column ``resembles_training`` marks test posts that are still similar to a training post after the leaking ones
    are removed. In a file without ids, test posts with like texts get the same one. ``table_of_label_issues`` is empty
    if the labels have not been judged; ``data.label_issues`` "drop" needs it.

    Raises:
        StudyError: the labels are to be judged first.
    """
    from tweet_sentiment.data import leakage, splitting
    from tweet_sentiment.data.label_issues import without_issues

    data, protocol = filtering.with_known_ids(filtered_training_posts, data), study.protocol
    training, test = (
        splitting.with_cleaned(posts, data) for posts in (filtered_training_posts, filtered_validation_posts)
    )
    for name, posts in (("training", training), ("validation", test)):
        filtering.check_not_emptied(posts[splitting.CLEANED], data, f"The {name} posts")
    given = None if data.validation_file is None else test
    training, test, counts = splitting.split_posts(training, given, protocol, data, study.seed)
    training, left_out = splitting.mark_dev_split(training, protocol, dev_split, data, study.seed)
    counts |= {"removed_for_dev_split": left_out, "kept": len(training), "dev": int(training["dev"].sum())}
    if data.label_issues == "drop":
        if "row" not in table_of_label_issues:
            raise StudyError(
                "data.label_issues is drop, but the labels have not been judged for this run.\n"
                "  Judge them first:  kedro run --pipelines=label_issues\n"
                "  Or keep the posts: --params=data.label_issues=keep"
            )
        before, training = len(training), without_issues(training, table_of_label_issues)
        filtering.check_classes(training, study.labels, "The training posts without label issues")
        counts |= {"removed_label_issue": before - len(training), "kept": len(training)}
    read_training, read_test = (splitting.as_read(posts, data) for posts in (training, test))
    training, test = (posts.drop(columns=splitting.CLEANED) for posts in (training, test))
    if not data.columns.joins:  # intervals and tests draw copies together
        test = test.assign(id=splitting.ids_of_like_texts(read_test, data.leak_free))
    test = test.assign(resembles_training=leakage.resembles(read_test["post"], read_training["post"]))
    overlap = leakage.overlap(read_training, read_test, ids_known=data.columns.id is not None)
    exempt = leakage.exempt(read_training, read_test, data.leak_free.near_duplicate_threshold)
    conflicts = leakage.conflicting_labels(training)
    known = max(share for name, share in overlap.items() if name.endswith("_share"))
    if known > data.audit.overlap_limit:
        logger.warning(
            "LEAK: under protocol %s %.1f %% of the test posts are known from training. Scores on them measure memory; "
            "for leak-free scores: --params=protocol=leak_free",
            protocol,
            100 * known,
        )
    if conflicts:
        logger.warning("Texts of training posts with two labels or more: %d.", conflicts)
    rest, dev = splitting.dev_split(training)
    parts = {"training": rest, "dev": dev, "test": test}
    marked = dev[["row", "label", "post"]].sort_values("row")
    account: dict[str, Any] = counts | {
        "overlap": overlap,
        "exempt": exempt,
        "conflicting_labels": conflicts,
        "resembling": {"posts": int(test["resembles_training"].sum()), "rule": leakage.RESEMBLANCE},
        "parts": {name: splitting.described(posts) for name, posts in parts.items()},
        "dev_split": fingerprint(marked.to_csv(index=False)),
    }
    return training, test, account


def clean_posts(
    split_training_posts: pd.DataFrame, split_test_posts: pd.DataFrame, data: DataParameters
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Clean the posts as ``data.cleaning`` says; posts that lose all their text are kept, counted and reported.

    Raises:
        StudyError: too many training or test posts would lose all their text.
    """
    from tweet_sentiment.data import splitting

    tables, account = [], {}
    for name, posts in (("training", split_training_posts), ("validation", split_test_posts)):
        cleaned = splitting.as_read(posts, data)
        emptied = filtering.check_not_emptied(cleaned["post"], data, f"The {name} posts")
        if emptied:
            logger.warning(
                "%s of %s %s posts lose all their text by data.cleaning=%s, and are kept as empty posts.",
                f"{emptied:,}",
                f"{len(posts):,}",
                name,
                data.cleaning,
            )
        account[name] = {"empty_after_cleaning": emptied}
        tables.append(cleaned)
    return tables[0], tables[1], account


def tokenize_posts(
    training_posts: pd.DataFrame, test_posts: pd.DataFrame, model: ModelParameters, study: Study
) -> tuple[Any, Any, dict[str, Any]]:
    """Split posts into word pieces, as two ``datasets.Dataset``; see ``modeling.tokenization``."""
    from tweet_sentiment.modeling.encoders import load_tokenizer
    from tweet_sentiment.modeling.tokenization import tokenize

    tokenizer = load_tokenizer(model.checkpoint)
    training, cut = tokenize(training_posts, tokenizer, study.labels, model.max_length)
    validation, cut_too = tokenize(test_posts, tokenizer, study.labels, model.max_length)
    return training, validation, {"training": {"truncated": cut}, "validation": {"truncated": cut_too}}


def account_rows(
    read_counts: dict[str, Any],
    filter_counts: dict[str, Any],
    split_counts: dict[str, Any],
    cleaning_counts: dict[str, Any],
    tokenization_counts: dict[str, Any],
    data: DataParameters,
    dev_split: DevSplitParameters,
    study: Study,
) -> dict[str, Any]:
    """Collect the row counts of all steps (rows in = rows kept + rows dropped, by reason), and the data's parameters.

    It has everything that decides about the posts, so that a training depends on this dataset alone.
    """
    account = {
        "protocol": study.protocol,
        "seed": study.seed,
        "texts": data.texts,
        "parameters": {"data": data.model_dump(exclude={"audit"}), "dev_split": dev_split.model_dump()},
        "files": read_counts,
        "filtered": filter_counts,
        "split": split_counts,
        "cleaned": cleaning_counts,
        "tokenized": tokenization_counts,
        "training_posts": split_counts["kept"],
        "dev_posts": split_counts["dev"],
        "test_posts": split_counts["validation"],
    }
    for part, file in filter_counts.items():
        dropped = _counts(file, "dropped_")
        logger.info(
            "%s: %s rows, %s kept%s.",
            read_counts[part]["file"],
            f"{file['rows_in']:,}",
            f"{file['kept']:,}",
            f" (dropped: {dropped})" if dropped else "",
        )
    if removed := _counts(split_counts, "removed_"):
        logger.info("Removed from training, by reason: %s.", removed)
    logger.info(
        "%s training posts (%s of them in the dev split), %s test posts.",
        *(f"{account[part]:,}" for part in ("training_posts", "dev_posts", "test_posts")),
    )
    return account


def _counts(account: dict[str, Any], prefix: str) -> str:
    counts = {key.removeprefix(prefix): count for key, count in account.items() if key.startswith(prefix) and count}
    return ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in counts.items())

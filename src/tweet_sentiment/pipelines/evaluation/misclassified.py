"""Where a technique errs: accuracy by group of posts, and the mistakes it was surest of."""

import numpy as np
import pandas as pd

from tweet_sentiment.data.filtering import has_ids
from tweet_sentiment.schema import StudyParameters
from tweet_sentiment.scoring.bootstrap import tweet_codes
from tweet_sentiment.scoring.calibration import confidence_of

from .parts import with_posts

MISTAKES = 50
_MOST_WORDS = [0, 5, 10, 20, 40]
_LENGTHS = ["0", "1 to 5", "6 to 10", "11 to 20", "21 to 40", "41 or more"]  # a spreadsheet takes 6-10 for a date


def analyse_errors(
    predictions: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    split_training_posts: pd.DataFrame,
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return accuracy by group, and the mistakes that were made with the most confidence, at most ``MISTAKES``.

    The posts are as posted, not as cleaned. By group: grouping (entity, length in words, seen_id, label), group,
    posts, effective_posts, right, accuracy, low, high. Groupings by a column that the files lack are left out.

    Raises:
        StudyError: the predictions are not about ``split_test_posts``.
    """
    posts = with_posts(predictions, split_test_posts, ["entity", "post"])
    posts["confidence"] = confidence_of(posts, parameters.labels)
    posts["right"] = posts["label"] == posts["predicted"]
    posts["tweet"] = tweet_codes(posts)
    groupings = _groupings(posts, split_training_posts["id"], parameters)
    by_group = [_accuracy_by(name, groups, posts, parameters.uncertainty.level) for name, groups in groupings.items()]
    return pd.concat(by_group, ignore_index=True), _mistakes(posts)


def _groupings(posts: pd.DataFrame, training_ids: pd.Series, parameters: StudyParameters) -> dict[str, pd.Series]:
    """Return the group of each post, by grouping; ids and entities that the files do not have tell nothing."""
    columns = parameters.data.columns
    words = [len(post.split()) for post in posts["post"]]
    lengths = pd.Categorical.from_codes(np.searchsorted(_MOST_WORDS, words), pd.Index(_LENGTHS), ordered=True)
    seen = posts["id"].isin(training_ids).map({True: "yes", False: "no"}).where(posts["id"] != "", "unknown")
    return {
        **({} if columns.entity is None else {"entity": posts["entity"]}),
        "length": pd.Series(lengths),
        **({"seen_id": seen} if has_ids(posts, parameters.data) else {}),
        "label": pd.Series(pd.Categorical(posts["label"], parameters.labels)),
    }


def _accuracy_by(grouping: str, groups: pd.Series, posts: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return one row a group that has posts, in the order of the groups.

    The interval is Wilson's (1927), for ``effective_posts``: copies of one tweet tell hardly more than the tweet
    itself, so n posts, m of each tweet, count as n² / Σm² (effective sample size, L. Kish, "Survey Sampling", 1965;
    the cautious case: copies all judged alike). Where every id occurs once these are the posts.
    """
    from statsmodels.stats.proportion import proportion_confint

    by_group = posts.groupby(groups, observed=True)
    table = by_group.agg(posts=("right", "size"), right=("right", "sum"), accuracy=("right", "mean"))
    squares = by_group["tweet"].agg(lambda tweets: tweets.value_counts().pow(2).sum())
    effective = table["posts"] ** 2 / squares
    low, high = proportion_confint(table["accuracy"] * effective, effective, alpha=1 - level, method="wilson")
    table = table.assign(low=low, high=high, grouping=grouping, group=table.index.astype("str"))
    table["effective_posts"] = effective.round(1)
    columns = ["grouping", "group", "posts", "effective_posts", "right", "accuracy", "low", "high"]
    return table.reset_index(drop=True)[columns]


def _mistakes(posts: pd.DataFrame) -> pd.DataFrame:
    wrong = posts[~posts["right"]].sort_values(["confidence", "row"], ascending=[False, True], ignore_index=True)
    return wrong.head(MISTAKES)[["row", "id", "entity", "label", "predicted", "confidence", "post"]]

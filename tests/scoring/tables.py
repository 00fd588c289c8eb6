"""Tables of predictions, made from numbers."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

LABELS = ["Negative", "Neutral", "Positive"]


def predictions(true, given, ids=None, labels=LABELS) -> pd.DataFrame:
    """Return predictions about rows 1, 2, …; each row is its own tweet unless ``ids`` says otherwise."""
    names, rows = np.array(labels), np.arange(1, len(true) + 1)
    ids = [str(i) for i in (rows if ids is None else ids)]
    return pd.DataFrame({"row": rows, "id": ids, "label": names[list(true)], "predicted": names[list(given)]})


def draw_tweets(generator: np.random.Generator, tweets: int, alike: float) -> pd.DataFrame:
    """Draw predictions that are right with a chance of 0.7, about tweets of 1 to 11 rows.

    ``alike``, from 0 to 1: how much the rows of one tweet are right or wrong together.
    """
    sizes = generator.integers(1, 12, tweets)
    chance = 0.7 + alike * ((generator.random(tweets) < 0.7) - 0.7)
    ids = np.repeat(np.arange(tweets), sizes)
    right = generator.random(len(ids)) < chance[ids]
    true = generator.integers(0, 3, len(ids))
    return predictions(true, np.where(right, true, (true + 1) % 3), ids)


@st.composite
def small_predictions(draw, copies: bool = True) -> pd.DataFrame:
    """Two tweets or more, with one row or more each (``copies``)."""
    codes = st.integers(0, len(LABELS) - 1)
    rows = draw(st.lists(st.tuples(codes, codes, st.integers(0, 5)), min_size=2, max_size=25))
    true, given, tweets = zip(*rows, strict=True)
    return predictions(true, given, [0, 9, *tweets[2:]] if copies else None)

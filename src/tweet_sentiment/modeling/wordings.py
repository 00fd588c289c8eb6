"""The wordings of a tweet used for what they are: one of them an epoch, or two side by side."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from tweet_sentiment.scoring.bootstrap import tweet_codes

Units = list[list[int]]


def by_tweet(posts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Put the tweets in an order drawn by ``seed``, each with all its wordings: the first n rows are a set of size n.

    At most one tweet of a set is there without some of its wordings.
    """
    tweets = tweet_codes(posts)
    place = np.random.default_rng(seed).permutation(int(tweets.max()) + 1)
    return posts.iloc[np.argsort(place[tweets], kind="stable")].reset_index(drop=True)


class WordingSampler(Sampler[int]):
    """Yields positions of posts, anew in each epoch and the same for the same seed and epoch.

    ``one`` true: of each tweet one wording an epoch (with ``pairs``, two); false: all of them. ``pairs``: positions
    2i and 2i + 1 are wordings of one tweet, never the same one unless it has no other. Posts or pairs of like lengths
    come together, as in ``transformers``' sampler.
    """

    def __init__(
        self, ids: list[str], lengths: list[int], batch_size: int, seed: int, *, one: bool, pairs: bool
    ) -> None:
        positions: dict[str, list[int]] = {}
        for position, tweet in enumerate(ids):
            positions.setdefault(tweet, []).append(position)
        self._tweets = [np.array(those) for those in positions.values()]
        self._lengths, self._seed, self._epoch = lengths, seed, 0
        self._one, self._pairs = one, pairs
        self._units_a_batch = max(1, batch_size // 2) if pairs else batch_size

    def set_epoch(self, epoch: int) -> None:
        """Draw what this epoch has; the Trainer calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        if self._pairs:
            return 2 * sum(1 if self._one else -(-len(those) // 2) for those in self._tweets)
        return len(self._tweets) if self._one else sum(map(len, self._tweets))

    def __iter__(self) -> Iterator[int]:
        drawing = np.random.default_rng([self._seed, self._epoch])
        units = [unit for those in self._tweets for unit in self._drawn(drawing.permutation(those))]
        lengths = [max(self._lengths[i] for i in unit) for unit in units]
        order = torch.Generator().manual_seed(int(drawing.integers(2**62)))
        for unit in get_length_grouped_indices(lengths, self._units_a_batch, generator=order):
            yield from units[unit]

    def _drawn(self, shuffled: NDArray[np.int64]) -> Units:
        """Return what of one tweet is learnt in this epoch, in units that stay together."""
        if not self._pairs:
            return [[int(i)] for i in (shuffled[:1] if self._one else shuffled)]
        if len(shuffled) % 2:
            shuffled = np.append(shuffled, shuffled[0])
        pairs = shuffled.reshape(-1, 2)[:1] if self._one else shuffled.reshape(-1, 2)
        return [[int(a), int(b)] for a, b in pairs]

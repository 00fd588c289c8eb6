"""Wordings of a tweet: one an epoch, or two side by side, whatever the data."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.modeling.conftest import LABELS
from tests.modeling.tuned import BATCH, few, tiny, tuning_data

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.tuning import tune
from tweet_sentiment.modeling.wordings import WordingSampler

IDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40)


def drawn(ids, epoch, batch=4, seed=1, lengths=None, **how):
    sampler = WordingSampler(ids, lengths or [3] * len(ids), batch, seed, **how)
    sampler.set_epoch(epoch)
    positions = list(sampler)
    assert len(positions) == len(sampler)
    return positions


@given(IDS, st.integers(0, 5))
def test_one_wording_of_each_tweet_an_epoch(ids, epoch):
    positions = drawn(ids, epoch, one=True, pairs=False)
    assert sorted(ids[i] for i in positions) == sorted(set(ids))


@given(IDS, st.integers(0, 5), st.booleans())
def test_pairs_are_two_wordings_of_one_tweet_and_not_the_same_unless_it_has_one(ids, epoch, one):
    positions = drawn(ids, epoch, one=one, pairs=True)
    pairs = list(zip(positions[0::2], positions[1::2], strict=True))
    counts = Counter(ids)
    assert all(ids[a] == ids[b] for a, b in pairs)
    assert all((a != b) == (counts[ids[a]] > 1) for a, b in pairs)
    assert {ids[a] for a, _ in pairs} == set(ids)
    if one:
        assert len(pairs) == len(counts)
    else:
        assert set(positions) == set(range(len(ids)))


def test_epochs_draw_other_wordings_and_in_time_all_of_them():
    ids = ["a"] * 6 + ["b"] * 6
    epochs = [drawn(ids, epoch, one=True, pairs=False) for epoch in range(40)]
    assert {i for positions in epochs for i in positions} == set(range(12))
    assert len({tuple(sorted(positions)) for positions in epochs}) > 10


def test_the_same_seed_and_epoch_draw_the_same_and_another_seed_does_not():
    ids = [str(i // 3) for i in range(60)]
    one, same, other = (drawn(ids, 2, seed=seed, one=True, pairs=False) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_posts_of_like_lengths_come_together():
    ids = [str(i) for i in range(400)]
    lengths = [5 + (i * 37) % 60 for i in range(400)]
    positions = drawn(ids, 0, batch=8, lengths=lengths, one=True, pairs=False)
    batches = [[lengths[i] for i in positions[at : at + 8]] for at in range(0, 400, 8)]
    padded = sum(max(batch) - length for batch in batches for length in batch)
    assert padded < 0.1 * sum(lengths)


@pytest.mark.parametrize(("one", "weight", "rows"), [(True, 0.0, 10), (True, 1.0, 20), (False, 1.0, 40)])
def test_the_trainer_sees_what_the_sampler_draws_anew_in_each_epoch(
    tiny_folder, parameters, tmp_path, one, weight, rows
):
    """Ten tweets of three wordings are learnt from."""
    chosen = few(parameters.full_fine_tuning, one_wording_per_epoch=one, consistency_weight=weight, num_train_epochs=3)
    model = load_classifier(str(tiny_folder), LABELS, seed=1)
    seen = []
    model.register_forward_pre_hook(
        lambda module, args, given: seen.append(given["input_ids"].tolist()) if module.training else None,
        with_kwargs=True,
    )
    fitted = tune(model, tuning_data(tmp_path), chosen, tiny(parameters, tiny_folder))
    assert fitted.fit.figures["steps"] == len(seen) == 3 * -(-rows // BATCH)
    epochs = [seen[at : at + len(seen) // 3] for at in range(0, len(seen), len(seen) // 3)]
    assert all(sum(map(len, epoch)) == rows for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]

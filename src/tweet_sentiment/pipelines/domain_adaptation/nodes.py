"""The posts to which the encoder may be adapted, and the adaptation."""

import logging
from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import DataParameters, Study
from tweet_sentiment.techniques import domain_adaptation as technique

logger = logging.getLogger(__name__)


def collect_posts(
    read_training_posts: pd.DataFrame,
    split_training_posts: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    data: DataParameters,
    study: Study,
    domain_adaptation: technique.Parameters,
) -> pd.DataFrame:
    """Return every text of the training file once, cleaned, with any label; columns ``id`` and ``post``.

    Texts that leak a test post by the protocol's rules are left out, and so is the dev split with its paraphrases, on
    which choices are made. ``published`` takes all texts.
    """
    from tweet_sentiment.data.filtering import has_ids
    from tweet_sentiment.data.leakage import leaking_rows
    from tweet_sentiment.data.splitting import as_read, dev_split

    posts, test = as_read(read_training_posts, data), as_read(split_test_posts, data)
    ids_known = has_ids(read_training_posts, data) or data.columns.group is not None
    if study.has_dev_split:
        dev = as_read(dev_split(split_training_posts)[1], data)
        tied = leaking_rows(posts, test, data.leak_free, ids_known).any(axis=1)
        rules = data.leak_free.model_copy(update={"near_duplicate": False})
        posts = posts[~(tied | leaking_rows(posts, dev, rules, ids_known).any(axis=1))]
    texts = posts[["id", "post"]]
    kept = texts[texts["post"].str.strip() != ""].drop_duplicates("post")
    kept = kept.sample(frac=1, random_state=study.seed).head(domain_adaptation.row_limit or len(kept))
    logger.info("%d of %d texts to adapt to.", len(kept), len(read_training_posts))
    return kept.reset_index(drop=True)


def adapt(
    adaptation_posts: pd.DataFrame, domain_adaptation: technique.Parameters, **given: Any
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Adapt the encoder to the posts; return the encoder, curves and figures.

    The folder is an encoder, for ``model.checkpoint`` or a technique's ``checkpoint``.
    """
    from tweet_sentiment.modeling.encoders import load_tokenizer
    from tweet_sentiment.modeling.fitting import Setup, refuse_adapted_to_other_posts
    from tweet_sentiment.modeling.model_folder import TrainedModel
    from tweet_sentiment.modeling.tokenization import tokenize

    start, setup = perf_counter(), Setup(**given)
    refuse_adapted_to_other_posts(setup.model.checkpoint, setup.row_counts)
    held_out = max(1, round(len(adaptation_posts) * domain_adaptation.measured_share))
    setup.training.check_warm_up(
        "domain_adaptation.hyperparameters", domain_adaptation.hyperparameters, len(adaptation_posts) - held_out
    )
    tokenizer = load_tokenizer(setup.model.checkpoint)
    unlabelled = adaptation_posts.assign(label=setup.labels[0])  # tokenize wants one; it is not looked at
    tokens, _ = tokenize(unlabelled, tokenizer, setup.labels, setup.model.max_length)
    encoder, curves = technique.adapt_encoder(
        tokens.select(range(held_out, len(tokens))), tokens.select(range(held_out)), domain_adaptation, setup
    )
    figures = {
        "n_adapted": len(tokens) - held_out,
        "eval_loss": float(curves["eval_loss"].dropna().iloc[-1]),
        "seconds": perf_counter() - start,
        "device": setup.device.name,
        "dtype": setup.device.precision,
    }
    made = setup.manifest("domain_adaptation", {"domain_adaptation": domain_adaptation.model_dump()}, figures)
    return TrainedModel(encoder, tokenizer, made), curves, figures

"""The posts that the encoder may be adapted to, and the adaptation."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters, check_warm_up
from tweet_sentiment.provenance import manifest

logger = logging.getLogger(__name__)


def collect_posts(
    read_training_posts: pd.DataFrame,
    split_training_posts: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Return every text of the training file once, cleaned, whatever its label; columns ``id`` and ``post``.

    Texts that the protocol's rules tie to a test post are left out, and so are the dev split with
    their wordings: what is chosen on them would otherwise have been seen. ``published`` takes all, as it does.
    """
    from tweet_sentiment.data.ids import known
    from tweet_sentiment.data.leakage import leaking_rows
    from tweet_sentiment.data.splitting import as_read

    data = parameters.data
    posts, validation = as_read(read_training_posts, data), as_read(split_test_posts, data)
    ids_known = known(read_training_posts, data)
    if parameters.protocol != "published":
        chosen_on = as_read(split_training_posts[split_training_posts["dev"]], data)
        tied = leaking_rows(posts, validation, data.leak_free, ids_known).any(axis=1)
        rules = data.leak_free.model_copy(update={"near_duplicate": False})
        posts = posts[~(tied | leaking_rows(posts, chosen_on, rules, ids_known).any(axis=1))]
    texts = posts[["id", "post"]]
    kept = texts[texts["post"].str.strip() != ""].drop_duplicates("post")
    kept = kept.sample(frac=1, random_state=parameters.seed).head(parameters.domain_adaptation.row_limit or len(kept))
    logger.info("%d of %d texts to adapt to.", len(kept), len(read_training_posts))
    return kept.reset_index(drop=True)


def adapt(
    adaptation_posts: pd.DataFrame, row_counts: dict[str, Any], working_folder: Path, parameters: StudyParameters
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Adapt the encoder to the posts; return its folder's content, curves and figures.

    The folder is an encoder, for ``model.checkpoint`` or a technique's ``checkpoint``.
    """
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
    from tweet_sentiment.modeling.masking import adapt_encoder
    from tweet_sentiment.modeling.model_folder import TrainedModel
    from tweet_sentiment.modeling.tokenization import tokenize

    start, adaptation = perf_counter(), parameters.domain_adaptation
    held_out = max(1, round(len(adaptation_posts) * adaptation.measured_share))
    learning = len(adaptation_posts) - held_out
    check_warm_up("domain_adaptation.hyperparameters", adaptation.hyperparameters, learning, parameters)
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    unlabelled = adaptation_posts.assign(label=parameters.labels[0])  # tokenize wants one; it is not looked at
    tokens, _ = tokenize(unlabelled, tokenizer, parameters.labels, parameters.model.max_length)
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    encoder, curves = adapt_encoder(
        load_encoder(parameters.model.checkpoint),
        tokenizer,
        tokens.select(range(held_out, len(tokens))),
        tokens.select(range(held_out)),
        adaptation,
        parameters.training,
        seed=parameters.seed,
        device=device,
        working_folder=working_folder,
        fingerprint={"account": row_counts, "parameters": parameters.decisive()},
    )
    figures = {
        "n_adapted": len(tokens) - held_out,
        "eval_loss": float(curves["eval_loss"].dropna().iloc[-1]),
        "seconds": perf_counter() - start,
        "device": device.name,
        "dtype": device.precision,
    }
    return (
        TrainedModel(encoder, tokenizer, manifest("domain_adaptation", parameters, row_counts, figures)),
        curves,
        figures,
    )

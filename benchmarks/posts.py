"""The posts and parameters that both sides get, made once and laid into a folder."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tweet_sentiment.data.cleaning import clean_posts
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.schema import validate

PARAMETERS = "parameters.json"
PROJECT = Path(__file__).parents[1]
REAL = {part: f"data/01_raw/twitter_{part}.csv" for part in ("training", "validation")}
SAMPLE = {part: f"data/01_raw/sample_{part}.csv" for part in ("training", "validation")}


def prepare(folder: Path, encoder: str, trials: int) -> dict[str, Any]:
    """Write ``parameters.json``, the posts and ``model/``, the script's own; return what the posts are.

    The parameters are those of ``conf/kaggle`` under the published protocol: no training post is taken out, and
    trials are judged on the test posts, as in the paper's script. Real posts if they are there, else the sample.
    ``model/`` is the same encoder with the same head as a folder of the usual layout, so that the script loads it as
    the paper does, with none of our code.
    """
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer

    real = all((PROJECT / path).is_file() for path in REAL.values())
    raw = study_parameters(encoder, trials, REAL if real else SAMPLE)
    parameters = SimpleNamespace(**validate(raw))
    (folder / PARAMETERS).write_text(json.dumps(raw), encoding="utf-8")
    counts = {}
    for part in ("training", "validation"):
        posts = _posts(parameters, part)
        posts.to_parquet(folder / f"{part}.parquet", index=False)
        counts[part] = len(posts)
    checkpoint, model = parameters.model.checkpoint, folder / "model"
    classifier = load_classifier(checkpoint, parameters.labels, parameters.seed)
    classifier.save_pretrained(model)
    load_tokenizer(checkpoint).save_pretrained(model)
    settings = {"data": "real" if real else "sample", "available": counts, "seed": parameters.seed}
    return settings | {"model_type": classifier.config.model_type}


def study_parameters(encoder: str, trials: int, files: dict[str, str]) -> dict[str, Any]:
    """Return the project's own parameters for these files and this encoder, as conf has them."""
    from tweet_sentiment.configuration import ConfigLoader
    from tweet_sentiment.settings import CONFIG_LOADER_ARGS

    loader_arguments: dict[str, Any] = dict(CONFIG_LOADER_ARGS)
    loader = ConfigLoader(str(PROJECT / "conf"), env="kaggle", **loader_arguments)
    raw = loader["parameters"]
    raw["data"] |= {f"{part}_file": path for part, path in files.items()}
    raw["model"]["checkpoint"] = encoder
    raw["hyperparameter_search"]["n_trials"] = trials
    return raw | {"protocol": "published"}


def _posts(parameters: Any, part: str) -> pd.DataFrame:
    data = parameters.data
    name = getattr(data, f"{part}_file")
    read = read_posts(Source.of(name, (PROJECT / name).read_bytes()), data, parameters.labels)
    posts, _ = filter_posts(read, data, parameters.labels, parameters.seed, name)
    cleaned = clean_posts(posts["post"], data.cleaning, data.remove_stop_words, data.lemmatize)
    return posts.assign(post=cleaned, dev=False, target=posts["label"].map(parameters.labels.index))


def load_parameters(folder: Path, **changes: Any) -> Any:
    """Return the sections of what ``prepare`` wrote, by attribute; ``changes`` are of the top level."""
    raw = json.loads((folder / PARAMETERS).read_text(encoding="utf-8"))
    return SimpleNamespace(**validate(raw | changes))


def load_posts(folder: Path, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first ``rows`` training posts, and as large a share of the test posts."""
    training = pd.read_parquet(folder / "training.parquet")
    validation = pd.read_parquet(folder / "validation.parquet")
    return training.head(rows), validation.head(validation_rows(rows, len(training), len(validation)))


def validation_rows(rows: int, training: int, validation: int) -> int:
    """Return how many test posts go with ``rows`` of the training posts: the same share, one at least."""
    return max(1, round(validation * min(rows, training) / training))

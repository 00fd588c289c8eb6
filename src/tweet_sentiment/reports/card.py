"""The model card: what a promoted model is, how good it is, what it is for, and what it is not for."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import About, headline
from tweet_sentiment.reports.choice import NAMES
from tweet_sentiment.reports.tables import interval, markdown, rendered
from tweet_sentiment.scoring.metrics import FORMULAS, INTERVALS

MINILM = ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")
ENCODERS = {
    "embedded": MINILM,
    "distilbert-base-uncased": ("distilbert-base-uncased", "Apache-2.0"),
    "distilbert/distilbert-base-uncased": ("distilbert/distilbert-base-uncased", "Apache-2.0"),
}


def model_card(
    manifest: dict[str, Any],
    row: dict[Any, Any],
    per_class: dict[str, dict[str, float]],
    results: pd.DataFrame,
    why: dict[str, Any],
    audit: dict[str, Any],
) -> str:
    """Write the card as Markdown, with the front matter that the Hugging Face hub reads.

    ``row`` is the promoted model's of ``results``, ``why`` what its manifest says of the promotion.
    """
    about, settings, kind = About.of(manifest["data"]), manifest["input"], str(manifest.get("format", "encoder"))
    encoders = [manifest["encoder"]]
    if kind != "encoder":  # those that are known
        encoders = [name for name in str(manifest["encoder"]).split(", ") if name in ENCODERS]
    scores = [
        [FORMULAS[name].title, f"{row[name]:.4f}", interval(row[f"{name}_low"], row[f"{name}_high"])]
        for name in INTERVALS
    ]
    classes = [
        [name, *(f"{of[score]:.4f}" for score in ("precision", "recall", "f1")), f"{of['posts']:,}"]
        for name, of in per_class.items()
    ]
    others = [
        [str(one["technique"]), f"{one['accuracy']:.4f}", interval(one["accuracy_low"], one["accuracy_high"])]
        for one in results.to_dict("records")
    ]
    metric = NAMES.get(why["by"], "")
    candidates = [[name, f"{value:.4f}"] for name, value in why["candidates"].items()]
    return rendered(
        "card.md.j2",
        front_matter=_front_matter(manifest, kind, about),
        manifest=manifest,
        row=row,
        why=why,
        about=about,
        settings=settings,
        kind=kind,
        cleans=settings["cleaning"] != "none",
        refused=[note for note in manifest.get("notes", []) if "transformers refuses" in note],
        ids=str(manifest["data"].get("training", {}).get("ids", "")),
        leak=headline(audit) if audit else "",
        scores=_table(["score", "value", "interval"], scores),
        classes=_table(["class", "precision", "recall", "F1", "posts"], classes),
        others=_table(["technique", "accuracy", "interval"], others),
        metric=metric,
        candidates=_table(["technique", f"{metric} there"], candidates),
        better=better_than(results, row),
        encoders=[ENCODERS.get(name, (name, "")) for name in encoders],
        knows_english=any(name in ENCODERS for name in encoders),
        keeps_posts="nearest_neighbour" in (manifest["technique"], *manifest.get("members", ())),
    )


def _front_matter(manifest: dict[str, Any], kind: str, about: About) -> str:
    from huggingface_hub import ModelCardData

    base, licence = ENCODERS.get(manifest["encoder"], (None, "other"))
    data = ModelCardData(
        library_name="transformers" if kind == "encoder" else None,
        pipeline_tag="text-classification",
        license=licence.lower(),
        base_model=base,
        tags=["sentiment-analysis", "tweets"] if about.paper else ["text-classification"],
    )
    return f"---\n{data.to_yaml()}\n---"


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(markdown(header, rows))


def better_than(results: pd.DataFrame, row: dict[Any, Any]) -> dict[str, float]:
    """Return the techniques with a higher accuracy on the same test posts, the classical baselines among them."""
    better = results[results["accuracy"] > row["accuracy"]].sort_values("accuracy", ascending=False)
    return dict(zip(better["technique"], better["accuracy"].astype(float), strict=True))

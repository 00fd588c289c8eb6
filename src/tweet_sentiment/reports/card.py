"""The model card: what a promoted model is, how good it is, what it is for, and what it is not for."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.choice import NAMES
from tweet_sentiment.reports.findings import headline
from tweet_sentiment.reports.inputs import About
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
    """Write the card as Markdown, with the metadata that the Hugging Face Hub reads.

    ``row`` is the promoted model's row of ``results``; ``why`` is the promotion's entry in its manifest.

    Raises:
        ValueError: the metadata are not as the Hub wants them.
    """
    from huggingface_hub import ModelCard

    about = About.of(manifest["data"], manifest.get("parameters"))
    settings, kind = manifest["input"], str(manifest.get("format", "encoder"))
    named = [manifest["encoder"]] if kind == "encoder" else str(manifest["encoder"]).split(", ")
    encoders = [name for name in named if kind == "encoder" or name in ENCODERS]
    title = f"{'Sentiment of tweets' if about.paper else 'Text classifier'} ({manifest['technique']})"
    ends = {name: interval(row[f"{name}_low"], row[f"{name}_high"]) for name in INTERVALS}
    others = zip(
        results["technique"], results["accuracy"], results["accuracy_low"], results["accuracy_high"], strict=True
    )
    of_class = ("precision", "recall", "f1")
    body = rendered(
        "card.md.j2",
        title=title,
        manifest=manifest,
        row=row,
        why=why,
        about=about,
        settings=settings,
        kind=kind,
        cleans=settings["cleaning"] != "none",
        refused=[note for note in manifest.get("notes", []) if "refuses this folder" in note],
        ids=str(manifest["data"].get("training", {}).get("ids", "")),
        leak=headline(audit) if audit else "",
        scores=_table("score value interval", [[FORMULAS[n].title, row[n], ends[n]] for n in INTERVALS]),
        classes=_table(
            "class precision recall F1 posts",
            [[name, *(of[score] for score in of_class), f"{of['posts']:,}"] for name, of in per_class.items()],
        ),
        others=_table("technique accuracy interval", [[name, of, interval(*low)] for name, of, *low in others]),
        metric=NAMES.get(why["by"], ""),
        candidates=_table("technique there", [list(one) for one in why["candidates"].items()]),
        better=better_than(results, row),
        encoders=[ENCODERS.get(name, (name, "")) for name in encoders],
        knows_english=any(name in ENCODERS for name in encoders),
        keeps_posts="nearest_neighbour" in (manifest["technique"], *manifest.get("members", ())),
    )
    return str(ModelCard(f"---\n{_metadata(manifest, row, kind, about, title)}\n---\n{body}"))


def _metadata(manifest: dict[str, Any], row: dict[Any, Any], kind: str, about: About, title: str) -> str:
    """Return the metadata as YAML: the Hub's filters, and the scores on the test posts."""
    from huggingface_hub import EvalResult, ModelCardData

    base, licence = ENCODERS.get(manifest["encoder"], (None, "other"))
    file = str(manifest["data"].get("training", {}).get("file", "posts"))
    measured: dict[str, Any] = {
        "task_type": "text-classification",
        "dataset_type": "custom",
        "dataset_name": f"test posts of {file}",
    }
    data = ModelCardData(
        language="en" if base else None,
        library_name="transformers" if kind == "encoder" else None,
        pipeline_tag="text-classification",
        license=licence.lower(),
        base_model=base,
        tags=["sentiment-analysis", "tweets"] if about.paper else ["text-classification"],
        model_name=title,
        eval_results=[
            EvalResult(
                **measured,
                metric_type=name.removeprefix("macro_"),
                metric_name=FORMULAS[name].title,
                metric_value=row[name],
            )
            for name in INTERVALS
        ],
    )
    return str(data.to_yaml())


def _table(header: str, rows: list[list[Any]]) -> str:
    cells = [[f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join(markdown(header.split(), cells))


def better_than(results: pd.DataFrame, row: dict[Any, Any]) -> dict[str, float]:
    """Return the techniques, including classical baselines, with a higher accuracy on the same test posts."""
    better = results[results["accuracy"] > row["accuracy"]].sort_values("accuracy", ascending=False)
    return dict(zip(better["technique"], better["accuracy"].astype(float), strict=True))

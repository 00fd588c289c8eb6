"""The model card: what a promoted model is, how good it is, what it is for, and what it is not for."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from tweet_sentiment.reports.about import About
from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.choice import NAMES
from tweet_sentiment.reports.tables import interval, markdown

MINILM = ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")
ENCODERS = {
    "embedded": MINILM,
    "distilbert-base-uncased": ("distilbert-base-uncased", "Apache-2.0"),
    "distilbert/distilbert-base-uncased": ("distilbert/distilbert-base-uncased", "Apache-2.0"),
}
KAGGLE = "https://www.kaggle.com/datasets/jp797498e/twitter-entity-sentiment-analysis"
OF_KAGGLE = f'Kaggle\'s "Twitter Sentiment Analysis" (entity-level), {KAGGLE}: CC0, public domain.'
OF_SAMPLE = "The sample of the tweet-sentiment project: invented posts, under the project's licence."
SCORES = {"accuracy": "accuracy", "f1": "F1, weighted", "macro_f1": "F1, macro"}


@dataclass(frozen=True)
class Candidate:
    """What is known of the promoted model: its manifest, its row of the results, and its metrics by class."""

    manifest: dict[str, Any]
    row: dict[str, Any]
    per_class: dict[str, dict[str, float]]


def model_card(model: Candidate, results: pd.DataFrame, why: dict[str, Any], audit: dict[str, Any]) -> str:
    """Write the card as Markdown, with the front matter that the Hugging Face hub reads."""
    manifest, row = model.manifest, model.row
    about = About.of(manifest["data"])
    labels = ", ".join(manifest["labels"])
    lines = [
        *_front_matter(manifest, about),
        f"# {'Sentiment of tweets' if about.paper else 'Text classifier'} ({manifest['technique']})",
        "",
        f"Gives {'an English post' if about.paper else 'a text'} one of: {labels}. {_made_of(manifest)}, "
        f"{row['trainable_parameters']:,.0f} trained parameters.",
        "",
        *_use(manifest),
        *_section("Data", _data(manifest, audit)),
        *_section("Protocol", _protocol(manifest, row, about)),
        *_section("Figures", _figures(model, about)),
        *_section("Why this one", _choice(why)),
        *_section("Beside the others", _others(results, row)),
        *_section("Intended use", _intended(about)),
        *_section("Limits", _limits(manifest, row, about)),
        *_section("Licences", _licences(manifest, about)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _format(manifest: dict[str, Any]) -> str:
    return str(manifest.get("format", "encoder"))


def _made_of(manifest: dict[str, Any]) -> str:
    technique = f"Technique `{manifest['technique']}`"
    if _format(manifest) == "encoder":
        return f"{technique} on the encoder `{manifest['encoder']}`"
    if _format(manifest) == "ensemble":
        named = ", ".join(f"`{name}`" for name in manifest["members"])
        return f"{technique}, the mean of what {named} say, whose folders lie in `members`"
    return f"{technique}, a classical model (scikit-learn) without an encoder"


def _front_matter(manifest: dict[str, Any], about: About) -> list[str]:
    base, licence = ENCODERS.get(manifest["encoder"], (None, "other"))
    library = ["library_name: transformers"] if _format(manifest) == "encoder" else []
    lines = ["---", *library, "pipeline_tag: text-classification"]
    lines += [f"license: {licence.lower()}", *([f"base_model: {base}"] if base else [])]
    return [*lines, "tags: [sentiment-analysis, tweets]" if about.paper else "tags: [text-classification]", "---"]


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", *lines, ""]


def _use(manifest: dict[str, Any]) -> list[str]:
    cleans = manifest["input"]["cleaning"] != "none"
    reads = "cleans a text as the training posts were cleaned" if cleans else "takes a text as it is"
    return [
        "```python",
        "from tweet_sentiment import Predictor",
        "",
        'Predictor.load("path/of/this/folder")(["I love this"])',
        "```",
        f"It {reads} (`input` in `manifest.json`), and checks every file of",
        'the folder against the hashes there. In the shell: `kedro predict --model path/of/this/folder "I love this"`.',
        "",
        *_use_by_transformers(manifest, cleans),
    ]


def _use_by_transformers(manifest: dict[str, Any], cleans: bool) -> list[str]:
    """Say how transformers' own pipeline uses the folder, or that it does not."""
    if _format(manifest) != "encoder":
        return ["transformers does not load it, and `kedro export` has nothing to export.", ""]
    if refused := [note for note in manifest.get("notes", []) if "transformers refuses" in note]:
        return [*refused, ""]
    two = bool(manifest["input"]["second_segment"])
    text = '{"text": "the entity", "text_pair": "I love this"}' if two else '"I love this"'
    truncation = '"only_second"' if two else "True"
    return [
        "transformers alone gives the same, wherever the folder lies:",
        "```python",
        "from transformers import pipeline",
        "",
        f'pipeline("text-classification", model="path/of/this/folder", truncation={truncation})({text})',
        "```",
        *(["It does not clean texts: give it `Predictor.load(…).cleaned(texts)`."] if cleans else []),
        "",
    ]


def _data(manifest: dict[str, Any], audit: dict[str, Any]) -> list[str]:
    files = [
        f"- {part}: `{file['file']}`, {file['rows']:,} rows, sha256 `{file['sha256'][:16]}…`"
        for part, file in manifest["data"].items()
    ]
    leak = [f"- The files as they came: {headline(audit)}"] if audit else []
    ids = str(manifest["data"].get("training", {}).get("ids", ""))
    untrusted = [f"- its ids are {ids}"] if ids.startswith("not trusted") else []
    return [*files, *untrusted, f"- learnt from {manifest['n_train']:,} posts", *leak]


def _protocol(manifest: dict[str, Any], row: dict[str, Any], about: About) -> list[str]:
    name = manifest["protocol"]
    chosen = row.get("chosen_on")
    chose = f" Hyperparameters, prompt or epoch were chosen on {chosen}." if isinstance(chosen, str) else ""
    together = "The posts of a tweet id" if about.ids else "Posts of like texts"
    meaning = {
        "leak_free": f"No training post shares {about.shared} with a test post.",
        "published": "The paper's: most test posts stand in training too, so its figures measure memory as well."
        if about.paper
        else "Posts are split as they come: what stands on both sides is memory.",
    }.get(name, f"{together} are either all in training or all in validation.")
    return [f"`{name}`. {meaning}{chose} Seed {manifest['seed']}."]


def _figures(model: Candidate, about: About) -> list[str]:
    row = model.row
    scores = [
        [shown, f"{row[name]:.4f}", interval(row[f"{name}_low"], row[f"{name}_high"])] for name, shown in SCORES.items()
    ]
    classes = [
        [name, *(f"{of[score]:.4f}" for score in ("precision", "recall", "f1")), f"{of['posts']:,}"]
        for name, of in model.per_class.items()
    ]
    return [
        f"On {row['n_validation']:,.0f} test posts; intervals by bootstrap over {about.unit}.",
        "",
        *markdown(["score", "value", "interval"], scores),
        "",
        *markdown(["class", "precision", "recall", "F1", "posts"], classes),
        "",
        f"Expected calibration error {row['expected_calibration_error']:.4f}: by so much its probabilities are off, on "
        f"average. A perfectly calibrated model would have {row['calibration_noise']:.4f} on these posts, by chance.",
    ]


def _choice(why: dict[str, Any]) -> list[str]:
    if why["by"] == "technique":
        return [
            "It was named (`promotion.technique`); figures were not asked.",
            *(["", why["advice"]] if why.get("advice") else []),
        ]
    table = markdown(
        ["technique", f"{NAMES[why['by']]} there"], [[n, f"{v:.4f}"] for n, v in why["candidates"].items()]
    )
    return [
        f"The best by {NAMES[why['by']]} on dev split. The test posts were "
        "not looked at, so that the choice does not flatter the figures above. A technique that tried many settings "
        "on the dev split has the better chance of a high figure there.",
        *(["", why["advice"]] if why.get("advice") else []),
        "",
        *table,
    ]


def _others(results: pd.DataFrame, row: dict[str, Any]) -> list[str]:
    rows = [
        [str(r["technique"]), f"{r['accuracy']:.4f}", interval(r["accuracy_low"], r["accuracy_high"])]
        for r in results.to_dict("records")
    ]
    table = markdown(["technique", "accuracy", "interval"], rows)
    if better := better_than(results, row):
        said = " and ".join(f"`{name}` ({accuracy:.4f})" for name, accuracy in better.items())
        were = "was" if len(better) == 1 else "were"
        return [f"On the same test posts {said} {were} right more often than this model.", "", *table]
    return ["On the same test posts no other technique was right more often.", "", *table]


def better_than(results: pd.DataFrame, row: dict[str, Any]) -> dict[str, float]:
    """Return the techniques with a higher accuracy on the same test posts, the classical baselines among them."""
    better = results[results["accuracy"] > row["accuracy"]].sort_values("accuracy", ascending=False)
    return dict(zip(better["technique"], better["accuracy"].astype(float), strict=True))


def _intended(about: About) -> list[str]:
    return [
        f"To sort short {'posts by sentiment' if about.paper else 'texts by these labels'} where single mistakes do no "
        "harm: counting, ranking, picking what to read. "
        "For teaching and for comparison with other techniques. Not for decisions about persons, and not without a "
        "person where a mistake matters.",
    ]


def _limits(manifest: dict[str, Any], row: dict[str, Any], about: About) -> list[str]:
    settings = manifest["input"]
    missed = 1 - row["accuracy"]
    wrong = f"one post in {1 / missed:.1f} of those" if missed else f"none of the {row['n_validation']:,.0f} posts that"
    knows_english = any(encoder in ENCODERS for encoder in _encoders(manifest))
    entity = "this model reads it beside the text." if settings["second_segment"] else "this model does not know which."
    return [
        f"- It is wrong about {wrong} it was measured on, and more often elsewhere: other subjects, years and kinds of "
        "text were not measured.",
        "- It gives every text one of its labels, one that says nothing or is in another language too.",
        *_reads(settings),
        *([f"- In the data a label is the sentiment about an entity; {entity}"] if about.entities else []),
        *(["- Its encoder was trained on English: of another language it knows little."] if knows_english else []),
        "- Whether it treats groups of people alike was not measured.",
        *(
            ["- Its folder holds the training posts themselves: give it away only where they may be given away."]
            if "nearest_neighbour" in (manifest["technique"], *manifest.get("members", ()))
            else []
        ),
    ]


def _reads(settings: dict[str, Any]) -> list[str]:
    most, cleaning = settings["max_length"], settings["cleaning"]
    return [
        *([f"- It reads {most} word pieces; what is behind them is cut."] if most else []),
        *([f"- What the cleaning (`{cleaning}`) takes out is not seen."] if cleaning != "none" else []),
    ]


def _licences(manifest: dict[str, Any], about: About) -> list[str]:
    whose = f"`{manifest['data']['training']['file']}`: its licence is known to whoever has the file."
    return [
        *(_licence_of(encoder) for encoder in _encoders(manifest)),
        f"- Data: {OF_SAMPLE if about.invented else OF_KAGGLE if about.paper else whose}",
    ]


def _encoders(manifest: dict[str, Any]) -> list[str]:
    """Return the encoders that the model was trained on; of an ensemble those that are known."""
    if _format(manifest) == "encoder":
        return [manifest["encoder"]]
    return [name for name in str(manifest["encoder"]).split(", ") if name in ENCODERS]


def _licence_of(encoder: str) -> str:
    base, licence = ENCODERS.get(encoder, (encoder, ""))
    said = f"{licence}; these weights are derived from it." if licence else "see its licence."
    return f"- Encoder `{base}`: {said}"

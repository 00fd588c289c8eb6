"""The leakage audit in words."""

from typing import Any

KINDS = {
    "id": "share a tweet id with training",
    "text": "stand word for word in training",
    "normalised_text": "stand in training but for case, space and punctuation",
    "near_duplicate": "stand in training almost word for word",
}


def audit_sentences(audit: dict[str, Any], overlap_limit: float) -> list[str]:
    """Say what the files give away of their validation posts; loudly, first, if any share is above the limit."""
    if not audit:
        return []
    found, posts = audit["overlap"], audit["posts"]["validation"]
    said = [
        f"LEAK: {found['any_share']:.1%} of the validation posts ({found['any_count']} of {posts}) are known from "
        "training. A figure measured on them with those training posts is memory."
        if found["any_share"] > overlap_limit
        else f"{found['any_count']} of {posts} validation posts are known from training, not more than the limit."
    ]
    if audit["validation_drawn"]:
        said.append("There is no validation file: this is what a share drawn at random by label would leak.")
    counted = [f"{found[f'{kind}_count']} {words}" for kind, words in KINDS.items() if f"{kind}_count" in found]
    threshold = audit["near_duplicate_threshold"]
    said.append(f"Of {posts} validation posts, {', '.join(counted)} (similarity of at least {threshold:g} of 100).")
    return [*said, _probe(audit["memorisation"]), _conflicts(audit["conflicting_labels"]), _classes(audit)]


def _probe(memorisation: dict[str, Any]) -> str:
    parts = []
    for protocol in ("published", "leak_free"):
        accuracy, n = memorisation[protocol]["accuracy"], memorisation[protocol]["training_posts"]
        parts.append(f"{protocol}: {'nothing is left' if accuracy is None else f'{accuracy:.4f}'} ({n:,} posts known)")
    return (
        f"Memorisation probe, the label of the most similar training post (TF-IDF): {'; '.join(parts)}; always "
        f"{memorisation['majority_label']}: {memorisation['majority_share']:.4f}."
    )


def _conflicts(conflicts: dict[str, int]) -> str:
    otherwise = conflicts["validation_posts_labelled_otherwise_in_training"]
    return (
        f"Labels in conflict: {conflicts['training_texts']} training texts and {conflicts['validation_texts']} "
        f"validation texts stand under two labels or more; {otherwise} validation posts "
        "have another label than the same text in training."
    )


def _classes(audit: dict[str, Any]) -> str:
    sides = []
    for side, balance in audit["class_balance"].items():
        shares = ", ".join(f"{label} {of['posts']:,} ({of['share']:.1%})" for label, of in balance.items())
        sides.append(f"{side}: {shares}")
    return f"Classes, {'; '.join(sides)}."

"""Which texts can be classified at all, and what to say of the others."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tweet_sentiment.errors import StudyError

BLANK = "the text is empty or blank"
EMPTIED = "the model's cleaning leaves nothing of the text"
LONGEST_ENTITY = 100  # characters; the text must have room beside it
_SHOWN = 40  # characters of what was found


def fault_of(text: object) -> str | None:
    """Say why a text cannot be classified, or return None. Length, markup, emoji and "[SEP]" are no faults."""
    return _no_text(text, "a text") or (None if str(text).strip() else BLANK)


def fault_of_entity(entity: object) -> str | None:
    """Say why this cannot stand beside a text, or return None. An empty one can."""
    length = len(str(entity))
    long = None if length <= LONGEST_ENTITY else f"an entity of {length} characters; the most is {LONGEST_ENTITY}"
    return _no_text(entity, "an entity") or long


def _no_text(text: object, what: str) -> str | None:
    if not isinstance(text, str):
        return f"expected {what} (str), found {_shown(text)} of type {type(text).__name__}"
    if "\0" in text:
        return f"found a NUL character at position {text.index(chr(0))}; {what} has no such character"
    if half := re.search("[\ud800-\udfff]", text):
        return f"found half a character (the lone surrogate U+{ord(half[0]):04X}) at position {half.start()}"
    return None


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def checked_texts(texts: Iterable[Any], keep_blank: bool = False) -> list[str]:
    """Return the texts, or the one text, as a list. Blank ones are a fault too, unless ``keep_blank``.

    Raises:
        StudyError: these are no texts, or one of them cannot be classified; the message names its position from 0.
    """
    if isinstance(texts, bytes | Mapping) or hasattr(texts, "columns") or not isinstance(texts, Iterable):
        found = f"found {_shown(texts)} of type {type(texts).__name__}"
        raise StudyError(f"Expected a list of texts, {found}.\n  Give a text, a list, or one column.")
    given = [texts] if isinstance(texts, str) else list(texts)
    for place, text in enumerate(given):
        if (fault := fault_of(text)) and not (keep_blank and fault == BLANK):
            raise StudyError(
                f"texts[{place}]: {fault}.\n  Put it right or leave it out; a label for it would mean nothing."
            )
    return [str(text) for text in given]

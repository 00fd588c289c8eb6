"""Both ways of cleaning a post: the paper's, letter for letter, and the one it meant."""

import re
from collections.abc import Callable
from functools import cache, partial, reduce
from typing import TYPE_CHECKING, Any

from tweet_sentiment.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd


def clean_as_published(text: str, letters_eaten: bool = True) -> str:
    """Clean one post with the paper's substitutions in the paper's order, its faults included.

    The last pattern is a character class of ``^``, ``\\``, ``w`` and ``s``: it deletes every w and every s.
    Since ``\\W`` has become a space before, the hashtag and HTML patterns never match, and of a URL only the
    word "http" or "https" goes. ``letters_eaten`` false leaves the last one out, to see what it
    costs. Source: the paper, section "Data collection".
    """
    text = text.lower()
    text = re.sub(r"\W", " ", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\d", "", text)
    text = text.encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"http\S+", "", text)
    text = re.sub(r"#\w+", "", text)
    text = re.sub(r"<.*?>", "", text)
    return re.sub(r"[\^\\w\\s]", "", text) if letters_eaten else text


def clean_as_intended(text: str) -> str:
    """Clean one post as the paper describes it, in an order in which every rule can match.

    URLs, hashtags and HTML tags go while their marks still stand; then everything but ASCII letters becomes a
    space. Apostrophes close up ("don't" -> "dont"), so that a negation stays one word.
    """
    text = text.lower()
    text = re.sub(r"(?:https?://|www\.|pic\.twitter\.com)\S*", " ", text)
    text = re.sub(r"<[a-z/!][^<>]*>|&[a-z]+;|&#\d+;", " ", text)
    text = re.sub(r"#\w+", " ", text)
    text = re.sub(r"['\u2019]", "", text)
    text = re.sub(r"[^a-z]+", " ", text)
    return text.strip()


def _corpus(name: str) -> Any:
    import nltk.corpus

    corpus = getattr(nltk.corpus, name)
    try:
        corpus.ensure_loaded()
    except LookupError as error:
        raise StudyError(
            f"NLTK's '{name}' data are not on this machine.\n"
            f"  Get them with:  python -m nltk.downloader stopwords wordnet\n"
            f"  or set NLTK_DATA to the folder that holds corpora/{name}."
        ) from error
    return corpus


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(_corpus("stopwords").words("english"))


def remove_stop_words(text: str) -> str:
    """Leave out NLTK's English stop words, "not" among them (the paper, section "Data collection").

    Raises:
        StudyError: NLTK's stop-word list is not installed.
    """
    return " ".join(word for word in text.split() if word not in _stop_words())


@cache
def _lemmatizer() -> Callable[[str], str]:
    _corpus("wordnet")
    from nltk.stem import WordNetLemmatizer

    return cache(WordNetLemmatizer().lemmatize)


def lemmatize(text: str) -> str:
    """Lemmatise each word as a noun, as the paper's call does: "running" stays, "was" becomes "wa".

    Raises:
        StudyError: WordNet is not installed.
    """
    lemma = _lemmatizer()
    return " ".join(lemma(word) for word in text.split())


VARIANTS: dict[str, Callable[[str], str]] = {
    "published": clean_as_published,
    "corrected": clean_as_intended,
    "none": str,
    "published_letters_kept": partial(clean_as_published, letters_eaten=False),
}


def cleaner(variant: str, stop_words: bool, lemmas: bool) -> Callable[[str], str]:
    """Return what cleans one text. ``stop_words`` and ``lemmas`` say whether to apply those steps."""
    steps = [VARIANTS[variant]]
    if stop_words:
        steps.append(remove_stop_words)
    if lemmas:
        steps.append(lemmatize)
    return lambda text: reduce(lambda so_far, step: step(so_far), steps, text)


def clean_posts(posts: "pd.Series[str]", variant: str, stop_words: bool, lemmas: bool) -> "pd.Series[str]":
    """Return the cleaned texts, same index; see :func:`cleaner`."""
    return posts.map(cleaner(variant, stop_words, lemmas))

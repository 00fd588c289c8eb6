"""Texts: which ones can be classified, and ways of cleaning them: the paper's code, its description, a minimal one."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial, reduce
from html.entities import html5
from typing import TYPE_CHECKING, Any

from tweet_sentiment.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

BLANK = "the text is empty or blank"
EMPTIED = "the model's cleaning leaves nothing of the text"
LONGEST_ENTITY = 100  # characters; the text must have room beside it
_SHOWN = 40  # characters of what was found


def fault_of(text: object) -> str | None:
    """Say why a text cannot be classified, or return None. Length, markup, emoji and "[SEP]" are no faults."""
    return _no_text(text, "a text") or (None if str(text).strip() else BLANK)


def fault_of_entity(entity: object) -> str | None:
    """Say why this cannot be a text's entity, or return None. An empty one can."""
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
    """Return the texts, or the single text, as a list. Blank texts are refused unless ``keep_blank``.

    Raises:
        StudyError: an item is not a text or cannot be classified; the message names its position from 0.
    """
    if isinstance(texts, bytes | Mapping) or hasattr(texts, "columns") or not isinstance(texts, Iterable):
        found = f"found {_shown(texts)} of type {type(texts).__name__}"
        raise StudyError(f"Expected a list of texts, {found}.\n  Give a text, a list, or one column.")
    given = [texts] if isinstance(texts, str) else list(texts)
    for place, text in enumerate(given):
        if (fault := fault_of(text)) and not (keep_blank and fault == BLANK):
            raise StudyError(
                f"texts[{place}]: {fault}.\n  Correct it or leave it out; a label for it would mean nothing."
            )
    return [str(text) for text in given]


# ---------------------------------------------------------------- cleaning
def clean_as_published(text: str, letters_eaten: bool = True) -> str:
    """Clean one post with the paper's substitutions in the paper's order, including its faults.

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

    HTML entities are decoded. HTML tags, URLs and hashtags go while their marks still stand; then everything but
    letters, of every script, becomes a space. Apostrophes close up ("don't" -> "dont"), so that a negation stays one
    word. What only looks like a tag or a URL ("<so happy>", "Awww...such") keeps its words.
    """
    text = _TAG.sub(" ", _decoded(text).lower())
    text = _HASHTAG.sub(" ", _URL.sub(" ", text))
    return " ".join(_words(_APOSTROPHE.sub("", text)))


def clean_minimally(text: str, emoji_named: bool = False) -> str:
    """Replace what carries no meaning for an encoder, and keep case, punctuation, emoji and every script.

    Links become "http" and user names "@user", HTML entities are decoded, white space becomes single spaces. With
    ``emoji_named`` an emoji becomes its name in Unicode between colons, for encoders whose vocabulary has none.
    Source: Barbieri et al., "TweetEval", 2020, whose preprocessing this is.
    """
    text = _USER.sub("@user", _LINK.sub("http", _decoded(text)))
    if emoji_named:
        text = _EMOJI.sub(lambda found: f" :{unicodedata.name(found[0][0], 'emoji').lower()}: ", text)
    return " ".join(text.split())


_ENTITY = re.compile(r"&(?:#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6})|[A-Za-z][A-Za-z0-9]*);")
_ELEMENTS = (
    "a abbr article aside audio b big blockquote body br button center cite code dd del div dl dt em figure font "
    "footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins label li link main mark meta nav ol p "
    "pre q s script section small source span strike strong style sub sup svg table tbody td tfoot th thead title tr "
    "tt u ul video unk"  # the last is what the Kaggle files have in the place of some texts
)
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*"""
_TAG = re.compile(rf"</?(?:{'|'.join(_ELEMENTS.split())}){_ATTRIBUTES}\s*/?>|<!--.*?-->|<!doctype[^<>]*>", re.DOTALL)
_URL = re.compile(r"https?://\S*|(?<!\w)www\.\S*|pic\.twitter\.com\S*")
_LINK = re.compile(r"(?:https?://|(?<!\w)www\.|pic\.twitter\.com)\S+", re.IGNORECASE)
_USER = re.compile(r"(?<![\w@])@\w+")
_EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\ufe0f\u200d\U0001f3fb-\U0001f3ff]*")
_HASHTAG = re.compile(r"(?<!\w)#\w+")
_APOSTROPHE = re.compile("['`´‘’‛ʻʼ′＇]")
_JOINERS = "\u200c\u200d"  # within a word of Persian or Malayalam; beside an emoji they are no letters


def _decoded(text: str) -> str:
    """Decode HTML entities, also those that were encoded twice ("&amp;#39;"); text that only looks like one stays."""
    while (decoded := _ENTITY.sub(lambda found: _character(found[0]), text)) != text:
        text = decoded
    return text


def _character(entity: str) -> str:
    return html.unescape(entity) if entity[1] == "#" else html5.get(entity[1:], entity)


class _Letters(dict[int, str]):
    """What each character becomes: letters, their marks and joiners stay, emoji's selectors go, all else is a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        stays = character in _JOINERS or unicodedata.category(character)[0] in "LM"
        selects = "VARIATION SELECTOR" in unicodedata.name(character, "")
        return self.setdefault(code, "" if selects else character if stays else " ")


_LETTERS = _Letters()


def _words(text: str) -> Iterator[str]:
    """Yield each word from its first letter on: a mark without a letter is part of an emoji."""
    for word in text.translate(_LETTERS).split():
        start = next((place for place, character in enumerate(word) if character.isalpha()), len(word))
        if kept := word[start:].rstrip(_JOINERS):
            yield kept


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
    """Remove NLTK's English stop words, including "not" (the paper, section "Data collection").

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
    "minimal": clean_minimally,
    "minimal_emoji_named": partial(clean_minimally, emoji_named=True),
    "none": str,
    "published_letters_kept": partial(clean_as_published, letters_eaten=False),
}


def cleaner(variant: str, stop_words: bool, lemmas: bool) -> Callable[[str], str]:
    """Return the function that cleans one text. ``stop_words`` and ``lemmas`` say whether to apply those steps."""
    steps = [VARIANTS[variant]]
    if stop_words:
        steps.append(remove_stop_words)
    if lemmas:
        steps.append(lemmatize)
    return lambda text: reduce(lambda so_far, step: step(so_far), steps, text)


def clean_posts(posts: "pd.Series[str]", variant: str, stop_words: bool, lemmas: bool) -> "pd.Series[str]":
    """Return the cleaned texts, same index; see ``cleaner``."""
    return posts.map(cleaner(variant, stop_words, lemmas))

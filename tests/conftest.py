"""What every test shares: skips that name the missing real part."""

import pytest

_NLTK_HELP = "NLTK's stop words and WordNet are missing: python -m nltk.downloader stopwords wordnet"


def _nltk_data_present() -> bool:
    import nltk

    try:
        nltk.data.find("corpora/stopwords.zip")
        nltk.data.find("corpora/wordnet.zip")
    except LookupError:
        return False
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if any(item.get_closest_marker("nltk") for item in items) and not _nltk_data_present():
        for item in items:
            if item.get_closest_marker("nltk"):
                item.add_marker(pytest.mark.skip(reason=_NLTK_HELP))

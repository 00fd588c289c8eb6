"""The documentation's pictures of the page: ``python -m tests.serving.screenshots data/06_models/sample/best``."""

import sys
from pathlib import Path

from tests.chromium import CONTROL, Browser
from tests.conftest import PROJECT
from tests.serving.conftest import on_http

from tweet_sentiment.predictor import Predictor

POSTS = ["I love this game, best evening in years!", "The new update is the worst, it keeps crashing."]


def main(model: Path) -> None:
    """Serve the model, ask it, and write a picture in each colour scheme."""
    with on_http(Predictor.load(model), folder=model) as address, Browser() as browser:
        browser.window(760, 1120)
        for scheme, name in (("light", "serve.png"), ("dark", "serve_dark.png")):
            browser.colours(scheme)
            browser.open(f"{address}/")
            browser.until("document.getElementById('model').textContent.startsWith('Model:')")
            browser.evaluate("document.getElementById('posts').focus()")
            browser.type("\n".join(POSTS))
            browser.press("Enter", CONTROL)
            browser.until("document.getElementById('status').textContent.startsWith('2 posts')")
            browser.screenshot(PROJECT / "docs/pictures" / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

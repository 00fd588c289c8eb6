"""The README's pictures of the graph: ``make viz``, then ``python -m tests.screenshots docs/viz``."""

import json
import sys
from pathlib import Path

from tests.chromium import Browser
from tests.conftest import PROJECT
from tests.test_seeing import go, served

BRIGHT = """
const kept = JSON.parse(localStorage.KedroViz || "{}");
const visible = {...kept.visible, sidebar: false, miniMap: false};
Object.assign(kept, {theme: "light", showFeatureHints: false, visible});
localStorage.KedroViz = JSON.stringify(kept);
localStorage.showFeatureHints = "false";
"""
CLOSE_HINTS = "document.querySelector('.feature-hints__close')?.click()"
STILL = "new Promise(done => setTimeout(() => done(true), 2500))"  # the graph glides into place


def main(site: Path) -> None:
    """Write a picture of the whole graph, and one of the metrics of a technique."""
    nodes = json.loads((site / "api/main").read_text())["nodes"]
    metrics = next(node["id"] for node in nodes if node["name"] == "logistic_regression.metrics")
    views = {
        "graph.png": ("?pid=__default__&types=nodes", "read_posts"),
        "metrics.png": (f"?sid={metrics}", "macro_f1"),
    }
    with served(site) as address, Browser() as browser:
        browser.window(1000, 640)
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=BRIGHT)
        for name, (view, seen) in views.items():
            go(browser, address + view, f"document.body && document.body.textContent.includes({json.dumps(seen)})")
            browser.evaluate(CLOSE_HINTS)
            browser.evaluate(STILL)
            browser.screenshot(PROJECT / "docs/pictures" / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The docs' pictures: of the graph by ``python -m tests.screenshots docs/viz``, of a report by its path instead."""

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


FIGURES = {"report_cost": 2, "report_confusion": 3, "report_calibration": 5}  # by their place
BOX = "(({x, y, width, height}) => ({x, y: y + scrollY, width, height, scale: 1}))(%s.getBoundingClientRect())"


def report(page: Path) -> None:
    """Write pictures of the top of a report, wide, narrow and on a phone, and of some figures."""
    with Browser() as browser:
        for name, width, height in (("report", 1280, 860), ("report_768", 768, 1000), ("report_360", 360, 1000)):
            browser.window(width, height)
            browser.open(page.resolve().as_uri())
            browser.until("document.querySelector('svg.main-svg')")
            browser.evaluate(STILL)
            browser.screenshot(PROJECT / f"docs/pictures/{name}.png")
        browser.window(900, 1000)
        browser.evaluate("places.forEach(draw)")
        for name, place in FIGURES.items():
            figure = f"document.querySelectorAll('#main-1 figure')[{place}]"
            browser.evaluate(f"{figure}.scrollIntoView()")
            browser.evaluate(STILL)
            browser.screenshot(PROJECT / f"docs/pictures/{name}.png", browser.evaluate(BOX % figure))


def graph(site: Path) -> None:
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
    path = Path(sys.argv[1])
    graph(path) if path.is_dir() else report(path)

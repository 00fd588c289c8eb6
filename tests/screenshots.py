"""The docs' pictures: of the graph by ``python -m tests.screenshots docs/viz``, of a report by its path instead.

``README.md`` gives one of the README, and a notebook's HTML (``jupyter nbconvert --to html``) one of the notebook.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

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


STYLE = """<base href="{}/"><meta charset="utf-8"><style>
body {{font: 16px/1.5 sans-serif; max-width: 830px; margin: 24px auto; color: #1f2328}} img {{max-width: 100%}}
code {{background: #eff1f3; padding: .1em .3em}} pre {{background: #f6f8fa; padding: 16px}} pre code {{padding: 0}}
table {{border-collapse: collapse}} td, th {{border: 1px solid #d1d9e0; padding: 6px 13px}} a {{color: #0969da}}
</style>{}"""


def readme(page: Path) -> None:
    """Write a picture of the README's first screens, in the style of a code host."""
    from markdown import markdown

    text = markdown(page.read_text(encoding="utf-8"), extensions=["tables", "fenced_code"])
    with TemporaryDirectory() as folder:
        html = Path(folder, "readme.html")
        html.write_text(STYLE.format(PROJECT.as_uri(), text), encoding="utf-8")
        whole(html, "readme", 1500)


def whole(page: Path, name: str, height: int) -> None:
    """Write a picture of a page's first so many pixels."""
    with Browser() as browser:
        browser.window(900, height)
        browser.open(page.resolve().as_uri())
        browser.evaluate(STILL)
        browser.screenshot(PROJECT / f"docs/pictures/{name}.png")


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
    if path.is_dir():
        graph(path)
    elif path.suffix == ".md":
        readme(path)
    elif path.stem[:2].isdigit():
        whole(path, "notebook", 2000)
    else:
        report(path)

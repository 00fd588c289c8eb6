"""What people look at, in a browser: the graph of the study with its previews, and the report."""

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import chromium

pytestmark = pytest.mark.skipif(chromium.NAME is None, reason=chromium.MISSING)


@pytest.fixture(scope="module")
def site(finished, tmp_path_factory):
    """The address of the static site of the finished study, and its folder."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("viz") / "project"))
    environment = os.environ | {"KEDRO_ENV": "test", "DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1"}
    kedro = str(Path(sys.executable).with_name("kedro"))
    done = subprocess.run(
        [kedro, "viz", "build", "--include-previews"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be previewed" not in done.stdout + done.stderr
    with served(folder / "build") as address:
        yield address, folder / "build"


@contextmanager
def served(folder):
    """Serve a folder on a free port; give its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser():
    with chromium.Browser() as browser:
        yield browser


def go(browser, address, until):
    """Open an address that the page may change by itself, as kedro-viz does."""
    browser.call("Page.navigate", url=address)
    return browser.until(until)


def nodes(site):
    return {node["full_name"] if node["type"] == "task" else node["name"]: node for node in graph(site)["nodes"]}


def graph(site):
    return json.loads((site[1] / "api/main").read_text())


def test_the_graph_has_a_box_for_each_technique_layers_and_tags(site, browser):
    drawn = graph(site)
    assert (drawn["layers"][0], drawn["layers"][-1]) == ("raw", "reporting")
    assert len(drawn["layers"]) == 8
    assert {tag["id"] for tag in drawn["tags"]} >= {"baseline", "classical", "reporting", "data_processing"}
    texts = "Array.from(document.querySelectorAll('svg text')).map(one => one.textContent)"
    go(browser, f"{site[0]}?types=nodes", f"{texts}.includes('write_report')")
    shown = browser.evaluate(texts)
    for name in ("read_posts", "baseline", "prompt_tuning", "linear_svc", "promote"):
        assert name in shown, shown
    assert "evaluate" not in shown  # folded into the boxes


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("linear_svc.metrics", "intervals"),
        ("comparison", "paper_accuracy"),
        ("linear_svc.classical_model", "linear_svc"),
    ],
)
def test_the_panel_shows_what_a_thing_is_and_what_is_in_it(site, browser, name, seen):
    address = f"{site[0]}?sid={nodes(site)[name]['id']}"
    go(browser, address, f"document.body && document.body.innerText.includes({json.dumps(seen)})")


def test_the_panel_draws_figures(site, browser):
    address = f"{site[0]}?sid={nodes(site)['figure_of_accuracy']['id']}"
    go(browser, address, "document.querySelectorAll('.js-plotly-plot .scatterlayer .trace').length > 0")


@pytest.fixture(scope="module")
def report(finished, browser):
    page = finished / "data/08_reporting/test/report.html"
    before = len(browser.requests), len(browser.complaints)
    go(browser, page.as_uri(), "document.readyState == 'complete' && document.querySelectorAll('.drawing').length > 8")
    return browser, before


def test_the_report_draws_every_figure_without_a_network(report):
    browser, (requests, complaints) = report
    browser.evaluate("places.forEach(draw)")
    browser.until("places.every(place => place.querySelector('svg.main-svg'))")
    assert browser.complaints[complaints:] == []
    assert {request.partition(":")[0] for request in browser.requests[requests:]} <= {"file", "data", "blob"}


def test_a_screen_reader_gets_every_figure_and_table_by_name(report):
    browser, _ = report
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    spoken = browser.spoken()
    pictures = [name for role, name in spoken if role in ("image", "img")]
    assert len(pictures) >= browser.evaluate("places.length")
    assert [name for name in pictures if len(name) <= 40] == []
    assert ("main", "") in spoken
    assert any(role == "table" and name for role, name in spoken)


def test_the_keyboard_reaches_the_report_and_what_scrolls(report):
    browser, _ = report
    browser.evaluate("document.activeElement.blur()")
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip"
    assert browser.evaluate("Array.from(document.querySelectorAll('.table, pre')).every(one => one.tabIndex == 0)")


def test_every_text_of_the_report_stands_out_from_what_is_behind_it(report):
    browser, _ = report
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    seen, weak = browser.evaluate(chromium.CONTRAST)
    assert seen > 500
    assert weak == []


def test_printed_all_is_open_and_drawn_and_nothing_is_cut(report):
    browser, _ = report
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("Array.from(document.querySelectorAll('details')).every(one => one.open)")
    assert browser.evaluate("places.every(place => place.dataset.drawn)")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.evaluate("getComputedStyle(document.querySelector('.table')).overflowY") == "visible"
    browser.call("Emulation.setEmulatedMedia", media="screen")

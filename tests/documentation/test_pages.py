"""The site is built without a network, has no dead link, and says what the project is now."""

import os
import re
import subprocess
import sys

import pytest
from docs._make.__main__ import benchmarks_page, pages, section
from docs._make.parameters import parameters_page
from tests.conftest import PROJECT

NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


def test_every_made_page_is_what_the_project_makes_now():
    made = pages(PROJECT)
    assert len(made) == 7
    assert [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text] == [], "make pages"


def test_every_parameter_stands_on_its_page_with_value_and_limits():
    page = parameters_page(PROJECT / "conf")
    assert "| `hyperparameter_search.n_trials` | integer ≥ 1 | `8` |" in page
    assert "kaggle: `40`; paper: `40`" in page
    assert "| `lora.lora_dropout` | number ≥ 0, &lt; 1 | `0.05` |" in page
    assert "the number of training posts; null: all" in page


def test_the_page_of_benchmarks_holds_what_was_measured_of_a_model_in_use():
    page = benchmarks_page("# Beside\n\n| a |\n") + section("# A trained model in use\n\n| b |\n")
    assert [line for line in page.splitlines() if line.startswith("#")] == ["# Benchmarks", "## A trained model in use"]
    assert page.endswith("| a |\n\n## A trained model in use\n\n| b |\n")
    assert section("") == ""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | NO_NETWORK | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_it_builds_strictly_and_tells_of_every_public_function(site):
    reference = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    for name in ("data.cleaning.clean_as_intended", "scoring.metrics.score", "predictor.predictor.Predictor"):
        assert f'id="tweet_sentiment.{name}"' in reference


@pytest.mark.slow
def test_its_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]+src="([^"]+)"|<link[^>]+href="([^"]+)"', text)
        assert [one for pair in loaded for one in pair if one.startswith(("http:", "https:", "//"))] == [], page.name


def test_links_of_the_files_beside_the_site_lead_somewhere():
    for page in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#]+)", (PROJECT / page).read_text(encoding="utf-8"))
        missing = [link for link in links if not link.startswith("http") and not (PROJECT / link).exists()]
        assert missing == [], page

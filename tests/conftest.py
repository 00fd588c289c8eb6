"""What every test shares: the project's real configuration, and skips that name the missing real part."""

import gc
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import kedro.framework.project
import pytest
from hypothesis import settings

from tests.projects import PROJECT, kedro, small_project, tiny_encoder

_NLTK_HELP = "NLTK's stop words and WordNet are missing: python -m nltk.downloader stopwords wordnet"
_DATA_HELP = "the real CSVs are not in data/01_raw (docs/index.md: Real data)"


def _nltk_data_present() -> bool:
    import nltk

    try:
        nltk.data.find("corpora/stopwords.zip")
        nltk.data.find("corpora/wordnet.zip")
    except LookupError:
        return False
    return True


def _real_data_present() -> bool:
    return all((PROJECT / "data/01_raw" / f"twitter_{part}.csv").is_file() for part in ("training", "validation"))


def pytest_configure(config: pytest.Config) -> None:
    """Give properties no deadline, as a busy machine is no fault, and quick tests fewer examples."""
    settings.register_profile("here", deadline=None, max_examples=25 if config.option.markexpr == "not slow" else 100)
    settings.load_profile("here")


BESIDE = 8  # modules for the other workers while one builds the finished study
LONGEST = {"test_sample", "test_kills"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whatever looks at a study that takes a minute to make, or at the real files, is slow."""
    if {"finished", "tracked"} & {*getattr(item, "fixturenames", ())} or item.get_closest_marker("real_data"):
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)  # after -m has left some out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what lacks its real part; put modules that use the finished study early: they are the longest."""
    modules = list(dict.fromkeys(item.path for item in items))
    users = {item.path for item in items if "finished" in item.fixturenames or item.path.stem in LONGEST}
    first, later = ([path for path in modules if (path in users) == uses] for uses in (True, False))
    order = [*first[:1], *later[:BESIDE], *first[1:], *later[BESIDE:]]
    items.sort(key=lambda item: order.index(item.path))
    for marker, present, reason in (
        ("nltk", _nltk_data_present, _NLTK_HELP),
        ("real_data", _real_data_present, _DATA_HELP),
    ):
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and not present():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


def raw_parameters(environment: str = "base", **runtime):
    """Return the project's parameters as Kedro resolves them, unvalidated."""
    from tweet_sentiment.configuration import ConfigLoader
    from tweet_sentiment.settings import CONFIG_LOADER_ARGS

    loader = ConfigLoader(
        str(PROJECT / "conf"),
        env=environment,
        base_env="base",
        default_run_env="local",
        runtime_params=runtime,
        merge_strategy=CONFIG_LOADER_ARGS["merge_strategy"],
    )
    return loader["parameters"]


class Sections(SimpleNamespace):
    """The sections of conf as models, ``study`` and ``compute`` among them; a copy under changes is consistent."""

    def model_copy(self, *, update):
        from tweet_sentiment.parameters import Compute, Study

        changed = vars(self) | update
        for name, model in {"study": Study, "compute": Compute}.items():
            changed[name] = model(**{key: changed[key] for key in model.model_fields})
        return Sections(**changed)


def validate_parameters(raw) -> Sections:
    """Check the parameters, and return them by attribute."""
    from tweet_sentiment.schema import validate

    return Sections(**validate(raw))


@pytest.fixture
def parameters():
    """The parameters of the base environment, as nodes get them."""
    return validate_parameters(raw_parameters())


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The whole study on few posts, run once by ``kedro run`` for all workers. To change nothing in.

    What it printed is in ``stdout.txt`` and ``stderr.txt``.
    """
    from filelock import FileLock

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished"
    with FileLock(shared / "finished.lock"):
        if not (folder / "stdout.txt").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            small_project(folder)
            done = kedro(folder, "run", "--env=test")
            assert done.returncode == 0, done.stderr
            (folder / "stderr.txt").write_text(done.stderr)
            (folder / "stdout.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study, to change."""
    return Path(shutil.copytree(finished, tmp_path / "study"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    """A folder with an encoder of DistilBERT's shape, tiny and random, and the embedded encoder's tokenizer."""
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def one_thread():
    """Sums are the same bits only with the same number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_collection_finish():
    """Take what has been imported out of garbage collection: statsmodels starts one at every correction."""
    gc.freeze()

"""What every test shares: the project's real configuration, and skips that name the missing real part."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from tests.projects import PROJECT, copy_project, kedro

settings.register_profile("here", deadline=None)  # a busy machine is no fault
settings.load_profile("here")

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
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


SMALLER = {
    "seeds": [42, 43],
    "data": {"row_limit": 60},
    "hyperparameter_search": {"n_trials": 1},
    "prompt_tuning": {"row_limit": 8, "hard_prompts": ["The sentiment is:"]},
    "uncertainty": {"resamples": 100},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, encoder) -> Path:
    """The whole study on few posts, run once by ``kedro run`` for all workers. To change nothing in.

    What it printed is in ``stdout.txt`` and ``stderr.txt``.
    """
    from filelock import FileLock
    from omegaconf import OmegaConf

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished"
    with FileLock(shared / "finished.lock"):
        if not (folder / "stdout.txt").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            copy_project(folder, encoder)
            (folder / "data/01_raw/tiny_encoder").unlink()
            shutil.copytree(encoder, folder / "data/01_raw/tiny_encoder")
            parameters = folder / "conf/test/parameters.yml"
            OmegaConf.save(OmegaConf.merge(OmegaConf.load(parameters), SMALLER), parameters)
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
    import torch
    from transformers import DistilBertConfig, DistilBertModel

    from tweet_sentiment.modeling.encoders import load_tokenizer

    folder = tmp_path_factory.mktemp("encoder")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        DistilBertModel(DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64)).save_pretrained(folder)
    load_tokenizer("embedded").save_pretrained(folder)
    return folder


@pytest.fixture
def one_thread():
    """Sums are the same bits only with the same number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

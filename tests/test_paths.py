"""An address is refused where it cannot be read or written, before anything is computed; a path never is."""

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import PROJECT, raw_parameters, validate_parameters
from tweet_sentiment.cli import cli
from tweet_sentiment.configuration import StudyContext
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file
from tweet_sentiment.storage import is_address

ADDRESSES = [
    "s3://bucket/posts.csv",
    "gs://b/x",
    "https://host/x.csv",
    "file:///tmp/x.csv",
    "zip::s3://b/x",
    "hf://o/m",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_known_also_as_a_path(address, tmp_path):
    assert is_address(address)
    assert is_address(tmp_path.__class__(address))


@given(st.lists(st.text("abcXYZ012 ._-ä", min_size=1), min_size=1))
def test_a_path_is_none(names):
    for path in ("/".join(names), "/" + "/".join(names), "./" + "/".join(names), r"C:\posts\x.csv", "C:/posts/x.csv"):
        assert not is_address(path)


def test_an_encoder_at_an_address_is_refused_with_its_key():
    raw = raw_parameters()
    raw["model"]["checkpoint"] = "s3://bucket/x"
    said = r"model.checkpoint: an address, and only files .* of this machine .*'s3://bucket/x'"
    with pytest.raises(StudyError, match=said):
        validate_parameters(raw)


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--model=s3://b/x"],
        ["export", "--output=s3://b/x"],
        ["export", "--csv=s3://b/x"],
        ["promote", "--previous", "--model=s3://b/x"],
        ["init", "s3://b/x.csv"],
        ["init", "x.csv", "--validation=s3://b/x.csv"],
    ],
)
def test_a_command_refuses_it_at_once_and_makes_no_folder(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert "is an address, and only files and folders of this machine are read and written" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--model={}"], "x: no manifest.json here"),
        (["--csv={}", "--text-column=x", "--output=x.csv"], "x: there is no such file (or it is a folder)"),
        (["--csv=x.csv", "--text-column=x", "--output={}"], "expected an output that ends in .csv"),
    ],
)
@pytest.mark.parametrize(
    ("address", "lacking"), [("klingon://b/x", "Protocol not known: klingon"), ("file://{}/x", "")]
)
def test_predict_takes_addresses_that_fsspec_knows_and_says_what_is_not_there(
    arguments, said, address, lacking, tmp_path, monkeypatch
):
    monkeypatch.setenv("TWEET_SENTIMENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    address = address.format(tmp_path)
    done = CliRunner().invoke(cli, ["predict", *(one.format(address) for one in arguments)])
    assert done.exit_code == 1
    assert (lacking or said) in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]


def test_an_address_that_is_a_path_has_lost_a_slash_and_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = tmp_path.__class__("s3://b/x.csv")
    for ask in (
        lambda: Predictor.load(address),
        lambda: predict_file(lambda: None, FileJob("x.csv", address, "x")),
    ):
        with pytest.raises(StudyError, match=r"s3:/b/x\.csv: give an address as a str"):
            ask()
    assert not list(tmp_path.iterdir())


def test_a_training_file_is_looked_into_at_its_address():
    raw = raw_parameters() | {"labels": "auto"}
    raw["data"]["training_file"] = "klingon://bucket/mine.csv"
    context = StudyContext(PROJECT, {"parameters": raw}, env=None, package_name="tweet_sentiment", hook_manager=None)
    with pytest.raises(StudyError, match=r"klingon://bucket/mine.csv: Protocol not known"):
        _ = context.params

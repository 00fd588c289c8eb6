"""An exported model gives what PyTorch gives, says what quantization changed, and is refused where it would not."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnx as onnx_format
import onnxruntime as ort
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.conftest import PROJECT
from tests.predictor.conftest import save_plain, save_prompted

from tweet_sentiment.commands.export import export as command
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.modeling.encoders import set_pooling
from tweet_sentiment.modeling.model_folder import load_model
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.onnx import export as exporting
from tweet_sentiment.predictor.onnx.backend import MODEL
from tweet_sentiment.predictor.onnx.export import compare, export, refuse_other_answers
from tweet_sentiment.predictor.onnx.quantize import quantize_layers
from tweet_sentiment.storage import sha256

POSTS = [
    "I love it, best game in years!",
    "So bad... the worst update of all, it KEEPS crashing http://x.yz #fail",
    "we play at nine",
    "ok",
    " ".join(["never ever again"] * 60),
    "Thank you all for the great evening 🤣 &amp; the music",
]


QUANTIZED = pytest.mark.parametrize("quantize", [None, pytest.param("int8", marks=pytest.mark.slow)])


@pytest.fixture(scope="session")
def check_posts(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("posts") / "posts.csv"
    rows = [(settings.labels[i % len(settings.labels)], text) for i, text in enumerate(POSTS * 40)]
    pd.DataFrame(rows, columns=["sentiment", "text"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def exported(plain_folder, prompted_folder, check_posts):
    """Return a function that exports the plain or the prompted model by the command, once for each way."""
    folders = {"plain": plain_folder, "prompted": prompted_folder}
    done = {}

    def one(name, quantize=None):
        if (name, quantize) not in done:
            options = ["--csv", check_posts, "--text-column", "text", "--label-column", "sentiment"]
            options += ["--quantize", quantize] if quantize else []
            told = asked("--model", folders[name], "--format", "onnx", *options)
            assert told.exit_code == 0, told.output
            (written,) = re.findall(r"Written: (.*) \(\d+ MB\)", told.output)
            assert "Same label as PyTorch: " in told.output
            assert "Accuracy: " in told.output
            done[name, quantize] = Path(written)
        return done[name, quantize]

    return one


def asked(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)])


@pytest.mark.parametrize("name", ["plain", pytest.param("prompted", marks=pytest.mark.slow)])
def test_the_exported_model_gives_the_same_probabilities(request, exported, name):
    torch_predictor = request.getfixturevalue({"plain": "predictor"}.get(name, name))
    onnx = Predictor.load(exported(name))
    expected = torch_predictor.probabilities(POSTS)
    assert np.ptp(expected, axis=0).max() > 0.01  # or the order could not be seen
    np.testing.assert_allclose(onnx.probabilities(POSTS), expected, atol=1e-4)
    np.testing.assert_allclose(onnx.probabilities(POSTS[::-1]), expected[::-1], atol=1e-4)
    assert list(onnx(POSTS)["label"]) == list(torch_predictor(POSTS)["label"])


@QUANTIZED
def test_batches_side_by_side_answer_as_one_after_the_other(exported, quantize):
    posts, before, found = [f"{post} {i}" for i in range(60) for post in POSTS], torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            onnx = Predictor.load(exported("plain", quantize))
            assert onnx.backend.batches_at_once == threads
            found.append(onnx.probabilities(posts))
    finally:
        torch.set_num_threads(before)
    assert np.ptp(found[0], axis=0).max() > 0.01
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


def mean_pooled(settings, folder):
    """A model whose head reads the mean of all word pieces, as its configuration records."""
    trained = load_model(save_plain(settings, folder.with_name("plain")))
    set_pooling(trained.model, "mean")
    trained.save(folder)


def pools_cls(settings, folder):
    """A soft-prompted model whose head reads [CLS], which stands behind the virtual tokens."""
    save_prompted(settings, folder, pooling="cls")


@pytest.mark.slow
@pytest.mark.parametrize("save", [mean_pooled, pools_cls])
def test_whatever_the_head_reads_is_exported_too(settings, tmp_path, check_posts, save):
    save(settings, tmp_path / "model")
    expected = Predictor.load(tmp_path / "model", device="cpu", precision="fp32").probabilities(POSTS)
    onnx = Predictor.load(export(tmp_path / "model", None, None, check_posts, "text", None))
    np.testing.assert_allclose(onnx.probabilities(POSTS), expected, atol=1e-4)
    plain = Predictor.load(save_plain(settings, tmp_path / "other"), device="cpu", precision="fp32")
    assert np.abs(plain.probabilities(POSTS) - expected).max() > 0.01  # or there were nothing to see


@pytest.fixture(scope="session")
def onnx(exported):
    return Predictor.load(exported("plain"))


@hypothesis_settings(max_examples=30)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=90), min_size=1, max_size=5))
def test_any_texts_get_the_same_probabilities(predictor, onnx, texts):
    expected = predictor.probabilities(texts, keep_blank=True)
    np.testing.assert_allclose(onnx.probabilities(texts, keep_blank=True), expected, atol=1e-3)


def test_the_manifest_says_where_it_comes_from_and_what_the_check_found(exported, plain_folder):
    manifest = json.loads((exported("plain") / MANIFEST).read_text())
    original = json.loads((plain_folder / MANIFEST).read_text())
    assert {name: manifest[name] for name in original if name != "files"} == {
        name: value for name, value in original.items() if name != "files"
    }
    assert manifest["onnx"]["agreement"] == 1
    assert manifest["onnx"]["posts"] == len(POSTS) * 40
    assert manifest["onnx"]["accuracy_change"] == 0
    assert "ONNX, fp32" in (exported("plain") / "README.md").read_text()


@pytest.mark.slow
def test_int8_is_smaller_and_its_manifest_says_what_it_changed(exported):
    full, small = exported("plain"), exported("plain", "int8")
    assert (small / MODEL).stat().st_size < 0.5 * (full / MODEL).stat().st_size
    figures = json.loads((small / MANIFEST).read_text())["onnx"]
    assert figures["quantize"] == "int8"
    assert 0.5 < figures["agreement"] <= 1
    assert figures["largest_difference"] > 0
    assert figures["accuracy_change"] == figures["accuracy_onnx"] - figures["accuracy_pytorch"]
    assert set(Predictor.load(small)(POSTS)["label"]) <= set(Predictor.load(full).labels)


@pytest.mark.slow
def test_a_quantized_answer_does_not_hang_on_the_posts_beside_it(exported):
    small = Predictor.load(exported("plain", "int8"))
    together = small.probabilities([*POSTS, "worst " * 40, "!"])[: len(POSTS)]
    alone = np.concatenate([small.probabilities([text]) for text in POSTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_integers_times_scales_are_the_layers_they_stand_for(tmp_path):
    rng = np.random.default_rng(0)
    weight, bias, table = (rng.normal(size=size).astype("float32") for size in ((16, 5), 5, (9, 16)))
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"], name="embedding"),
        helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], name="layer"),
        helper.make_node("MatMul", ["x", "weight"], ["z"], name="product"),
    ]
    constants = [
        numpy_helper.from_array(one, name)
        for name, one in zip(("weight", "bias", "table"), (weight, bias, table), strict=True)
    ]
    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 5]) for name in "yz"]
    graph = helper.make_graph(
        nodes, "layers", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])], floats, constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    assert quantize_layers(model) == 3
    ids = np.arange(9)
    y, z = ort.InferenceSession(model.SerializeToString()).run(None, {"ids": ids})
    expected = table @ weight
    np.testing.assert_allclose(z, expected, atol=0.02 * np.abs(expected).max())
    np.testing.assert_allclose(y, expected + bias, atol=0.02 * np.abs(expected).max())


def test_a_mistake_is_one_message_of_the_command(plain_folder, tmp_path):
    latin = tmp_path / "latin.csv"
    latin.write_bytes("text\nschön\n".encode("latin-1"))
    for arguments, said in (
        (["--model", tmp_path], "no manifest.json here"),
        (["--model", plain_folder, "--csv", latin], "latin.csv, line 2: the byte at offset 8 (0xf6) is not UTF-8"),
    ):
        done = asked(*arguments)
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)  # not the mistake's own traceback
        assert said in done.stderr


def writes(model):
    """Return what takes a model that was exported before for the export."""
    return lambda trained, path, quantize: shutil.copy(model / MODEL, path)


def test_without_a_csv_the_test_posts_of_the_run_are_compared_on(
    plain_folder, exported, settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(exporting, "write_onnx", writes(exported("plain")))
    with pytest.raises(StudyError, match="does not lie in data/06_models/<run>"):
        export(plain_folder, tmp_path / "out", None, None, "text", None)
    path = tmp_path / f"data/03_primary/mine/{settings.protocol}/test_posts.parquet"
    best = tmp_path / "data/06_models/mine/best"
    best.parent.mkdir(parents=True)
    best.symlink_to(plain_folder)
    with pytest.raises(StudyError, match=f"there is no {path}"):
        export(best, tmp_path / "out", None, None, "text", None)
    path.parent.mkdir(parents=True)
    posts = pd.DataFrame({"post": ["i love it", "so bad"], "label": settings.labels[:2]})
    posts.to_parquet(path)
    folder = export(best, tmp_path / "out", None, None, "text", None)
    assert json.loads((folder / MANIFEST).read_text())["onnx"]["posts"] == 2


@pytest.mark.parametrize(
    ("others", "shift", "quantize", "said"),
    [
        (5, 0, None, None),
        (0, 0.04, None, None),
        (6, 0, "int8", None),
        (6, 0, None, r"same label on 99.40% of 1000 posts, .* expected 99.5% and 0.05. Nothing was"),
        (0, 0.06, None, r"100.00% of 1000 posts, with logits up to 0.06 off"),
    ],
)
def test_an_export_is_refused_that_labels_or_computes_otherwise_unless_quantized(others, shift, quantize, said):
    reference = np.tile([[0.0, 0.01]], (1000, 1))
    found = reference + shift
    found[:others] = [0.01, 0]
    with pytest.raises(StudyError, match=said) if said else nullcontext():
        refuse_other_answers(compare(reference, found, None), quantize)


def test_an_export_that_answers_otherwise_is_not_written(plain_folder, exported, check_posts, tmp_path, monkeypatch):
    other = onnx_format.load(exported("plain") / MODEL)
    (bias,) = (one for one in other.graph.initializer if one.name.endswith(".classifier.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32([0, 1, 2]), bias.name))
    onnx_format.save(other, tmp_path / MODEL)
    monkeypatch.setattr(exporting, "write_onnx", writes(tmp_path))
    with pytest.raises(StudyError, match="Nothing was written"):
        export(plain_folder, tmp_path / "out", None, check_posts, "text", None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"csv": "nothing.csv"}, "nothing.csv: there is no such file"),
        ({"text_column": "tweet"}, r"there is no column 'tweet'; found \['sentiment', 'text'\]"),
        ({"label_column": "text"}, "has no post to compare on"),
        ({"csv": "posts.parquet", "text_column": "tweet"}, "posts.parquet: there is no column 'tweet'"),
        ({"label_column": "tone"}, r"there is no column 'tone'; found \['sentiment', 'text'\]"),
    ],
)
def test_posts_that_cannot_be_compared_on_are_said(plain_folder, check_posts, tmp_path, monkeypatch, changed, said):
    pd.read_csv(check_posts).to_parquet(tmp_path / "posts.parquet")
    monkeypatch.chdir(tmp_path)
    arguments = {"csv": check_posts, "text_column": "text", "label_column": "sentiment"} | changed
    with pytest.raises(StudyError, match=said):
        export(plain_folder, tmp_path / "out", None, **arguments | {"csv": Path(arguments["csv"])})


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"device": "cuda:0"}, "runs on the CPU"),
        ({"fp16": True}, "its precision was chosen when it was exported"),
        ({"precision": "bf16"}, "its precision was chosen when it was exported"),
    ],
)
def test_a_device_or_precision_that_it_has_not_is_refused(exported, choice, said):
    with pytest.raises(StudyError, match=said):
        Predictor.load(exported("plain"), **choice)


def test_it_is_not_exported_again_and_does_not_explain_and_says_what_does(onnx, exported, check_posts, tmp_path):
    with pytest.raises(StudyError, match="is an ONNX model already"):
        export(exported("plain"), tmp_path / "out", None, check_posts, "text", None)
    assert not onnx.explains
    with pytest.raises(StudyError, match="load the folder it was exported from"):
        onnx.explain(["I love it"])


HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "sklearn",
    "scipy",
    "pyarrow",
    "plotly",
    "optuna",
    "datasets",
    "nltk",
    "peft",
)
LOADED = f"print([name for name in {HEAVY} if name in sys.modules])"
IN_PYTHON = f"""
import sys
from tweet_sentiment import Predictor
print(Predictor.load(sys.argv[1]).records(["I love it"])[0]["label"])
{LOADED}
"""
ON_THE_COMMAND_LINE = f"""
import atexit, sys
from kedro.framework.cli.cli import main
atexit.register(lambda: {LOADED})
sys.argv = ["kedro", "predict", "--model", sys.argv[1], "--json", "I love it"]
main()
"""


@pytest.mark.parametrize("code", [IN_PYTHON, ON_THE_COMMAND_LINE])
@pytest.mark.parametrize(("kind", "expected"), [("onnx", []), pytest.param("torch", ["torch"], marks=pytest.mark.slow)])
def test_it_is_asked_without_any_library_that_it_does_not_need(predictor, exported, plain_folder, kind, expected, code):
    arguments = [sys.executable, "-c", code, exported("plain") if kind == "onnx" else plain_folder]
    said = subprocess.run(arguments, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert predictor.records(["I love it"])[0]["label"] in said
    assert said.splitlines()[-1] == str(expected)


@pytest.mark.parametrize(("wanted", "expected"), [("3", 3), (" 2,4", 2), ("", None), ("0", None), ("many", None)])
def test_without_torch_it_takes_as_many_threads_as_torch_would(monkeypatch, wanted, expected):
    from tweet_sentiment.modeling.batching import threads

    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.delitem(sys.modules, "torch")
    assert threads() == (expected or count)


def copied(folder, target, change):
    """Copy an exported folder, change its model, and vouch for it anew."""
    shutil.copytree(folder, target)
    change(target / MODEL)
    manifest = json.loads((target / MANIFEST).read_text())
    manifest["files"][MODEL] = sha256((target / MODEL).read_bytes())
    (target / MANIFEST).write_text(json.dumps(manifest))
    return target


def test_a_truncated_model_or_another_number_of_classes_is_said(exported, tmp_path):
    cut = copied(exported("plain"), tmp_path / "cut", lambda path: path.write_bytes(path.read_bytes()[:1000]))
    other = copied(exported("plain"), tmp_path / "other", lambda path: None)
    manifest = json.loads((other / MANIFEST).read_text())
    (other / MANIFEST).write_text(json.dumps(manifest | {"labels": ["good", "bad"]}))
    for folder, said in (
        (cut, "cannot be read by onnxruntime"),
        (other, "classes, the manifest 2; export the model again"),
    ):
        with pytest.raises(StudyError, match=said):
            Predictor.load(folder)


@QUANTIZED
@pytest.mark.parametrize("replace", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_model_that_is_replaced_or_cut_off_on_disk_goes_on_as_it_was(exported, tmp_path, quantize, replace):
    folder, many, threads = copied(exported("plain", quantize), tmp_path / "served", lambda path: None), POSTS * 60, 2
    expected, before = Predictor.load(folder).probabilities(many), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        onnx = Predictor.load(folder)
    finally:
        torch.set_num_threads(before)
    assert onnx.backend.batches_at_once == threads
    replace(folder / MODEL)
    np.testing.assert_allclose(onnx.probabilities(many), expected, atol=1e-6)

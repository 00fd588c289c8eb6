"""The faults, by the numbers of the list that the project answers for: one line a case.

Words that a message must have name what is wrong and what to do; a command that fails has computed nothing before, and
leaves every file as it was.
"""

import csv
import gzip
import io
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.preparing import (
    Prepare,
    changed,
    copied,
    linked,
    locked,
    mounted,
    removed,
    settings,
    tensors,
    vouched,
    written,
)
from tests.projects import PROJECT

DATA = "run --env=test --pipelines=data_processing"
TRAINING, OWN = "data/01_raw/sample_training.csv", "in/own.csv"
VALIDATION = "data/01_raw/sample_validation.csv"
MODELS = "data/06_models/test/leak_free"
MODEL, ENCODER = f"{MODELS}/layer_unfreezing", "data/01_raw/tiny_encoder"
WORK = f"{MODELS}/.working"
ASK = f"predict --model={MODEL}"
DATABASE = f"{WORK}/hyperparameter_search/*/study.sqlite3"
TUNE = "run --env=test --pipelines=full_fine_tuning --params=seed=42"
PROMPTS, TRAINER, DATASETS = "modeling/test_soft_prompts.py", "modeling/test_trainer.py", "test_datasets.py"
OUTPUTS = (r"^data/0[2-8]_",)
ANY = ("*",)
AT_THE_DATA = ("read_posts", "filter_posts", "audit_posts")


@dataclass(frozen=True)
class Case:
    """A fault: what is prepared, the command, and how it must end; or the test that holds what no command meets.

    ``says``: words of the answer. ``after``: the nodes that may have finished. ``changes``: patterns of the files that
    may be written. ``signal`` is sent when the log matches ``when``, or after so many seconds.
    """

    number: int
    what: str
    command: str = ""
    says: tuple[str, ...] = ()
    status: int | tuple[int, ...] = 1
    given: tuple[Prepare, ...] = ()
    after: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    says_not: tuple[str, ...] = ()
    signal: int | None = None
    when: str | float = 0.0
    test: str = ""


def held_by(number: int, what: str, *tests: str) -> list[Case]:
    """Return cases that a test holds."""
    return [Case(number, what, test=test) for test in tests]


def file(number: int, what: str, change: Callable[[bytes], bytes], *says: str, **more: Any) -> list[Case]:
    """Return a fault of the training file, once in the project's own, whose form is known, and once in another.

    ``own``: what is else in the other: a dictionary of a case's fields; None: there is no such fault.
    """
    own = more.pop("own", {})
    known = Case(number, what, DATA, says, given=(changed(TRAINING, change),), **more)
    other = replace(
        known,
        what=f"{what}, own file",
        command=f"{DATA} --params=data.training_file={OWN}",
        given=(changed(TRAINING, change, to=OWN),),
    )
    return [known] if own is None else [known, replace(other, **own)]


def accepted(number: int, what: str, change: Callable[[bytes], bytes], *says: str, **more: Any) -> list[Case]:
    """Return a training file that is read all the same, each of its rows kept or counted."""
    rows = list(_rows(change((PROJECT / TRAINING).read_bytes())))
    texts = [label for _, _, label, text in rows if text.strip()]
    kept = [label for label in texts if label != "Irrelevant"]
    own = {"says": (f"{len(rows):,} rows, {len(texts):,} kept",)}
    says = (f"{len(rows):,} rows, {len(kept):,} kept", *says)
    return file(number, what, change, *says, status=0, changes=OUTPUTS, own=own, **more)


def parameter(number: int, value: str, *says: str, pipeline: str = "layer_unfreezing", **more: Any) -> Case:
    """Return a parameter that is refused before anything is computed."""
    return Case(number, value, f"run --env=test --pipelines={pipeline} '--params={value}'", says, **more)


def local(number: int, what: str, content: str, *says: str, name: str = "parameters_own.yml", **more: Any) -> Case:
    """Return a file of conf that is refused before anything is computed."""
    given = (written(f"conf/test/{name}", content),)
    return Case(number, what, DATA, says, given=given, **more)


def model(number: int, what: str, *given: Prepare, says: tuple[str, ...], node: bool = False) -> list[Case]:
    """Return a fault of a model's folder: for who asks it, and, as another reader, for the ``node`` that loads it."""
    asked = Case(number, what, f"predict --model={MODEL} 'I love it'", says, given=given)
    in_run = replace(asked, what=f"{what}, node", command="run --env=test --nodes=layer_unfreezing.predict")
    return [asked, in_run] if node else [asked]


def encoder(number: int, what: str, *given: Prepare, says: tuple[str, ...], **more: Any) -> Case:
    """Return a fault of the encoder's folder, which training starts from."""
    command = "run --env=test --pipelines=feature_extraction --params=run=other"
    return Case(number, what, command, says, given=given, **more)


def predicted(number: int, what: str, content: str, *says: str, name: str = "in/posts.csv", **more: Any) -> Case:
    """Return a file to predict: a faulty row is kept with what is wrong, the others get labels."""
    command = f"predict --model={MODEL} --csv {name} --text-column text --output out.csv"
    more = {"status": 0, "changes": (r"^out\.csv$",), **more}
    return Case(number, what, command, says, given=(written(name, content),), **more)


def first(*lines: bytes) -> Callable[[bytes], bytes]:
    """Put lines in the place of the first."""
    return lambda content: b"\n".join([*lines, content.partition(b"\n")[2]])


def last(line: bytes) -> Callable[[bytes], bytes]:
    """Add a line."""
    return lambda content: content + line


def third(line: bytes) -> Callable[[bytes], bytes]:
    """Put a line in the place of the third."""
    return lambda content: b"\n".join([*content.split(b"\n")[:2], line, *content.split(b"\n")[3:]])


def coded(name: str) -> Callable[[bytes], bytes]:
    """Encode the file otherwise."""
    return lambda content: content.decode().encode(name)


def zipped(content: bytes) -> bytes:
    """Return the file in a zip archive."""
    import zipfile

    with zipfile.ZipFile(found := io.BytesIO(), "w") as archive:
        archive.writestr("posts.csv", content)
    return found.getvalue()


def cut(content: bytes) -> bytes:
    """Return the first half."""
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """Turn one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def empty(content: bytes) -> bytes:
    """Return nothing."""
    return b""


def nan(weights: dict[str, Any]) -> dict[str, Any]:
    """Put NaN into the first weights."""
    name = min(weights)
    return {**weights, name: weights[name] * float("nan")}


def semicolons(content: bytes) -> bytes:
    """Part the fields by semicolons."""
    return _written(_rows(content), ";")


def _rows(content: bytes) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))


def _written(rows: Iterable[list[str]], delimiter: str = ",") -> bytes:
    csv.writer(found := io.StringIO(newline=""), delimiter=delimiter, lineterminator="\n").writerows(rows)
    return found.getvalue().encode()


def headed(content: bytes) -> bytes:
    """Add column names."""
    return b"tweet_id,entity,sentiment,post\n" + content


def without(label: str) -> Callable[[bytes], bytes]:
    """Take out the rows of a label."""
    return lambda content: _written(row for row in _rows(content) if row[2] != label)


CONFLICTS = b"\n".join(
    b"%d,Borderlands,%s,they asked me %d times what the patch does" % (7000 + n, label, n * 7919)
    for n in range(10, 40)
    for label in (b"Positive", b"Negative")
)
GOOD = b'7001,Borderlands,Positive,"the new update is good"'
LATIN_1 = "7001,Borderlands,Positive,très bon".encode("latin-1")

# fmt: off

INPUT = [
    Case(1, "no training file", f"{DATA} --params=data.training_file=in/none.csv", ("in/none.csv: there is no such",)),
    Case(1, "the training file is a folder", f"{DATA} --params=data.training_file=conf",
        ("conf: there is no such file (or",)),
    Case(1, "no validation file", f"{DATA} --params=data.validation_file=in/none.csv",
        ("in/none.csv: there is no such",)),
    Case(1, "the project's own file is gone", DATA, (TRAINING, "Kaggle", "there is no such file"),
        given=(removed(TRAINING),)),
    Case(1, "a file to predict that is not there",
        f"predict --model={MODEL} --csv in/none.csv --text-column text --output out.csv", ("in/none.csv",)),
    *file(2, "an empty file", empty, "the file is empty"),
    *file(2, "a file of blank lines", lambda content: b"\xef\xbb\xbf \r\n\n  \n", "the file is empty"),
    *file(3, "a header row", headed, f"{TRAINING}, line 1", "found what seem to be column names",
        "Set data.header to true",
          own={"status": 0, "says": ("a header", "'sentiment'"), "changes": OUTPUTS}),
    *file(4, "five fields in the first row", first(GOOD + b",5"), f"{TRAINING}, line 1: found 5 fields, expected 4",
          own={"says": (f"{OWN}, line 1: found 5 fields, expected 4, as most rows have",)}),
    *file(5, "five fields in a later row", third(GOOD + b",5"),
        "line 3: found 5 fields, expected 4; the rest is '5'", "in quotes"),
    *file(6, "three fields in a row", third(b"7001,Borderlands,Positive"), "line 3: found 3 fields, expected 4",
        "Complete or delete the row"),
    *file(7, "another delimiter", semicolons, "line 1: found 3 fields, expected 4", "set data.delimiter to ';'",
          own={"status": 0, "says": ("delimiter ';'",), "changes": OUTPUTS}),
    *file(8, "a quote that is not closed", third(b'7001,Borderlands,Positive,"the new'), "line 3", "is not closed",
        "Expected a closing quote"),
    *file(9, "a last row that is cut off", last(b"7001,Borderl"), "found 2 fields, expected 4",
        "cut off in this, its last row"),
    *file(9, "a last row that is cut off in quotes", last(b'7001,Borderlands,Positive,"the n'), "is not closed",
        "cut off there"),
    *file(10, "UTF-16", coded("utf-16"), "offset 0", "UTF-16", "set data.encoding to utf-16", own={"status": 0,
        "says": ("utf-16",), "changes": OUTPUTS}),
    *file(10, "UTF-16 without a mark", coded("utf-16-le"), "offset 1", "UTF-16", "utf-16-le", own={"status": 0,
        "says": ("utf-16-le",), "changes": OUTPUTS}),
    *file(10, "UTF-32", coded("utf-32"), "offset 0", "UTF-32", own={"status": 0, "says": ("utf-32",),
        "changes": OUTPUTS}),
    *file(10, "Latin-1", lambda content: third(LATIN_1)(content.decode().encode("ascii", "ignore")),
          "line 3: the byte at offset", "0xe8", "set data.encoding to cp1252", own={"status": 0,
          "says": ("own.csv is read as",), "changes": OUTPUTS}),
    *file(10, "a line of Latin-1 in UTF-8", third(LATIN_1), "line 3: the byte at offset", "0xe8",
        "is not UTF-8, but most of the file is"),
    *file(10, "gzip", gzip.compress, "compressed with gzip", "offset 0", "gunzip"),
    *file(10, "zip", zipped, "a zip archive or a spreadsheet", "save the sheet as CSV"),
    *file(10, "Parquet by the name of a CSV", lambda content: b"PAR1" + bytes(9) + b"PAR1", "Parquet"),
    *accepted(11, "a byte-order mark", lambda content: b"\xef\xbb\xbf" + content),
    *accepted(12, "line breaks in quotes", third(b'7001,Borderlands,Positive,"the new\nupdate\r\nis good"')),
    *accepted(13, "a lone carriage return", third(b'7001,Borderlands,Positive,"the new\rupdate"')),
    *file(13, "carriage returns alone end the rows", lambda content: content.replace(b"\n", b"\r"),
        "lone carriage returns", "tr '\\r' '\\n'"),
    *file(14, "NUL", third(b"7001,Borderlands,Positive,the\0 new"), "line 3: found a NUL character", "Delete it"),
    *accepted(15, "the texts NaN and null", third(b"7001,Borderlands,Positive,NaN\n7002,Borderlands,Positive,null")),
    *accepted(16, "an empty and a blank text", third(b"7001,Borderlands,Positive,\n7002,Borderlands,Positive,   "),
        "empty", "blank"),
    *file(17, "an unknown label", third(b"7001,Borderlands,Great,good"), "1 unknown label(s)",
        "'Great': 1 times, first on line 3", "data.drop_labels",
          own={"says": (OWN, "each label needs at least 3 posts", "Great 1", "data.drop_labels")}),
    *file(17, "a label in another case", third(b"7001,Borderlands,positive ,good"), "'positive ' looks like 'Positive'",
          own={"says": ("differ only by case or spaces",)}),
    Case(18, "a few texts that cleaning empties", f"{DATA} --params=data.cleaning=corrected,data.row_limit=null",
        ("training posts lose all their text by data.cleaning=corrected",),
         0, (changed(TRAINING, third(b"7001,Borderlands,Positive,1234 :-)")),), changes=OUTPUTS),
    Case(18, "cleaning empties most texts", f"{DATA} --params=data.cleaning=published,data.row_limit=null",
         ("empties", "--params=data.cleaning=none"),
         given=(changed(TRAINING,
         lambda content: b"".join(b"%d,X,%s,\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 %d\n" % (i, label,
         i) for i in range(300) for label in (b"Positive", b"Negative", b"Neutral"))),),
         after=AT_THE_DATA, changes=(r"^data/0[28]_",)),
    *file(19, "a class without a post", without("Neutral"), TRAINING, "no post is labelled Neutral",
        "leave the label out: data.drop_labels", own=None),
    Case(19, "a class that the validation file lacks", DATA, ("no post is labelled Neutral",),
        given=(changed(VALIDATION, without("Neutral")),)),
    Case(19, "an empty validation file", DATA, (VALIDATION, "the file is empty"), given=(written(VALIDATION, b""),)),
    Case(19, "a row limit that loses a class", f"{DATA} --params=data.row_limit=2", ("data.row_limit",)),
    Case(20, "validation posts in training", f"{DATA} --params=protocol=published", ("LEAK", "%",
        "--params=protocol=leak_free"), 0, changes=OUTPUTS),
    Case(21, "one text under two labels", f"{DATA} --params=data.row_limit=null", ("with two labels or more",), 0,
         (changed(TRAINING,
         third(CONFLICTS)),),
         changes=OUTPUTS),
]

RATE = "layer_unfreezing.hyperparameters.learning_rate"
CONFIGURATION = [
    local(22, "a quoted number in conf", 'layer_unfreezing:\n  hyperparameters: {learning_rate: "1e-5"}\n', RATE,
        "found '1e-5'"),
    parameter(22, "seed=\"42\"", "seed", "found"),
    parameter(22, "data.row_limit=ten", "data.row_limit", "'ten'"),
    *[parameter(23, f"{RATE}={value}", RATE, said) for value, said in (("0", "more than 0"), ("-1",
        "more than 0"), (".nan", "finite"), (".inf", "finite"))],
    parameter(23, "hyperparameter_search.space.learning_rate.low=-1", "hyperparameter_search.space"),
    parameter(24, "layer_unfreezing.hyperparameters.per_device_train_batch_size=0", "1 or more"),
    parameter(24, "layer_unfreezing.hyperparameters.num_train_epochs=0", "1 or more"),
    parameter(24, "layer_unfreezing.hyperparameters.num_train_epochs=1.5", "num_train_epochs", "1.5"),
    parameter(24, "training.per_device_eval_batch_size=0", "training.per_device_eval_batch_size"),
    parameter(25, "seed=-1", "seed", "found -1"),
    parameter(25, "seed=4294967296", "seed", "found 4294967296"),
    parameter(25, "seed=1.5", "seed", "found 1.5"),
    parameter(25, "seeds=[1, 1]", "seeds", "an item twice"),
    parameter(26, "training.metric_for_best_model=acuracy", "training.metric_for_best_model", "'accuracy'",
        "found 'acuracy'"),
    parameter(26, "promotion.metric=f2", "promotion.metric", "macro_f1"),
    parameter(27, "training.eval_strategy=steps", "training.eval_strategy: no such parameter"),
    parameter(27, "lora.early_stopping_patience=1,lora.load_best_model_at_end=false",
        "early_stopping_patience needs load_best_model_at_end"),
    parameter(27, "hyperparameter_search.direction=minimize", "hyperparameter_search.direction is minimize", "auto"),
    parameter(28, "model.max_length=600", "model.max_length", "found 600"),
    parameter(28, "model.max_length=500,prompt_tuning.num_virtual_tokens=20",
        "500) + prompt_tuning.num_virtual_tokens (20) = 520"),
    parameter(29, "hyperparameter_search.space.learning_rate={low: 1.0, high: 0.1, log: true}", "above high"),
    parameter(29, "hyperparameter_search.space.learning_rate={low: 0.0, high: 0.1, log: true}", "low > 0"),
    parameter(29, "hyperparameter_search.space.per_device_train_batch_size=[]", "per_device_train_batch_size"),
    Case(30, "a pruner that cannot stop a trial", "run --env=test --nodes=hyperparameter_search.search",
        ("The pruner cannot stop any trial",), 0, changes=OUTPUTS),
    parameter(31, "layer_unfreezing.lrr=1", "layer_unfreezing.lrr: no such parameter"),
    parameter(31, "learning_rat=1", "learning_rat: no such parameter"),
    parameter(31, "seed=1,seed=2", "seed is given twice", status=2),
    parameter(31, "layer_unfreezing.unfreeze=[clasifier]", "layer_unfreezing.unfreeze", "clasifier"),
    parameter(31, "layer_unfreezing.top_blocks=99", "top_blocks", "99", "2"),
    parameter(31, "unfreezing_sweep.top_blocks=[0, 99]", "top_blocks", "99", pipeline="unfreezing_sweep"),
    local(31, "a key twice in conf", "classical:\n  text: raw\n  text: cleaned\n", "conf/test/parameters_own.yml"),
    local(31, "a key in two files of conf", "lora: {r: 4}\n", "conf/test/parameters_own.yml", "lora"),
    local(31, "YAML that is broken", "classical: [raw\n", "conf/test/parameters_own.yml"),
    local(31, "conf in another encoding", "run: é\n".encode("latin-1"), "conf/test/parameters_own.yml"),
    local(31, "a misspelt type in the catalog",
        "row_counts: {type: tweet_sentiment.datasets.Jsn, filepath: data/x.json}\n", "row_counts", "Jsn",
        name="catalog.yml"),
    local(31, "a misspelt dataset in the catalog",
        "row_count: {type: tweet_sentiment.datasets.Json, filepath: data/x.json}\n", "row_count", "row_counts",
        name="catalog.yml"),
    local(31, "a dataset without its path", "row_counts: {type: tweet_sentiment.datasets.Json}\n", "row_counts",
        "filepath", name="catalog.yml"),
    Case(31, "an option that there is not", f"{DATA} --parms=seed=1", ("--parms",), 2),
    Case(31, "a pipeline that there is not", "run --env=test --pipelines=prompt", ("Did you mean",)),
    Case(31, "a node that there is not", "run --env=test --nodes=linear_svc.evaluat", ("linear_svc.evaluat",)),
    Case(31, "an environment that there is not", "run --env=tset", ("tset",)),
    Case(31, "parameters of a node whose choice is stored",
        "run --env=test --nodes=prompt_tuning.train '--params=prompt_tuning.hyperparameters.learning_rate=0.5'",
         ("prompt_tuning.hyperparameters.learning_rate differs from the one",
         "also run prompt_tuning.choose_hyperparameters"), 0, changes=OUTPUTS),
    parameter(32, "device=cuda:63", "set device=cpu or device=auto"),
    parameter(32, "device=gpu", "device", "'gpu'"),
    parameter(32, "fp16=true", "fp16 needs a CUDA device"),
    parameter(32, "precision=fp8", "precision", "'fp8'"),
    Case(32, "a device that is not there, asked", f"predict --model={MODEL} --device cuda:63 'I love it'",
        ("cuda:63",)),
    Case(32, "a precision that there is not, asked", f"predict --model={MODEL} --precision fp8 'I love it'", ("fp8",),
        (1, 2)),
    parameter(33, "lora.peft_type=LORRA", "lora.peft_type", "'LORRA'", pipeline="lora"),
    parameter(33, "lora.peft_type=PREFIX_TUNING", "past_key_values", pipeline="lora"),
    parameter(33, "lora.target_modules=[q_lin, nothing]", "lora.target_modules", "nothing", pipeline="lora"),
]

WEIGHTS = f"{MODEL}/model.safetensors"
OTHER_CLASSES = {"id2label": {"0": "Positive", "1": "Neutral", "2": "Negative"}, "label2id": {"Positive": 0,
    "Neutral": 1, "Negative": 2}}
ARTIFACTS = [
    Case(34, "no model folder", "predict --model=data/06_models/none 'I love it'",
        ("data/06_models/none: no manifest.json here",)),
    Case(34, "no best model of the run", "predict --run=none 'I love it'", ("The run none has no best model",
        "--run=NAME")),
    parameter(34, "model.checkpoint=./nowhere", "model.checkpoint: there is no folder ./nowhere"),
    parameter(34, "model.checkpoint=distilbert-base-uncased", "is not in the Hugging Face cache", "hf download",
        "--params=model.checkpoint=embedded"),
    Case(34, "an input that is not made", "run --env=test --nodes=lora.evaluate --pipelines=lora",
        ("run this technique's whole pipeline first",)),
    *model(35, "no weights", removed(WEIGHTS), says=("model.safetensors is missing", "train the model again"),
        node=True),
    *model(35, "weights cut off", changed(WEIGHTS, cut), says=("model.safetensors has changed since it was saved",)),
    *model(35, "empty weights", changed(WEIGHTS, empty), says=("model.safetensors has changed since it was saved",)),
    *model(35, "weights cut off before they were signed", changed(WEIGHTS, cut), vouched(MODEL), says=(MODEL,
        "model.safetensors"), node=True),
    *model(36, "flipped bytes", changed(WEIGHTS, flipped), says=("model.safetensors has changed since it was saved",)),
    *model(36, "a flipped byte of the tokenizer", changed(f"{MODEL}/tokenizer.json", flipped),
        says=("tokenizer.json has changed",)),
    *model(36, "a broken manifest", changed(f"{MODEL}/manifest.json", cut), says=("manifest.json is damaged",
        "train the model again")),
    *model(36, "a manifest that lists files", settings(f"{MODEL}/manifest.json", files=["config.json"]),
        says=("manifest.json is damaged",)),
    *model(36, "a manifest with other hashes", settings(f"{MODEL}/manifest.json", files={"config.json": 5}),
        says=("config.json has changed",)),
    *model(37, "NaN weights", tensors(WEIGHTS, nan), vouched(MODEL), says=("are not finite",), node=True),
    *model(38, "more layers than weights", settings(f"{MODEL}/config.json", n_layers=3), vouched(MODEL),
        says=("config.json and model.safetensors disagree",), node=True),
    *model(38, "heads that do not divide", settings(f"{MODEL}/config.json", n_heads=5), vouched(MODEL),
        says=("config.json", "heads")),
    *model(38, "a configuration that is none", written(f"{MODEL}/config.json", "{"), vouched(MODEL),
        says=("config.json",)),
    *model(38, "a configuration that is a list", written(f"{MODEL}/config.json", "[]"), vouched(MODEL),
        says=("config.json",)),
    *model(38, "a weight too few", tensors(WEIGHTS, lambda weights: dict(sorted(weights.items())[1:])), vouched(MODEL),
        says=("config.json and model.safetensors disagree",)),
    *model(39, "no tokenizer", removed(f"{MODEL}/tokenizer.json"), says=("tokenizer.json is missing",)),
    *model(39, "a tokenizer cut off before it was signed", changed(f"{MODEL}/tokenizer.json", cut), vouched(MODEL),
        says=("tokenizer",), node=True),
    *model(39, "no tokenizer when it was signed", removed(f"{MODEL}/tokenizer.json"), vouched(MODEL),
        says=("tokenizer",), node=True),
    *model(40, "labels in another order", settings(f"{MODEL}/manifest.json", labels=["Positive", "Neutral",
        "Negative"]), says=("config.json has the classes",), node=True),
    *model(40, "labels too few", settings(f"{MODEL}/manifest.json", labels=["Positive", "Neutral"]),
        says=("config.json has the classes",)),
    *held_by(41, "an adapter on another base",
        f"{PROMPTS}::test_folded_it_is_a_plain_model_with_the_same_logits"),
    *model(41, "an adapter put beside a model", written(f"{MODEL}/adapter_config.json", "{}"),
        says=("adapter_config.json",)),
    *held_by(42, "an adapter without its weights",
        f"{PROMPTS}::test_its_folder_gives_the_probabilities_to_us_and_to_transformers_from_any_place"),
    *model(43, "a pickle", written(f"{MODEL}/pytorch_model.bin", b"x"),
        says=("pytorch_model.bin is not one of the files",)),
    *model(43, "a file that is not listed", written(f"{MODEL}/special_tokens_map.json", "{}"),
        says=("special_tokens_map.json",), node=True),
    *model(43, "an ONNX model put in", written(f"{MODEL}/model.onnx", b"x"), says=("model.onnx",)),
    *model(43, "a link for a file", copied(f"{MODEL}/config.json", "in/config.json"), linked(f"{MODEL}/config.json",
        "../../../../../in/config.json"), says=("config.json", "link"), node=True),
    encoder(34, "no encoder", removed(ENCODER), says=("tiny_encoder",)),
    encoder(35, "an encoder without weights", removed(f"{ENCODER}/model.safetensors"),
        says=("tiny_encoder: model.safetensors is missing",)),
    encoder(35, "an encoder's weights cut off", changed(f"{ENCODER}/model.safetensors", cut),
        says=("tiny_encoder", "model.safetensors")),
    encoder(38, "an encoder whose heads do not divide", settings(f"{ENCODER}/config.json", n_heads=5),
        says=("tiny_encoder", "config.json", "heads")),
    encoder(38, "an encoder with a broken config.json", written(f"{ENCODER}/config.json", "{"),
        says=("tiny_encoder", "config.json")),
    encoder(39, "an encoder with a cut tokenizer", changed(f"{ENCODER}/tokenizer.json", cut),
        says=("tiny_encoder", "tokenizer")),
]

SEARCH = "run --env=test --pipelines=hyperparameter_search --params=hyperparameter_search.n_trials=400"
INTERRUPTED = [
    *held_by(44, "kill -9 in a step",
        f"{TRAINER}::test_a_training_killed_while_it_saves_is_resumed_from_the_checkpoint_before_to_the_same_bits"),
    *held_by(44, "kill -9 in a search",
        "benchmarks/test_kills.py::test_whatever_is_killed_goes_on_to_the_same_results_and_leaves_nothing"),
    *held_by(45, "kill -9 while saving", "test_storage.py::test_a_kill_between_the_renames_of_a_folder_loses_nothing"),
    Case(46, "SIGTERM in training",
        f"{TUNE},run=sigterm,full_fine_tuning.hyperparameters.num_train_epochs=4000",
         ("Stopped. The same command resumes from the last checkpoint.",), 143, changes=(r"^data/0\d_\w+/sigterm/",),
         after=ANY, signal=signal.SIGTERM, when="account_rows"),
    Case(47, "Ctrl-C in a search", SEARCH, ("Stopped. The same command resumes from the last checkpoint.",), 130,
        after=ANY, changes=(r"/\.working/", r"^data/0[23458]_"), signal=signal.SIGINT, when="Search: trial 1 "),
    Case(47, "Ctrl-C in the data steps", DATA, ("Stopped. The same command resumes from the last checkpoint.",), 130,
        after=ANY, changes=OUTPUTS, signal=signal.SIGINT, when="read_posts "),
    Case(47, "Ctrl-C while a file is predicted", f"{ASK} --csv in/posts.csv --text-column text --output out.csv",
        ("Stopped. The same command resumes after the last finished part.",), 130,
        (written("in/posts.csv", "text\n" + "the new update is good and they play all night\n" * 50_000),),
        changes=(r"^\.out\.csv\.parts/",), signal=signal.SIGINT, when="Model: "),
    *held_by(48, "resumed with other data or parameters", "test_what_decides.py::test_the_checkpoints_of_a_training",
        f"{TRAINER}::test_checkpoints_of_other_conditions_are_deleted_and_those_of_the_same_kept"),
    *held_by(49, "a checkpoint without optimizer",
        f"{TRAINER}::test_a_checkpoint_with_any_file_damaged_is_passed_over_and_deleted"),
    *held_by(50, "a training that diverges",
        f"{TRAINER}::test_a_training_that_diverges_names_the_step_and_the_learning_rate_and_leaves_no_checkpoints"),
    Case(51, "nothing to go on from", "run --env=test --nodes=layer_unfreezing.train", (), 0,
        (removed(f"{WORK}/layer_unfreezing"),), changes=OUTPUTS),
]

SEARCHED = "run --env=test --nodes=hyperparameter_search.search"
SEARCHES = [
    *held_by(52, "a kill in a trial",
        "pipelines/search/test_study.py::test_a_search_killed_twice_ends_as_if_it_had_not_been"),
    *held_by(53, "a kill in the first trials",
        "pipelines/search/test_study.py::test_a_search_interrupted_in_trials_ends_as_if_it_had_not_been"),
    *held_by(54, "a trial that raises",
        "pipelines/search/test_study.py::test_a_trial_that_raises_fails_with_its_reason_and_the_search_goes_on"),
    *held_by(55, "a trial that gives NaN",
        "pipelines/search/test_study.py::test_a_trial_that_gives_nan_fails_and_is_never_the_best"),
    *held_by(56, "every trial fails",
        "pipelines/search/test_study.py::test_when_every_trial_fails_the_last_reason_is_given_and_the_search_ends"),
    Case(57, "a corrupt database", SEARCHED, ("study.sqlite3: the search's database is damaged", "Delete it"),
        given=(changed(DATABASE, lambda content: b"x" * len(content)),)),
    Case(57, "a truncated database", SEARCHED, ("study.sqlite3: the search's database is damaged", "Delete it"),
        given=(changed(DATABASE, cut),)),
    Case(57, "an empty database", SEARCHED, ("study.sqlite3: the search's database is damaged (it is empty)",),
        given=(changed(DATABASE, empty),)),
    *held_by(58, "a changed space or direction", "test_what_decides.py::test_a_search"),
    *held_by(59, "a torn journal (the storage is SQLite)",
        "pipelines/search/test_study.py::test_a_damaged_database_is_refused_with_its_path_and_left_as_it_is"),
    Case(60, "a finished search again", SEARCHED, ("are done already", "hyperparameter_search.attempt=2"), 0,
        changes=OUTPUTS),
]

def full(number: int, what: str, command: str, folder: str, free: int, *given: Prepare, **more: Any) -> Case:
    """Return a command that writes below a folder, which is a disk with so many free bytes."""
    says = (folder.partition("/.working/")[0], "cannot be written: No space left on device")
    prepared = (*given, removed(f"{folder}/**/.fingerprints"), mounted(folder, free))
    more = {"after": ANY, "changes": (r"/\.working/",), **more}
    return Case(number, f"full while {what}", command, says, given=prepared, **more)


def read_only(what: str, command: str, folder: str) -> Case:
    """Return a command that writes below a folder which takes no writing."""
    says, given = (folder, "cannot be written: Read-only file system"), (mounted(folder, 0, read_only=True),)
    return Case(66, f"read-only {what}", command, says, given=given, after=ANY)


TO_CSV = f"predict --model={MODEL} --csv {VALIDATION} --no-header --text-column 3 --output full/out.csv"
ENCODER_BYTES = 4_044_752  # what is predicted of a new model
DISK = [
    full(61, "weights are saved", "run --env=test --nodes=baseline.load_frozen", MODELS, ENCODER_BYTES,
        removed(f"{MODELS}/baseline")),
    full(61, "a tokenizer is saved", "run --env=test --nodes=baseline.load_frozen", MODELS, ENCODER_BYTES + 100_000,
        removed(f"{MODELS}/baseline")),
    full(62, "the optimizer is saved",
        "run --env=test --pipelines=full_fine_tuning --from-nodes=full_fine_tuning.train",
        f"{WORK}/full_fine_tuning", 5_000_000),
    full(63, "metrics are saved", "run --env=test --nodes=baseline.evaluate", "data/08_reporting/test", 0),
    full(64, "a CSV is saved", "run --env=test --nodes=compare", "data/08_reporting/test", 0),
    full(64, "a CSV is predicted", TO_CSV, "full", 8192, changes=(r"^full/",)),
    full(65, "the database is written", f"{SEARCHED} --params=hyperparameter_search.n_trials=40",
        f"{WORK}/hyperparameter_search", 0),
    full(65, "the database is made", f"{SEARCHED} --params=hyperparameter_search.n_trials=40",
        f"{WORK}/hyperparameter_search", 8192, removed(f"{WORK}/hyperparameter_search")),
    full(65, "posts are saved", DATA, "data/02_intermediate/test", 0, changes=(r"^data/0[28]_",)),
    full(65, "tokens are saved", "run --env=test --nodes=tokenize_posts", "data/05_model_input/test", 4096,
        changes=(r"^data/05_.*(counts|/training_tokens/)",)),
    full(65, "features are saved", "run --env=test --nodes=encode_posts", "data/04_feature/test", 4096),
    read_only("reports", "run --env=test --nodes=compare", "data/08_reporting/test"),
    read_only("models", "run --env=test --nodes=baseline.load_frozen", MODELS),
    read_only("predictions", TO_CSV, "full"),
    Case(67, "a disk with no room for the models", "run --env=test --pipelines=full_fine_tuning",
        ("The disk has 0 MB left, and this run writes up to", "make clean"), given=(mounted("data/06_models", 8192),)),
]

LOCK = "data/08_reporting/test/leak_free/.lock"
CONCURRENCY = [
    Case(68, "two runs on the same outputs", "run --env=test --nodes=baseline.evaluate",
        ("Another run is writing to data/08_reporting/test/leak_free", "--params=run=<name>"), given=(locked(LOCK),)),
    Case(68, "a run of another protocol meanwhile", f"{DATA} --params=protocol=published", (), 0, (locked(LOCK),),
        changes=OUTPUTS),
    *held_by(68, "two predictions to one file",
        "predictor/test_predicting_files.py::test_a_second_run_to_the_same_output_is_refused"),
    *held_by(69, "two that make one database",
        "pipelines/search/test_study.py::test_searches_share_a_database"),
    *held_by(70, "a model replaced while it is served",
        "serving/test_app.py::test_a_model_that_is_replaced_on_disk_goes_on_as_it_was"),
    *held_by(71, "a mapped dataset is written over",
        f"{DATASETS}::test_an_array_that_is_mapped_can_be_overwritten_and_its_reader_keeps_the_old_one",
             f"{DATASETS}::test_tokens_come_back_and_a_folder_that_is_open_can_be_replaced_by_what_was_made_from_it"),
    Case(72, "the lock of a dead process", "run --env=test --nodes=baseline.evaluate", (), 0, (written(LOCK, ""),),
        changes=OUTPUTS),
]

INFERENCE = [
    predicted(73, "rows of null, numbers and objects",
        '{"text": null}\n{"text": 5}\n{"text": {"a": 1}}\n{"text": "fine"}\n', "4 rows", "faulty",
        name="in/posts.jsonl"),
    *held_by(73, "None, a number, bytes",
        "predictor/test_predictor.py::test_what_is_no_text_is_refused_with_its_position"),
    Case(74, "an empty text", f"{ASK} ''", ("texts[0]", "empty or blank")),
    Case(74, "a blank text among others", f"{ASK} good '   '", ("texts[1]", "empty or blank")),
    predicted(74, "blank rows of a file", "text\ngood\n\"\"\n   \nbad\n", "4 rows, 2 with a label, 2 faulty"),
    Case(75, "no text", ASK, ("Give texts or a file",), 2),
    predicted(75, "a file of a header alone", "text\n", "0 rows"),
    *held_by(75, "an empty list", "predictor/test_predictor.py::test_no_text_gives_no_row_but_the_columns"),
    Case(76, "a text that is too long", f"{ASK} '{'so good ' * 400}'", ("%", "cut"), 0),
    predicted(76, "a long row of a file", f"text\n{'so good ' * 400}\n", "1 texts were cut"),
    *held_by(77, "half a character", "predictor/test_predictor.py::test_what_is_no_text_is_refused_with_its_position"),
    predicted(77, "half a character in a file", '{"text": "\\ud800"}\n{"text": "fine"}\n', "half a character",
        "2 rows, 1 with a label, 1 faulty", name="in/posts.jsonl"),
    predicted(78, "NUL in a file", "text\na\0b\nfine\n", "NUL", "2 rows, 1 with a label, 1 faulty"),
    Case(79, "the text [SEP]", f"{ASK} '[SEP]' '[CLS] good [PAD]'", ("%",), 0),
    Case(80, "links and emoji alone", f"{ASK} https://example.org 🤣", ("%",), 0),
    *held_by(80, "a text of which cleaning leaves nothing",
        "predictor/test_predictor.py::test_a_text_of_which_cleaning_leaves_nothing_is_at_fault_as_a_blank_one_is"),
    *held_by(81, "a malformed or oversized request",
        "serving/test_limits.py::test_a_request_that_cannot_be_answered_says_what_to_put_right",
        "serving/test_fuzz.py::test_any_bytes_get_an_answer_or_a_reason"),
    *held_by(82, "logits that are not finite",
        "predictor/test_predictor.py::test_logits_that_are_not_finite_are_an_error_never_a_label",
        "predictor/test_predicting_files.py::test_logits_that_are_not_finite_end_the_run_and_leave_no_output"),
]

# fmt: on

CASES: list[Case] = [*INPUT, *CONFIGURATION, *ARTIFACTS, *INTERRUPTED, *SEARCHES, *DISK, *CONCURRENCY, *INFERENCE]
CASES.sort(key=lambda case: case.number)

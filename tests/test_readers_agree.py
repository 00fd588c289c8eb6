"""Training, ``kedro predict`` and HTTP read a file alike: the same rows or message, with settings that they have."""

import bz2
import csv
import gzip
import io
import re

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.conftest import raw_parameters, validate_parameters
from tests.predictor import conftest as models
from tweet_sentiment.commands.export import export
from tweet_sentiment.commands.init import init
from tweet_sentiment.commands.predict import predict
from tweet_sentiment.data.cleaning import fault_of
from tweet_sentiment.data.lines import Source, as_option, as_parameter
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.data.tables import open_table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Columns, DataParameters, InferenceParameters
from tweet_sentiment.predictor.scorer import Texts
from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.problems import ProblemError
from tweet_sentiment.serving.tables import Asked, read_table

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor
COLUMNS = Columns(id=None, entity=None, label="label", post="text")


@pytest.fixture(scope="module")
def data() -> DataParameters:
    return validate_parameters(raw_parameters()).data.model_copy(update={"header": True, "columns": COLUMNS})


def alike(message):
    """Return a message without the file's name, and with settings said in one way."""
    text = re.sub(r"my\.csv|The CSV", "FILE", " ".join(message.split())).replace("give --no-header", "header=false")
    text = re.sub(r"(?i)(?:set data\.|give --|add \?)(\w+)(?: to |=| )'?([\w-]+|%\w\w|[,;|]|\\t)'?", r"\1=\2", text)
    text = text.replace("'label' (data.columns.label)", "'text'")
    return text.replace("%3B", ";").replace("%2C", ",").replace("%7C", "|").replace("%09", r"\t")


def by_training(content, data, form):
    changed = data.model_copy(update={"delimiter": form.delimiter, "quoting": form.quoting, "encoding": form.encoding})
    try:
        return read_posts(Source.of("my.csv", content), changed, ["Neutral"])["post"].tolist()
    except StudyError as error:
        return alike(str(error))


def told(chunk):
    rows = zip(chunk.table.column(1).to_pylist(), chunk.faults, strict=True)
    return [text if fault in (None, fault_of(text)) else fault for text, fault in rows]


def by_predict(content, form):
    try:
        texts = Texts(open_table(Source.of("my.csv", content, as_option), form), "text", None)
        return told(texts.chunk(list(texts.table.rows())))
    except StudyError as error:
        return alike(str(error))


def by_http(content, form):
    try:
        return told(read_table(content, Asked("text", None, form, "my_"), Limits(), ["Neutral"]))
    except ProblemError as error:
        return alike(error.detail)


def rows(*texts, delimiter=",", head="label,text\n", end="\n"):
    return head.replace(",", delimiter) + "".join(f"Neutral{delimiter}{text}{end}" for text in texts)


QUOTED = [*["plain words"] * 9, '"Seven Lamps", the novel', "more", '"oh no', 'and "so" on', "more", 'yes"']
READ = {
    "NaN and numbers": (rows("NaN", "null", "007", "1e5"), {}, ["NaN", "null", "007", "1e5"]),
    "a byte-order mark": ("\ufeff" + rows("so"), {}, ["so"]),
    "CRLF": (rows("so", "it", end="\r\n"), {}, ["so", "it"]),
    "CR CR LF": (
        rows("so, it", '"a\r\r\nb"', end="\r\r\n", head="label;text\r\r\n", delimiter=";"),
        {"delimiter": ";"},
        ["so, it", "a\r\nb"],
    ),
    "a lone carriage return": (rows("a\rb", '"c\rd"', "\re\r\rf"), {}, ["a\rb", "c\rd", "\re\r\rf"]),
    "lines in quotes": (rows('"so\nit, ""goes"""', '"a\r\nb"'), {}, ['so\nit, "goes"', "a\r\nb"]),
    "no line end": (rows("so", "it", end="\n")[:-1], {}, ["so", "it"]),
    "empty lines at the end": (rows("so") + "\n\r\n\n", {}, ["so"]),
    "sep=": ("sep=;\n" + rows("so, it", delimiter=";"), {}, ["so, it"]),
    "sep= in a spreadsheet's tongue": ("\ufeffsep=\t\r\n" + rows("so", delimiter="\t"), {}, ["so"]),
    "no quoting, found out": (rows(*QUOTED, delimiter="\t"), {"delimiter": "\t"}, QUOTED),
    "no quoting, as asked": (rows(*QUOTED, delimiter="\t"), {"delimiter": "\t", "quoting": "none"}, QUOTED),
    "a delimiter found out": (rows("so, it", "goes", delimiter=";"), {"delimiter": "auto"}, ["so, it", "goes"]),
    "UTF-16 found out": (rows("“so”").encode("utf-16"), {"encoding": "auto"}, ["“so”"]),
    "UTF-16 as asked": (rows("“so”").encode("utf-16-be"), {"encoding": "utf-16-be"}, ["“so”"]),
    "Windows-1252": (rows("“so”").encode("cp1252"), {"encoding": "cp1252"}, ["“so”"]),
}
REFUSED = {
    "an unclosed quote": (rows("a", '"b', "c"), {}, "line 3: the quote that opens the field '\"b"),
    "words behind a quote": (
        rows('"a, so" b', '"c, d"'),
        {},
        "if quotes are ordinary characters in the file, quoting=none",
    ),
    "either way": (rows("a", '"b', 'c"', "d"), {}, "lines 3 to 4"),
    "an unclosed quote in TSV": (rows("a", '"b', delimiter="\t"), {"delimiter": "\t"}, "quoting=none"),
    "an endless field": (rows("a" * 200_000), {}, "line 2: found a field of more than 131,072"),
    "carriage returns": (rows("a", "b", end="\r", head="label,text\r"), {}, "lone carriage returns"),
    "carriage returns and quotes": (rows('"a\nb"', "b", end="\r", head="label,text\r"), {}, "lone carriage returns"),
    "carriage returns, the last in quotes": (
        rows("a", "b", '"c\nd"', "e", end="\r", head="label,text\r"),
        {},
        "lone carriage returns",
    ),
    "UTF-16": (rows("a").encode("utf-16"), {}, "encoding=utf-16"),
    "UTF-16 without a mark": (rows("a").encode("utf-16-le"), {}, "iconv -f UTF-16LE"),
    "UTF-32": (rows("a").encode("utf-32"), {}, "encoding=utf-32"),
    "Latin-1": (rows("caf\u00e9").encode("latin-1"), {}, "line 2: the byte at offset 22 (0xe9) is not UTF-8"),
    "damaged UTF-8": (
        rows("“so”").encode() + b"Neutral,it \xff goes\n",
        {},
        "line 3: the byte at offset 39 (0xff) is not UTF-8, but most of the file is",
    ),
    "damaged UTF-8 that is found out": (
        rows("“so”").encode() + b"Neutral,cut \xe2\x80",
        {"encoding": "auto"},
        "line 3: the byte at offset 40 (0xe2) is not UTF-8, but most of the file is",
    ),
    "another encoding": (rows("a\u20ac").encode(), {"encoding": "ascii"}, "is not ascii"),
    "no encoding": (rows("a"), {"encoding": "klingon"}, "there is no encoding 'klingon'"),
    "gzip": (
        gzip.compress(rows("a").encode()),
        {},
        "compressed with gzip (by its first bytes, at offset 0: 1f 8b",
    ),
    "bzip2": (bz2.compress(rows("a").encode()), {}, "compressed with bzip2"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(30), {}, "a spreadsheet"),
    "a delimiter that cannot be": (rows("a"), {"delimiter": '"'}, "expected one character"),
}


def encoded(content):
    return content.encode() if isinstance(content, str) else content


@pytest.mark.parametrize(("content", "form", "texts"), READ.values(), ids=READ)
def test_awkward_files_give_the_same_rows_everywhere(data, content, form, texts):
    content, form = encoded(content), CsvForm(**{"delimiter": ","} | form)
    assert by_training(content, data, form) == texts
    assert by_predict(content, form) == texts
    assert by_http(content, form) == texts


@pytest.mark.parametrize(("content", "form", "said"), REFUSED.values(), ids=REFUSED)
def test_files_that_cannot_be_read_get_the_same_message_everywhere(data, content, form, said):
    content, form = encoded(content), CsvForm(**{"delimiter": ","} | form)
    message = by_training(content, data, form)
    assert said.casefold() in message.casefold()
    assert by_predict(content, form) == message
    assert by_http(content, form) == message


AWKWARD = st.text(st.sampled_from('"",,;\t\r\n\n a\u00e9\0='), max_size=40)


@hypothesis_settings(max_examples=300)
@given(
    texts=st.lists(AWKWARD, max_size=5),
    delimiter=st.sampled_from([",", "\t", "auto"]),
    quoting=st.sampled_from(["auto", "csv", "none"]),
    encoding=st.sampled_from(["utf-8", "auto"]),
)
@example(texts=["\n\n"], delimiter=",", quoting="auto", encoding="utf-8")
def test_whatever_a_file_holds_it_is_read_alike(data, texts, delimiter, quoting, encoding):
    written = rows(*texts, delimiter="\t" if delimiter == "\t" else ",").encode()
    form = CsvForm(delimiter, quoting, encoding)
    found, trained = by_predict(written, form), by_training(written, data, form)
    served = by_http(written, form)
    if found == []:
        assert "a header and no row" in served
    else:
        assert served == found
    if isinstance(found, str) or isinstance(trained, list):
        assert trained == found
    elif found:  # what the others keep, each with what is wrong, ends training at the first
        others = "NUL" in trained or "unknown label" in trained
        assert others or any(alike(fault) in trained for fault in found if fault.startswith("found "))


def test_a_file_without_quoting_is_answered_row_for_row_over_http(predictor):
    body, headers = rows(*QUOTED, delimiter="\t").encode(), {"Content-Type": "text/csv"}
    with TestClient(create_app(predictor)) as client:
        answer = client.post("/predict/csv?prefix=my_&delimiter=%09&quoting=none", content=body, headers=headers)
        found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [row["text"] for row in found] == QUOTED
        assert client.post("/predict/csv?prefix=my_&delimiter=%09", content=body, headers=headers).text == answer.text


TWEETS = ["what a lovely evening", "the bus broke down again", "the shop opens at nine"]


def test_one_column_without_a_header_is_answered_whole_or_asked_about(predictor):
    body, headers = "\n".join(TWEETS).encode(), {"Content-Type": "text/csv"}
    with TestClient(create_app(predictor)) as client:
        answer = client.post("/predict/csv?header=false", content=body, headers=headers)
        found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [row["0"] for row in found] == TWEETS
        assert [row["label"] for row in found] == [one["label"] for one in predictor.records(TWEETS)]
        asked = client.post("/predict/csv", content=body, headers=headers)
        assert asked.status_code == 422
        assert "?header=true or ?header=false" in asked.json()["detail"]


def options_of(command):
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def named_options(message):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", message))


def message_of(command, *arguments):
    """Return what a command ends with, and check that it names no option that the command lacks."""
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert done.exit_code == 1, done.output
    assert named_options(done.stderr) <= options_of(command)
    return done.stderr.strip()


def test_messages_of_commands_name_only_options_that_they_have(plain_folder, tmp_path):
    path, output = tmp_path / "my.csv", tmp_path / "out.csv"
    contents = {name: encoded(content) for name, (content, form, _) in REFUSED.items() if not form}
    contents |= {"semicolons": b"a;text\n1;2\n", "twice": b"text,text\na,b\n", "in use": b"text,label\na,b\n"}
    for name, content in contents.items():
        path.write_bytes(content)
        given = ["--model", plain_folder, "--csv", path, "--text-column", "text", "--delimiter", ","]
        said = message_of(predict, *given, "--output", output)
        if name in ("semicolons", "an unclosed quote", "UTF-16"):
            assert message_of(export, *given).endswith(said)  # behind the bar of whoever imported transformers before
            assert named_options(said)


def test_init_names_only_options_that_it_has(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text('a,b\nc,"d\ne,f"\ng,h\n')
    assert named_options(message_of(init, path, "--conf", tmp_path)) == {"--quoting"}
    done = CliRunner().invoke(init, [str(path), "--conf", str(tmp_path), "--quoting", "none", "--text", "1"])
    assert "3 rows" in done.output


@pytest.mark.parametrize("setting", ["delimiter", "quoting", "encoding"])
def test_every_setting_can_be_given_everywhere(predictor, setting):
    assert setting in DataParameters.model_fields
    assert setting in InferenceParameters.model_fields
    for command in (predict, export):
        assert f"--{setting}" in options_of(command)
        assert as_option(setting, "none") == f"give --{setting} none"
    assert as_parameter("data")(setting, "none") == f"set data.{setting} to none"
    document = create_app(predictor).openapi()
    query = {parameter["name"] for parameter in document["paths"]["/predict/csv"]["post"]["parameters"]}
    assert {setting, "header"} <= query

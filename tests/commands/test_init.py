"""``init``: a file of one's own becomes a configuration that a run takes."""

import json

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from tests.conftest import validate_parameters
from tests.test_configuration import conf, loaded  # noqa: F401

from tweet_sentiment.cli import cli
from tweet_sentiment.errors import StudyError

ROWS = [{"stars": 1 + n % 5, "text": f"the post of number {n}, which is a text"} for n in range(30)]


def written(folder, name):
    path, table = folder / name, pd.DataFrame(ROWS)
    match path.suffix:
        case ".parquet":
            table.to_parquet(path, index=False)
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case _:
            table.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ";", encoding="utf-8-sig")
    return path


def init(*arguments, **options):
    return CliRunner().invoke(cli, ["init", *map(str, arguments)], **options)


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.jsonl", "mine.parquet"])
def test_what_was_found_out_is_shown_and_written_for_a_run(conf, name):  # noqa: F811
    file = written(conf.parent, name)
    done = init(file, "--conf", conf)
    assert done.exit_code == 0, done.output
    assert "30 rows" in done.output
    assert "Labels: 1, 2, 3, 4, 5" in done.output
    parameters = validate_parameters(loaded(conf))
    assert (parameters.run, parameters.labels) == ("mine", ["1", "2", "3", "4", "5"])
    data = parameters.data
    assert (data.training_file, data.validation_file, data.drop_labels) == (name, None, [])
    assert data.columns.model_dump() == {"id": None, "group": None, "entity": None, "label": "stars", "post": "text"}
    assert loaded(conf, "catalog")["training_file"]["filepath"] == name


def test_columns_that_are_named_are_taken_and_a_file_elsewhere_is_named_from_the_root(conf, tmp_path_factory):  # noqa: F811
    file = tmp_path_factory.mktemp("elsewhere") / "posts.csv"
    file.write_text("who,what,when,kind\n" + "".join(f"u{n % 7},some words {n},{n},k{n % 2}\n" for n in range(20)))
    done = init(file, "--conf", conf, "--label", "kind", "--text", "1", "--entity", "who", "--run", "other")
    assert done.exit_code == 0, done.output
    parameters = validate_parameters(loaded(conf))
    assert parameters.data.columns.model_dump() == {
        "id": None,
        "group": None,
        "entity": "who",
        "label": "kind",
        "post": "what",
    }
    assert (parameters.run, parameters.data.training_file) == ("other", file.as_posix())


def test_columns_of_a_file_without_a_header_are_named_by_their_positions(conf):  # noqa: F811
    file = conf.parent / "plain.csv"
    file.write_text("".join(f"k{n % 2},some words {n},other words {n}\n" for n in range(20)))
    done = init(file, "--conf", conf, "--label", "0", "--text", "2")
    assert done.exit_code == 0, done.output
    columns = validate_parameters(loaded(conf)).data.columns
    assert (columns.label, columns.post) == (0, 2)


def test_what_cannot_be_told_is_named_with_the_option_that_answers_it(conf):  # noqa: F811
    file = conf.parent / "unclear.csv"
    file.write_text("a,b\n" + "".join(f"some words {n},other words {n}\n" for n in range(60)))
    done = init(file, "--conf", conf)
    assert done.exit_code == 1
    assert (
        "nothing tells which column holds the labels; its columns are 'a', 'b'.\n  Name it: --label COLUMN"
        in done.output
    )
    assert not (conf / "local/parameters.yml").exists()


def test_a_configuration_that_is_there_is_written_over_only_by_force(conf):  # noqa: F811
    file = written(conf.parent, "mine.csv")
    (conf / "local/parameters.yml").write_text("seed: 7\n")
    assert "--force" in init(file, "--conf", conf).output
    assert (conf / "local/parameters.yml").read_text() == "seed: 7\n"
    assert init(file, "--conf", conf, "--force").exit_code == 0
    assert yaml.safe_load((conf / "local/parameters.yml").read_text())["run"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.csv"], "there is no such file"),
        (
            ["mine.csv", "--label", "star"],
            "mine.csv: there is no column 'star' for the labels; its columns are 'stars', 'text'",
        ),
        (["mine.csv", "--label", "text"], "the column 'text' would be label and post as well"),
    ],
)
def test_a_mistake_is_one_message(conf, monkeypatch, arguments, said):  # noqa: F811
    written(conf.parent, "mine.csv")
    monkeypatch.chdir(conf.parent)
    done = init(*arguments)
    assert done.exit_code == 1
    assert said in done.output


def test_labels_that_may_mean_no_label_and_a_column_that_divides_the_file_are_named(conf):  # noqa: F811
    file = conf.parent / "posts.csv"
    rows = "".join(f"some words {n},{('n/a', 'good', 'bad')[n % 3]},{('train', 'dev')[n % 2]}\n" for n in range(30))
    file.write_text(f"text,label,part\n{rows}")
    said = " ".join(init(file, "--conf", conf).output.split())
    assert "Labels: bad, good, n/a (n/a may mean that there is no label" in said
    assert "The column 'part' is not used: test posts are drawn" in said


def test_a_column_of_users_is_taken_as_groups_and_not_beside_ids(conf):  # noqa: F811
    file = conf.parent / "posts.csv"
    rows = "".join(f"u{n % 7},some words {n},k{n % 2}\n" for n in range(20))
    file.write_text(f"who,what,kind\n{rows}")
    assert init(file, "--text=what", "--label=kind", "--group=who", "--conf", conf).exit_code == 0
    assert validate_parameters(loaded(conf)).data.columns.group == "who"
    assert (
        "no column 'user' for the groups"
        in init(file, "--label=kind", "--group=user", "--conf", conf, "--force").output
    )
    init(file, "--text=what", "--label=kind", "--conf", conf, "--force")
    with pytest.raises(StudyError, match="id and group are both given"):
        validate_parameters(loaded(conf, said="data.columns.id=who,data.columns.group=who"))

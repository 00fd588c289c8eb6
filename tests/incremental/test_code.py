"""The code of a node: what changes its hash, and whose changes are its own."""

import pytest

from tweet_sentiment.incremental.code import ROOT, code_of

FILES = {
    "package/__init__.py": '"""A package."""\n',
    "package/numbers.py": "HALF = 0.5\n",
    "package/alone.py": "ALONE = 1\n",
    "package/steps/__init__.py": "from .early import first\n",
    "package/steps/early.py": "first = 1\n",
    "package/steps/late.py": "from package import numbers\n\nlast = numbers.HALF\n",
    "package/steps/nodes.py": '''"""Nodes."""
from ..other import also


def node(x):
    """Do it."""
    from .late import last

    return x + last + also  # both
''',
    "package/other/__init__.py": "also = 2\n",
}


@pytest.fixture
def code(tmp_path_factory):
    """Return the code of the module package.steps.nodes with some files replaced."""

    def of(changed=()):
        root = tmp_path_factory.mktemp("root")
        for name, content in (FILES | dict(changed)).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return code_of("package.steps.nodes", root)

    return of


def test_it_is_the_module_its_packages_and_all_that_they_import_early_or_late(code):
    assert set(code()) == FILES.keys() - {"package/alone.py"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("package/steps/nodes.py", "# both", "# two numbers"),
        ("package/steps/nodes.py", "Do it.", "Do it all."),
        ("package/steps/nodes.py", '"""Nodes."""\n', ""),
        ("package/steps/nodes.py", "x + last + also", "(x + last\n        + also)"),
        ("package/steps/nodes.py", '    """Do it."""\n', ""),
        ("package/numbers.py", "HALF = 0.5", "\nHALF  =  0.5"),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(code, file, old, new):
    assert old in FILES[file]
    assert code({file: FILES[file].replace(old, new)}) == code()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("package/steps/nodes.py", "x + last", "x - last"),
        ("package/steps/nodes.py", "return x", 'x = f"{x}"\n    return x'),
        ("package/numbers.py", "0.5", "0.25"),
        ("package/steps/late.py", "numbers.HALF", "-numbers.HALF"),
        ("package/steps/early.py", "1", "2"),
        ("package/other/__init__.py", "2", "3"),
    ],
    ids=["itself", "a string", "imported by what is imported late", "imported late", "by its package", "relatively"],
)
def test_a_change_in_any_of_them_is_one_of_that_module_alone(code, file, old, new):
    before, changed = code(), code({file: FILES[file].replace(old, new)})
    assert {name for name in before if changed[name] != before[name]} == {file}


def test_a_new_import_brings_its_module_along(code):
    changed = code({"package/numbers.py": "HALF = 0.5\n\ndef f():\n    import package.alone\n"})
    assert set(changed) == set(FILES)


def test_modules_that_import_each_other_come_to_an_end(code):
    changed = code({"package/numbers.py": "import package.steps.nodes\nHALF = 0.5\n"})
    assert set(changed) == FILES.keys() - {"package/alone.py"}


def test_of_the_project_a_node_s_code_reaches_through_functions_and_stops_where_nothing_is_imported():
    classical = code_of("tweet_sentiment.pipelines.technique.classical")
    assert "tweet_sentiment/classical.py" in classical
    assert not [
        name for name in classical if name.startswith(("tweet_sentiment/modeling/", "tweet_sentiment/reports/"))
    ]
    assert "tweet_sentiment/modeling/encoders.py" in code_of("tweet_sentiment.pipelines.feature_extraction.nodes")


def test_importing_the_list_of_techniques_is_no_dependence_on_each_of_them():
    training = code_of("tweet_sentiment.pipelines.technique.nodes")
    assert "tweet_sentiment/techniques/__init__.py" in training
    assert not {"tweet_sentiment/techniques/lora.py", "tweet_sentiment/techniques/classical.py"} & set(training)
    assert "tweet_sentiment/modeling/trainer.py" in code_of("tweet_sentiment.techniques.lora")


def test_libraries_are_left_out_and_a_module_alone_is_without_its_imports():
    assert code_of("pandas") == {}
    assert code_of("kedro_datasets.json", alone=True) == {}
    assert list(code_of("tweet_sentiment.datasets", alone=True)) == ["tweet_sentiment/datasets.py"]
    assert (ROOT / "tweet_sentiment/datasets.py").is_file()


def test_a_template_counts_with_its_package_and_as_it_stands(code):
    before = code({"package/steps/page.html.j2": "<p>"})
    assert before.keys() - code().keys() == {"package/steps/page.html.j2"}
    assert code({"package/steps/page.html.j2": "<p> "}) != before

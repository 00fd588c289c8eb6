"""What kedro-viz says: a line for every node and every dataset, whatever pipeline they are in."""

import pytest
from kedro.framework.project import pipelines

from tests.test_catalog import catalog, everything  # noqa: F401 (fixtures)
from tweet_sentiment.descriptions import description
from tweet_sentiment.pipelines.classical.pipeline import create_pipeline

LONGEST = 130


def is_a_line(text: str) -> bool:
    return 15 < len(text) < LONGEST and "\n" not in text


def test_every_node_says_in_one_sentence_what_it_does(everything):  # noqa: F811
    for node in everything.nodes:
        said = node.preview().content
        assert is_a_line(said), (node.name, said)
        assert said.endswith("."), (node.name, said)


def test_every_dataset_says_in_one_line_what_it_is(catalog, everything):  # noqa: F811
    for name in everything.datasets() - {"parameters"}:
        said = catalog.get(name).metadata["kedro-viz"]["description"]
        assert is_a_line(said), (name, said)
        assert "{" not in said, (name, said)


def test_a_line_changes_no_name_tag_or_wiring():
    plain = {node.name: node for node in create_pipeline().nodes}
    for node in pipelines["classical"].nodes:
        if node.name in plain:
            assert repr(node) == repr(plain[node.name])
            assert node.tags >= plain[node.name].tags


@pytest.mark.parametrize("technique", ["baseline", "prompt_tuning", "linear_svc", "lora", "ensemble"])
def test_a_technique_folds_into_one_box(technique):
    name = "classical" if technique == "linear_svc" else technique
    of_technique = [node for node in pipelines[name].nodes if technique in node.tags]
    assert len(of_technique) > 3
    assert {node.namespace for node in of_technique} == {technique}


def test_the_line_of_a_function_is_the_first_of_its_docstring():
    def documented():
        """Say it.

        And more.
        """

    assert description(documented) == "Say it."
    assert description(lambda: None) == ""

"""The ablation: one change a row, compared with the first, and kept when it is run again."""

import numpy as np
import pytest
from tests.modeling.tuned import few, tiny, tuning_data
from tweet_sentiment.pipelines.training_ablation.nodes import compare_variants, plot_variants

from tweet_sentiment.errors import StudyError


@pytest.fixture
def small(parameters, encoder):
    variants = {
        "plain": {},
        "entity": {"second_segment": "entity"},
        "mean": {"pooling": "mean", "hyperparameters": {"num_train_epochs": 2}},
    }
    ablation = parameters.training_ablation.model_copy(update={"variants": variants, "row_limit": 20})
    lora = few(parameters.lora, num_train_epochs=1, learning_rate=3e-2)
    return tiny(parameters, encoder, lora=lora, training_ablation=ablation)


def run(small, folder):
    data = tuning_data(folder)
    return compare_variants(data.training_posts, data.test_posts, data.row_counts, folder, small)


def test_each_variant_is_a_row_that_is_compared_with_the_first(small, tmp_path):
    table = run(small, tmp_path)
    assert list(table["variant"]) == ["plain", "entity", "mean"]
    assert set(table["n_train"]) == {20}
    assert list(table["steps"]) == [3, 3, 6]
    np.testing.assert_allclose(table["difference"][1:], table["accuracy"][1:] - table["accuracy"][0])
    assert table.loc[0, ["difference", "p_value", "p_adjusted"]].isna().all()
    assert (table["p_adjusted"] >= table["p_value"])[1:].all()
    assert plot_variants(table, small).data[0].x.tolist() == list(table["variant"])


def test_finished_variants_are_kept_and_a_changed_one_is_not(small, tmp_path):
    first = run(small, tmp_path)
    variants = {**small.training_ablation.variants, "entity": {"second_segment": "entity", "lora_alpha": 4}}
    changed = small.training_ablation.model_copy(update={"variants": variants})
    again = run(small.model_copy(update={"training_ablation": changed}), tmp_path)
    assert list(first["seconds"] == again["seconds"]) == [True, False, True]


def test_a_missing_encoder_is_found_before_anything_is_trained(small, tmp_path):
    variants = {"plain": {}, "adapted": {"checkpoint": "./nowhere"}}
    lacking = small.training_ablation.model_copy(update={"variants": variants})
    with pytest.raises(StudyError, match="nowhere"):
        run(small.model_copy(update={"training_ablation": lacking}), tmp_path)
    assert not list(tmp_path.glob("finished-*"))


def without_columns(small, **variants):
    columns = small.data.columns.model_copy(update={"id": None, "entity": None})
    ablation = small.training_ablation
    ablation = ablation.model_copy(update={"variants": variants or ablation.variants})
    data = small.data.model_copy(update={"columns": columns})
    return small.model_copy(update={"data": data, "training_ablation": ablation})


def test_a_variant_that_reads_a_column_the_file_lacks_is_skipped_and_said(small, tmp_path, caplog):
    table = run(without_columns(small), tmp_path)
    assert list(table["variant"]) == ["plain", "mean"]
    assert "Skipped: training_ablation.variants.entity: second_segment is entity" in caplog.text


def test_an_ablation_of_skipped_variants_alone_says_what_to_add(small, tmp_path):
    with pytest.raises(StudyError, match=r"Each of training_ablation\.variants reads a column"):
        run(without_columns(small, entity={"second_segment": "entity"}), tmp_path)

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tweet_sentiment.pipelines.preprocessing_ablation.pipeline import create_pipeline
from tweet_sentiment.pipelines.preprocessing_ablation.variants import VARIANTS

from tweet_sentiment.pipelines.data_processing.pipeline import create_pipeline as data_processing

OURS = "preprocessing_ablation"


def run(folder, training, validation, parameters) -> dict[str, object]:
    table = {"type": "tweet_sentiment.datasets.Csv", "filepath": str(folder / "table.csv")}
    parquet = {"type": "tweet_sentiment.datasets.Parquet", "filepath": str(folder / "{variant}.parquet")}
    catalog = DataCatalog.from_config({f"{OURS}.table_of_variants": table, f"{OURS}.{{variant}}.predictions": parquet})
    catalog["split_training_posts"] = MemoryDataset(training)
    catalog["split_test_posts"] = MemoryDataset(validation)
    catalog["parameters"] = MemoryDataset(parameters, copy_mode="assign")
    made = SequentialRunner().run(create_pipeline(), catalog)
    predictions = {v.name: pd.read_parquet(folder / f"{v.name}.parquet") for v in VARIANTS}
    return {"table": pd.read_csv(folder / "table.csv"), "predictions": predictions} | {
        name.removeprefix(f"{OURS}."): dataset.load() for name, dataset in made.items()
    }


@pytest.mark.nltk
def test_all_the_ways_are_measured_on_the_same_posts_and_compared(tmp_path, training, validation, tiny):
    made = run(tmp_path / "once", training, validation, tiny)
    table, predictions = made["table"].set_index("variant"), made["predictions"]
    assert list(table.index) == [variant.name for variant in VARIANTS]
    assert (table["n_train"] == len(training)).all()
    for name, its in predictions.items():
        pd.testing.assert_frame_equal(its[["row", "id", "label"]], validation[["row", "id", "label"]])
        assert its.filter(like="probability_").sum(axis=1).to_numpy() == pytest.approx(1)
        accuracy = (its["label"] == its["predicted"]).mean()
        assert table.loc[name, "accuracy"] == pytest.approx(accuracy)
        if isinstance(reference := table.loc[name, "reference"], str):
            difference = accuracy - table.loc[reference, "accuracy"]
            assert table.loc[name, "difference"] == pytest.approx(difference, abs=1e-12)
    assert (table["low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["high"]).all()
    asked = table.drop("corrected_plain")
    assert (asked["difference_low"] <= asked["difference"]).all()
    assert (asked["difference"] <= asked["difference_high"]).all()
    assert (asked["p_value"] <= asked["p_adjusted"]).all()
    assert table.loc["corrected_plain", ["difference", "p_value", "p_adjusted"]].isna().all()
    assert sum(len(points.x) for points in made["figure_of_variants"].data) == len(VARIANTS)
    assert all(f"`{name}` {row['accuracy']:.3f}" in made["summary"] for name, row in table.iterrows())

    again = run(tmp_path / "again", training, validation, tiny)
    pd.testing.assert_frame_equal(again["table"], made["table"])
    assert again["summary"] == made["summary"]


def test_nltk_s_data_are_looked_for_before_anything_else_is_done():
    whole = data_processing().to_nodes("split_posts") + create_pipeline()
    first = [node.name for node in whole.grouped_nodes[0]]
    assert f"{OURS}.show_variants" in first
    assert not any("encode" in name for name in first)


def test_the_data_steps_that_only_other_pipelines_need_are_left_out():
    whole = data_processing().to_nodes("split_posts") + create_pipeline()
    assert whole.inputs() == {"training_file", "validation_file", "parameters"}
    assert "tokenize_posts" not in {node.name for node in whole.nodes}

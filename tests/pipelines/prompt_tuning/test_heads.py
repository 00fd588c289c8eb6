"""The soft prompt with and without layers of the head beside it."""

from tests.modeling.tuned import few, tiny, tuning_data
from tweet_sentiment.pipelines.prompt_tuning.heads import plot_heads, sweep_heads


def test_each_head_is_a_row_and_alone_the_prompt_learns_its_vectors_only(parameters, encoder, tmp_path):
    prompt = few(parameters.prompt_tuning, num_train_epochs=1, num_virtual_tokens=3, row_limit=16)
    small = tiny(parameters, encoder, prompt_tuning=prompt)
    data = tuning_data(tmp_path)
    table = sweep_heads(data.training_posts, data.test_posts, data.row_counts, tmp_path, small)
    assert list(table["trainable_head"]) == ["none", "classifier", "pre_classifier and classifier"]
    prompt_alone, classifier, pre_classifier = 3 * 32, 32 * 3 + 3, 32 * 32 + 32
    assert list(table["trainable_parameters"]) == [
        prompt_alone,
        prompt_alone + classifier,
        prompt_alone + classifier + pre_classifier,
    ]
    assert set(table["n_train"]) == {16}
    assert (table["low"] <= table["accuracy"]).all()
    assert plot_heads(table, small).data[0].x.tolist() == table["trainable_head"].tolist()
    again = sweep_heads(data.training_posts, data.test_posts, data.row_counts, tmp_path, small)
    assert list(again["seconds"]) == list(table["seconds"])

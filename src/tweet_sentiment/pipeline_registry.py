"""The pipelines by name. Each takes along the data steps that it needs; ``__default__`` is the whole study."""

from kedro.pipeline import Pipeline

from tweet_sentiment.descriptions import described
from tweet_sentiment.pipelines.baseline import pipeline as baseline
from tweet_sentiment.pipelines.data_processing import pipeline as data_processing
from tweet_sentiment.pipelines.distillation import pipeline as distillation
from tweet_sentiment.pipelines.domain_adaptation import pipeline as domain_adaptation
from tweet_sentiment.pipelines.ensemble import pipeline as ensemble
from tweet_sentiment.pipelines.evaluation import pipeline as evaluation
from tweet_sentiment.pipelines.feature_extraction import pipeline as feature_extraction
from tweet_sentiment.pipelines.full_fine_tuning import pipeline as full_fine_tuning
from tweet_sentiment.pipelines.hyperparameter_search import pipeline as hyperparameter_search
from tweet_sentiment.pipelines.inference import pipeline as inference
from tweet_sentiment.pipelines.layer_unfreezing import pipeline as layer_unfreezing
from tweet_sentiment.pipelines.learning_curve import pipeline as learning_curve
from tweet_sentiment.pipelines.lora import pipeline as lora
from tweet_sentiment.pipelines.p_tuning import pipeline as p_tuning
from tweet_sentiment.pipelines.preprocessing_ablation import pipeline as preprocessing_ablation
from tweet_sentiment.pipelines.prompt_tuning import pipeline as prompt_tuning
from tweet_sentiment.pipelines.reporting import pipeline as reporting
from tweet_sentiment.pipelines.rivals import pipeline as rivals
from tweet_sentiment.pipelines.training_ablation import pipeline as training_ablation
from tweet_sentiment.pipelines.unfreezing_sweep import pipeline as unfreezing_sweep


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline that ``kedro run --pipeline=<name>`` knows."""
    data = data_processing.create_pipeline()
    features = data + feature_extraction.create_pipeline()
    frozen = baseline.create_pipeline() + evaluation.create_pipeline("baseline", learns=False)
    unfrozen = layer_unfreezing.create_pipeline() + evaluation.create_pipeline("layer_unfreezing")
    searched = hyperparameter_search.create_pipeline() + evaluation.create_pipeline("hyperparameter_search")
    prompted = prompt_tuning.create_pipeline() + evaluation.create_pipeline("prompt_tuning", predicts=False)
    rivalled = sum(
        (evaluation.create_pipeline(name, predicts=False, learns=False) for name in rivals.RIVALS),
        rivals.create_pipeline(),
    )
    tuned = full_fine_tuning.create_pipeline() + evaluation.create_pipeline("full_fine_tuning", reads="test_posts")
    adapted = lora.create_pipeline() + evaluation.create_pipeline("lora", reads="test_posts")
    p_tuned = p_tuning.create_pipeline() + evaluation.create_pipeline("p_tuning", reads="test_posts")
    student = distillation.create_pipeline() + evaluation.create_pipeline("distillation", reads="test_posts")
    technique_searched = hyperparameter_search.create_technique_search() + evaluation.create_pipeline(
        "technique_search", reads="test_posts"
    )
    averaged = ensemble.create_pipeline() + evaluation.create_pipeline("ensemble", predicts=False, learns=False)
    swept, heads_swept = unfreezing_sweep.create_pipeline(), prompt_tuning.create_sweep()
    ablated, adaptation = training_ablation.create_pipeline(), domain_adaptation.create_pipeline()
    curved = learning_curve.create_pipeline()
    report = reporting.create_pipeline()
    registered = {
        "__default__": features + frozen + unfrozen + searched + prompted + rivalled + report,
        "data_processing": data,
        "feature_extraction": features,
        "baseline": data + frozen,
        "layer_unfreezing": features + unfrozen,
        "hyperparameter_search": features + searched,
        "prompt_tuning": data + prompted,
        "rivals": data + rivalled,
        "full_fine_tuning": data + tuned,
        "lora": data + adapted,
        "p_tuning": data + p_tuned,
        "unfreezing_sweep": features + swept,
        "prompt_head_sweep": data + heads_swept,
        "training_ablation": data + ablated,
        "learning_curve": data + curved,
        "domain_adaptation": data + adaptation,
        "technique_search": data + technique_searched,
        "ensemble": data + averaged,
        "distillation": data + student,
        "past_the_paper": features
        + tuned
        + adapted
        + p_tuned
        + student
        + technique_searched
        + averaged
        + swept
        + heads_swept
        + ablated
        + curved
        + adaptation,
        "preprocessing_ablation": data.to_nodes("split_posts") + preprocessing_ablation.create_pipeline(),
        "reporting": report,
        "inference": inference.create_pipeline(),
    }
    return {name: described(pipeline) for name, pipeline in registered.items()}

"""The pipelines by name. Each includes the data steps that it needs; ``__default__`` is the whole study."""

from kedro.pipeline import Pipeline

from tweet_sentiment.pipelines.ablation import pipeline as ablation
from tweet_sentiment.pipelines.data_processing import pipeline as data_processing
from tweet_sentiment.pipelines.domain_adaptation import pipeline as domain_adaptation
from tweet_sentiment.pipelines.evaluation import pipeline as evaluation
from tweet_sentiment.pipelines.feature_extraction import pipeline as feature_extraction
from tweet_sentiment.pipelines.inference import pipeline as inference
from tweet_sentiment.pipelines.label_issues import pipeline as label_issues
from tweet_sentiment.pipelines.prompt_tuning import pipeline as prompt_tuning
from tweet_sentiment.pipelines.reporting import pipeline as reporting
from tweet_sentiment.pipelines.search import pipeline as search
from tweet_sentiment.pipelines.technique import pipeline as technique
from tweet_sentiment.techniques import POSTS, STUDIED, TECHNIQUES, Technique

OWN = {  # the techniques whose pipelines do more, or other, than train
    "baseline": technique.create_baseline,
    "hyperparameter_search": search.create_pipeline,
    "prompt_tuning": prompt_tuning.create_pipeline,
    "technique_search": search.create_technique_search,
    "ensemble": technique.create_ensemble,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline that ``kedro run --pipelines=<name>`` knows."""
    data = data_processing.create_pipeline()
    judged = label_issues.create_pipeline()
    features = data + feature_extraction.create_pipeline()
    techniques = {name: _technique(one) for name, one in TECHNIQUES.items()}
    baselines = sum((techniques[name] for name, one in TECHNIQUES.items() if one.classical), Pipeline([]))
    paper = sum((techniques[name] for name, one in TECHNIQUES.items() if one.in_paper), Pipeline([]))
    experiments = {
        "unfreezing_sweep": ablation.create_unfreezing_sweep(),
        "prompt_head_sweep": ablation.create_head_sweep(),
        "training_ablation": ablation.create_training_ablation(),
        "learning_curve": ablation.create_learning_curve(),
        "domain_adaptation": domain_adaptation.create_pipeline(),
    }
    alone = {**{name: techniques[name] for name, one in TECHNIQUES.items() if not one.classical}, **experiments}
    past_the_paper = sum(
        (one for name, one in alone.items() if not (name in TECHNIQUES and TECHNIQUES[name].in_paper)), features
    )
    return {
        "__default__": features + judged + paper + baselines + reporting.create_pipeline(STUDIED),
        "data_processing": data,
        "label_issues": data.to_nodes("filter_posts") + judged,
        "feature_extraction": features,
        "classical": data + baselines,
        **{name: (features if _reads_features(one) else data) + one for name, one in alone.items()},
        "past_the_paper": past_the_paper,
        "preprocessing_ablation": data.to_nodes("account_rows") + ablation.create_preprocessing_ablation(),
        "reporting": reporting.create_pipeline(TECHNIQUES),
        "inference": inference.create_pipeline(),
    }


def _technique(one: Technique) -> Pipeline:
    if one.classical:
        return technique.create_classical(one) + evaluation.create_pipeline(one.name, predicts=False, learns=False)
    train = OWN[one.name]() if one.name in OWN else technique.create_pipeline(one)
    if one.name == "distillation":
        train += technique.create_soft_labels()
    if one.name == "ensemble":
        return train + evaluation.create_pipeline(one.name, predicts=False, learns=False)
    reads = "test_posts" if one.reads == POSTS else "test_tokens"
    return train + evaluation.create_pipeline(one.name, learns=one.name != "baseline", reads=reads)


def _reads_features(pipeline: Pipeline) -> bool:
    return "training_features" in pipeline.inputs()

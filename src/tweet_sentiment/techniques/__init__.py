"""The techniques, in the order of the comparison. This is the only list of them.

A technique is one file: its ``Parameters``, the model of its section of conf, and its ``fit``. To add one, write the
file, name it here, and write its section in ``conf/base/parameters_<name>.yml``. No module here imports torch before a
fit.
"""

from tweet_sentiment.parameters import SearchParameters, TechniqueSearchParameters
from tweet_sentiment.techniques import (
    classical,
    distillation,
    ensemble,
    full_fine_tuning,
    layer_unfreezing,
    lora,
    p_tuning,
    prompt_tuning,
    untrained_head,
)
from tweet_sentiment.techniques.technique import FEATURES as FEATURES
from tweet_sentiment.techniques.technique import POSTS as POSTS
from tweet_sentiment.techniques.technique import Technique as Technique

TECHNIQUES = {
    technique.name: technique
    for technique in (
        Technique("baseline", untrained_head.Parameters, reads=FEATURES, in_paper=True),
        Technique("layer_unfreezing", layer_unfreezing.Parameters, layer_unfreezing.fit, reads=FEATURES, in_paper=True),
        Technique("hyperparameter_search", SearchParameters, reads=FEATURES, in_paper=True),
        Technique("prompt_tuning", prompt_tuning.Parameters, prompt_tuning.fit, in_paper=True),
        Technique("full_fine_tuning", full_fine_tuning.Parameters, full_fine_tuning.fit),
        Technique("lora", lora.Parameters, lora.fit),
        Technique("p_tuning", p_tuning.Parameters, p_tuning.fit),
        Technique("distillation", distillation.Parameters, distillation.fit, extra=("soft_labels",)),
        Technique("technique_search", TechniqueSearchParameters),
        Technique("ensemble", ensemble.Parameters),
        Technique("majority_class", classical.Parameters, section="classical"),
        Technique("nearest_neighbour", classical.Parameters, section="classical"),
        Technique("logistic_regression", classical.Parameters, section="classical"),
        Technique("linear_svc", classical.Parameters, section="classical"),
    )
}
TUNABLE = tuple(name for name, one in TECHNIQUES.items() if one.fit and one.reads == POSTS and not one.extra)
TEACHERS = ("layer_unfreezing", "hyperparameter_search", *TUNABLE)
SEEDED = (*TEACHERS, "distillation")  # trained again with further seeds
STUDIED = tuple(name for name, one in TECHNIQUES.items() if one.in_paper or one.classical)  # by `kedro run` alone
YARDSTICKS = ("baseline", "majority_class")  # what others are measured by; the best only if they are named
LAST = ("distillation", "ensemble")  # they take what others have left, so each has a run of its own
MEMBERS = (*TEACHERS, "distillation", "nearest_neighbour", "logistic_regression", "linear_svc")

"""Project settings, by Kedro's names."""

from tweet_sentiment.hooks import CheckParameters, ShowComparison, ShowProgress

HOOKS = (CheckParameters(), ShowProgress(), ShowComparison())

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
}

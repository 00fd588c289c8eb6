"""Project settings, by Kedro's names."""

import warnings

from tweet_sentiment.configuration import ConfigLoader, StudyContext
from tweet_sentiment.console import ShowComparison, ShowProgress
from tweet_sentiment.hooks.checks import (
    CheckMachine,
    CheckWarmUp,
    EnoughDisk,
    OneFileARun,
    OneRunAtATime,
    SayWhatIsMissing,
)
from tweet_sentiment.hooks.tracking import Track
from tweet_sentiment.incremental import RecordFingerprints

# Kedro's own calls of OmegaConf; nothing that a user could change.
warnings.filterwarnings("ignore", message=r"register_new_resolver\(\) is deprecated")
# Reporting reads what the namespaced pipelines write, by its full name.
warnings.filterwarnings("ignore", message=r"One or more dataset names contain '\.'")

HOOKS = (
    CheckMachine(),
    CheckWarmUp(),
    OneFileARun(),
    OneRunAtATime(),
    EnoughDisk(),
    ShowProgress(),
    ShowComparison(),
    RecordFingerprints(),
    Track(),
    SayWhatIsMissing(),
)

CONTEXT_CLASS = StudyContext
CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
}

DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)  # outside a project there is no .telemetry to say so

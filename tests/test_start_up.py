"""What the shell waits for: naming the pipelines loads no library that only computing needs."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "datasets", "peft", "optuna", "sklearn", "scipy", "plotly", "statsmodels", "nltk")
HEAVY += ("mlflow", "tensorboard")


def loaded(code: str, names: tuple[str, ...]) -> str:
    code = f"import sys, tweet_sentiment.settings, tweet_sentiment.cli\n{code}\n"
    code += f"print([name for name in {names} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_pipelines_are_named_without_any_heavy_import() -> None:
    code = (
        "from tweet_sentiment.pipeline_registry import register_pipelines as named\nassert 'prompt_tuning' in named()"
    )
    assert loaded(code, HEAVY) == "[]"


def test_a_command_that_reads_no_parameters_loads_no_models_of_them_and_no_tables() -> None:
    assert loaded("", (*HEAVY, "numpy", "pandas", "tweet_sentiment.parameters", "tweet_sentiment.techniques")) == "[]"

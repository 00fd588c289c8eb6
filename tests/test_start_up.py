"""What the shell waits for: naming the pipelines loads no library that only computing needs."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "datasets", "peft", "optuna", "sklearn", "scipy", "plotly", "statsmodels", "nltk")


def test_the_pipelines_are_named_without_any_heavy_import() -> None:
    code = (
        "import sys, tweet_sentiment.settings, tweet_sentiment.cli\n"
        "from tweet_sentiment.pipeline_registry import register_pipelines\n"
        "assert 'prompt_tuning' in register_pipelines()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"

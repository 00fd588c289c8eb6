"""``python -m tweet_sentiment`` runs the study as ``kedro run`` does."""

import sys
from pathlib import Path

from kedro.framework.cli.cli import KedroCLI


def main() -> None:
    """Start Kedro's command line on the project in the working directory."""
    KedroCLI(project_path=Path.cwd()).main(["run", *sys.argv[1:]])


if __name__ == "__main__":
    main()

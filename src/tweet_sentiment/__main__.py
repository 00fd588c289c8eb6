"""``python -m tweet_sentiment <command>``; without a command it runs the study, as Kedro's packaged projects do."""

import sys

from tweet_sentiment.cli import cli

OF_ALL_COMMANDS = ("-h", "--help", "--version")


def main() -> None:
    """Start the command line; options alone are those of ``run``."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in OF_ALL_COMMANDS):
        arguments.insert(0, "run")
    cli(arguments, prog_name="tweet-sentiment")


if __name__ == "__main__":
    main()

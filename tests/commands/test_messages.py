"""Whatever ends a command, it is one message and a status."""

import errno

import click
import pytest
from click.testing import CliRunner

from tweet_sentiment.commands.messages import Command
from tweet_sentiment.errors import StudyError


def ended(error):
    @click.command(cls=Command)
    def fails():
        raise error

    return CliRunner().invoke(fails)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StudyError("no such column"), 1, "no such column"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (OSError(errno.ENOSPC, "No space left on device", "out.csv"), 1, "out.csv cannot be written: No space left"),
        (OSError(errno.EROFS, "Read-only file system", "out.csv"), 1, "out.csv cannot be written: Read-only"),
    ],
)
def test_what_a_user_can_put_right_is_a_message(error, status, said):
    done = ended(error)
    assert done.exit_code == status
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_mistake_of_ours_keeps_its_traceback():
    assert isinstance(ended(KeyError("x")).exception, KeyError)
    assert isinstance(ended(OSError(errno.EIO, "broken")).exception, OSError)

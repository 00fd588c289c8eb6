"""Lines of a UTF-8 file, one at a time, with their numbers; whatever is no text is named with its offset."""

from collections.abc import Iterator
from pathlib import Path

from tweet_sentiment.errors import StudyError
from tweet_sentiment.text.encodings import seems_to_be, signature

LONGEST_LINE = 16_000_000  # bytes; a file without line ends must not fill the memory


def lines_of(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """Yield number (from 1) and text of each line, line end included; only LF ends one. A BOM is left out.

    Raises:
        StudyError: the file is no UTF-8 text; the message names line and offset.
    """
    with path.open("rb") as file:
        number, offset = 0, 0
        start = file.peek(8)[:8]
        if known := signature(start):
            raise StudyError(f"{name}: the file is {known[0]}, expected UTF-8 text.\n  {known[1]}.")
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise StudyError(f"{name}, line {number}: longer than {LONGEST_LINE:,} bytes; is this a text file?")
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                seems, remedy = seems_to_be(start)
                raise StudyError(
                    f"{name}, line {number}: the byte at offset {offset + error.start} (0x{line[error.start]:02x}) is "
                    f"not UTF-8; the file seems to be {seems}.\n  {remedy}."
                ) from None
            yield number, text.removeprefix("\ufeff") if number == 1 else text
            offset += len(line)

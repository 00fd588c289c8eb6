"""Lines of a text file, one at a time, in constant memory; what is no text is named with its place."""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote

from tweet_sentiment.data.encodings import START, byte_order_mark, format_of, iconv_name, in_words, without_mark
from tweet_sentiment.errors import StudyError

LONGEST_LINE = 16_000_000  # bytes; a file without line ends must not fill the memory

Advise = Callable[[str, str], str]
"""Says how to give a setting (delimiter, header, quoting, …) a value, as the command that reads the file has it."""


def as_parameter(group: str) -> Advise:
    """Advise as ``conf`` has it: ``set data.quoting to none``."""
    return lambda setting, value: f"set {group}.{setting} to {_quoted(value)}"


def as_option(setting: str, value: str) -> str:
    """Advise as ``kedro predict`` and ``kedro export`` have it: ``give --quoting none``."""
    if (setting, value) == ("header", "false"):
        return "give --no-header"
    return f"give --{setting.replace('_', '-')} {_quoted(value)}"


def as_query(setting: str, value: str) -> str:
    """Advise as HTTP has it: ``add ?quoting=none``."""
    return f"add ?{setting}={quote(value, safe='')}"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w-]+", value) else repr(value)


@dataclass(frozen=True)
class Source:
    """A file that can be opened again and again, and its name for messages."""

    name: str
    open: Callable[[], BinaryIO]

    @classmethod
    def at(cls, path: Path, name: str | None = None) -> Self:
        """Return a file on disk."""
        return cls(name or str(path), lambda: path.open("rb"))

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        """Return bytes as a file."""
        return cls(name, lambda: io.BytesIO(content))

    def start(self) -> bytes:
        """Return the first bytes."""
        with self.open() as file:
            return file.read(START)

    def has(self, byte: bytes) -> bool:
        """Tell whether a byte stands anywhere in the file."""
        with self.open() as file:
            return any(byte in chunk for chunk in iter(lambda: file.read(1 << 20), b""))


def encoding_of(source: Source) -> tuple[str, str]:
    """Return the encoding of a file, and why: by its byte-order mark, its NUL bytes, or since all of it is UTF-8.

    What is none of these is taken for Windows-1252, or for Latin-1 where it holds bytes that Windows-1252 has not.
    """
    start = source.start()
    if marked := byte_order_mark(start):
        return marked, f"a byte-order mark of {in_words(marked)}"
    if wide := without_mark(start):
        return wide, "the places of its NUL bytes"
    for codec in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            with source.open() as file:
                while chunk := file.read(1 << 20):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return codec, "all of it can be read so" if codec == "utf-8" else "assumed, since it is not UTF-8"
    return "latin-1", "assumed, since it is neither UTF-8 nor Windows-1252"


def lines_of(source: Source, encoding: str, advise: Advise) -> Iterator[str]:
    """Yield each line, line end included; only LF ends one. A byte-order mark is left out.

    Raises:
        StudyError: the file is no text in this encoding, has only lone carriage returns for line ends, or a line
            without end; the message names the line and, in UTF-8, the offset.
    """
    encoding = _codec(source.name, encoding)
    _check_start(source, encoding, advise)
    with source.open() as file:
        lines = _utf8(file, source, advise) if encoding == "utf-8" else _other(file, source, encoding, advise)
        for number, line in enumerate(lines, 1):
            if number == 1:
                _check_line_ends(source.name, line)
            yield line.removeprefix("\ufeff") if number == 1 else line


def _codec(name: str, encoding: str) -> str:
    """Return Python's own name of an encoding."""
    try:
        codecs.lookup(encoding)
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # refuses what is no encoding of text
    except (LookupError, ValueError):
        raise StudyError(
            f"{name}: there is no encoding {encoding!r}; expected auto, or a name such as utf-8, utf-16 or cp1252."
        ) from None
    return codecs.lookup(encoding).name


def _check_start(source: Source, encoding: str, advise: Advise) -> None:
    start = source.start()
    if known := format_of(start):
        what, remedy = known
        raise StudyError(
            f"{source.name}: the file seems to be {what} (by its first bytes, at offset 0: {start[:4].hex(' ')}), "
            f"expected text.\n  {remedy}."
        )
    found = byte_order_mark(start) or without_mark(start)
    if found and found != "utf-8" and not encoding.startswith(found[:6]):
        offset = 0 if byte_order_mark(start) else start.index(0)
        raise _other_encoding(source.name, 1, offset, start[offset], found, encoding, advise)


def _other_encoding(
    name: str, line: int, offset: int, byte: int, found: str, expected: str, advise: Advise
) -> StudyError:
    advice = advise("encoding", found)
    return StudyError(
        f"{name}, line {line}: the byte at offset {offset} (0x{byte:02x}) is not {in_words(expected)}; the file seems "
        f"to be {in_words(found)}.\n"
        f"  {advice[0].upper()}{advice[1:]}, or save it as UTF-8: iconv -f {iconv_name(found)} -t UTF-8"
    )


def _check_line_ends(name: str, first: str) -> None:
    if not first.endswith("\n") and (first.endswith("\r") or first.count("\r") > 1):
        raise lone_returns(name, 1)


def lone_returns(name: str, line: int) -> StudyError:
    """Say that rows end as on old Macs."""
    return StudyError(
        f"{name}, line {line}: the rows seem to end with lone carriage returns; expected line ends LF or CRLF.\n"
        "  Save the file with such line ends, or: tr '\\r' '\\n'"
    )


def _endless(name: str, line: int) -> StudyError:
    return StudyError(f"{name}, line {line}: longer than {LONGEST_LINE:,} bytes; is this a text file?")


def _utf8(file: BinaryIO, source: Source, advise: Advise) -> Iterator[str]:
    number, offset = 0, 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise _endless(source.name, number)
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            place, byte = offset + error.start, line[error.start]
            raise _other_encoding(source.name, number, place, byte, "cp1252", "utf-8", advise) from None
        offset += len(line)


def _other(file: BinaryIO, source: Source, encoding: str, advise: Advise) -> Iterator[str]:
    number = 0
    try:
        with io.TextIOWrapper(file, encoding=encoding, newline="\n") as text:
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise _endless(source.name, number)
                yield line
    except UnicodeError:
        advice = advise("encoding", "auto")
        raise StudyError(
            f"{source.name}, after line {number}: the file is not {in_words(encoding)}.\n"
            f"  {advice[0].upper()}{advice[1:]}, or save it as UTF-8."
        ) from None

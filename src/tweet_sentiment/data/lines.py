"""Lines of a text file, one at a time, in constant memory; bytes that are not text are reported with their position."""

import codecs
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote

from tweet_sentiment.errors import StudyError

LONGEST_LINE = 16_000_000  # characters; a file without line ends must not fill the memory
_START = 4096  # bytes; enough to tell a format and an encoding by
_FORMATS = {
    b"\x1f\x8b": ("compressed with gzip", "Unpack it: gunzip"),
    b"BZh": ("compressed with bzip2", "Unpack it: bunzip2"),
    b"\xfd7zXZ\0": ("compressed with xz", "Unpack it: unxz"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "Unpack it: unzstd"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "Unpack it, or save the sheet as CSV (UTF-8)"),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet (.xls)", "Save the sheet as CSV (UTF-8)"),
    b"SQLite format 3\0": ("an SQLite database", "Write the table as CSV (UTF-8)"),
    b"ARROW1\0\0": ("Arrow's (Feather)", "Write it as Parquet"),
    b"PAR1": ("Parquet", "Give it a name that ends in .parquet"),
}
_MARKS = {  # of UTF-32 first: that of UTF-16 is a part of one
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

DATA_SOURCE = (
    'The real data are Kaggle\'s "Twitter Sentiment Analysis" (entity-level), CC0:\n'
    "  https://www.kaggle.com/datasets/jp797498e/twitter-entity-sentiment-analysis\n"
    "  Put twitter_training.csv and twitter_validation.csv into data/01_raw/; or run without --env for the sample;\n"
    "  or set data.training_file to your own file."
)

Advise = Callable[[str, str], str]
"""Says how to set a setting (delimiter, header, quoting, …) in the command that reads the file."""


def as_parameter(group: str) -> Advise:
    """Advise for ``conf``: ``set data.quoting to none``."""
    return lambda setting, value: f"set {group}.{setting} to {_quoted(value)}"


def as_option(setting: str, value: str) -> str:
    """Advise for ``kedro predict`` and ``kedro export``: ``give --quoting none``."""
    if (setting, value) == ("header", "false"):
        return "give --no-header"
    return f"give --{setting.replace('_', '-')} {_quoted(value)}"


def as_argument(setting: str, value: str) -> str:
    """Advise for a Python call: ``give prefix='predicted_'``."""
    return f"give {setting}={value!r}"


def as_query(setting: str, value: str) -> str:
    """Advise for HTTP: ``add ?quoting=none``."""
    return f"add ?{setting}={quote(value, safe='')}"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w-]+", value) else repr(value)


FOR_DATA = as_parameter("data")


@dataclass(frozen=True)
class Source:
    """A file that can be opened repeatedly, and how messages name it and its settings.

    ``version`` returns a value that differs after a change of the file.
    """

    name: str
    open: Callable[[], BinaryIO]
    version: Callable[[], object] = lambda: None
    advise: Advise = FOR_DATA

    @classmethod
    def at(cls, path: Path, name: str = "", advise: Advise = FOR_DATA) -> Self:
        """Return a file on disk.

        Raises:
            StudyError: it is not there.
        """
        if not path.is_file():
            raise no_such_file(name or path)

        def version() -> tuple[int, int]:
            return path.stat().st_size, path.stat().st_mtime_ns

        return cls(name or str(path), lambda: path.open("rb"), version, advise)

    @classmethod
    def of(cls, name: str, content: bytes | None, advise: Advise = FOR_DATA) -> Self:
        """Return bytes as a file; None stands for a missing file of the study, which is reported when it is read."""

        def opened() -> BinaryIO:
            if content is None:
                raise no_such_file(name, f"\n{DATA_SOURCE}")
            return io.BytesIO(content)

        return cls(name, opened, advise=advise)

    def read(self) -> bytes:
        """Return the whole content."""
        with self.open() as file:
            return file.read()

    def start(self) -> bytes:
        """Return the first bytes."""
        with self.open() as file:
            return file.read(_START)

    def has(self, byte: bytes) -> bool:
        """Tell whether the file has a byte."""
        with self.open() as file:
            return any(byte in chunk for chunk in iter(lambda: file.read(1 << 20), b""))

    def check_format(self, expected: str) -> None:
        """Refuse a file whose first bytes are those of a format other than text or ``expected``."""
        start = self.start()
        for mark, (what, remedy) in _FORMATS.items():
            if start.startswith(mark) and what != expected:
                raise StudyError(
                    f"{self.name}: the file seems to be {what} (by its first bytes, at offset 0: {start[:4].hex(' ')})"
                    f", expected {expected}.\n  {remedy}."
                )


def no_such_file(name: object, hint: str = "") -> StudyError:
    """Say that a file is not there."""
    return StudyError(f"{name}: there is no such file (or it is a folder).{hint}")


def encoding_of(source: Source) -> tuple[str, str]:
    """Return the encoding of a file, and the reason: its byte-order mark, its NUL bytes, or that it is UTF-8.

    UTF-8 with a few damaged bytes is still UTF-8. Otherwise Windows-1252 is assumed, or Latin-1 if the file has bytes
    that Windows-1252 does not have.
    """
    if told := _told_by_start(source.start()):
        return told[:2]
    if _can_be(source, "utf-8"):
        return "utf-8", "the whole file is valid UTF-8"
    if _mostly_utf_8(source):
        return "utf-8", "most of the file is valid UTF-8"
    if _can_be(source, "cp1252"):
        return "cp1252", "assumed, since it is not UTF-8"
    return "latin-1", "assumed, since it is neither UTF-8 nor Windows-1252"


def _decoded(source: Source, codec: str, errors: str = "strict") -> Iterator[str]:
    with source.open() as file:
        yield from codecs.iterdecode(iter(lambda: file.read(1 << 20), b""), codec, errors)


def _can_be(source: Source, codec: str) -> bool:
    with suppress(UnicodeDecodeError):
        deque(_decoded(source, codec), maxlen=0)
        return True
    return False


def _mostly_utf_8(source: Source) -> bool:
    """Tell whether a file that is not UTF-8 has more characters beyond ASCII that are than damaged places."""
    beyond_ascii = damaged = 0
    for text in _decoded(source, "utf-8", "replace"):
        beyond_ascii += len(re.sub(r"[\0-\x7f]+", "", text))
        damaged += text.count("\ufffd")
    return beyond_ascii > 2 * damaged


def _told_by_start(start: bytes) -> tuple[str, str, int] | None:
    """Return the encoding shown by a byte-order mark or NUL bytes, which of them, and its offset.

    UTF-16 and UTF-32 without a mark have their NUL bytes at places of their own. In UTF-32 the high half of each
    character is (nearly) zero; in UTF-16 so are the high bytes of Latin letters, and in any language those of line
    ends. A file in UTF-8 that holds a NUL has line ends of one byte.
    """
    if marked := next((codec for mark, codec in _MARKS.items() if start.startswith(mark)), None):
        return marked, f"a byte-order mark of {in_words(marked)}", 0
    whole = start[: len(start) // 4 * 4]
    nuls = [whole[place::4].count(0) for place in range(4)]
    quarter, odd, even = len(whole) // 4, nuls[1] + nuls[3], nuls[0] + nuls[2]
    codec = "utf-16-le" if odd > 10 * even else "utf-16-be" if even > 10 * odd else None
    if not quarter or not sum(nuls):
        return None
    if nuls[3] == quarter and nuls[2] * 10 >= quarter * 9 and nuls[0] * 2 < quarter:
        codec = "utf-32-le"
    elif nuls[0] == quarter and nuls[1] * 10 >= quarter * 9 and nuls[3] * 2 < quarter:
        codec = "utf-32-be"
    elif ends := start.count(b"\n"):
        most, codec = max((whole.decode(one, "replace").count("\n"), one) for one in ("utf-16-be", "utf-16-le"))
        codec = codec if most * 2 >= ends else None
    return (codec, "the positions of its NUL bytes", start.index(0)) if codec else None


def in_words(codec: str) -> str:
    """Return an encoding's common name."""
    if codec.startswith("utf-"):
        width, _, order = codec.removeprefix("utf-").partition("-")
        orders = {"le": " (little-endian, without a byte-order mark)", "be": " (big-endian, without a byte-order mark)"}
        return f"UTF-{width}{orders.get(order, '')}"
    return {"cp1252": "Windows-1252 or Latin-1", "latin-1": "Latin-1", "iso8859-1": "Latin-1"}.get(codec, codec)


def lines_of(source: Source, encoding: str) -> Iterator[str]:
    """Yield each line with its line end, which is LF. A byte-order mark is left out.

    Where the first line ends with CR CR LF, as on Windows what was written with CR LF in text mode, CR LF is yielded.

    ``encoding``: a name that Python knows, or "auto".

    Raises:
        StudyError: the file is no text in this encoding, has only lone carriage returns for line ends, or a line
            without end; the message names the line and, in UTF-8, the offset.
    """
    encoding = encoding_of(source)[0] if encoding == "auto" else _codec(source.name, encoding)
    source.check_format("text")
    start = source.start()
    found, _, offset = _told_by_start(start) or ("", "", 0)
    if found not in ("", "utf-8") and not encoding.startswith(found[:6]):
        raise _other_encoding(source, 1, offset, start[offset], found, encoding)
    number, doubled = 0, False
    with source.open() as file, io.TextIOWrapper(file, encoding=encoding, newline="\n") as text:
        try:
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise StudyError(
                        f"{source.name}, line {number}: longer than {LONGEST_LINE:,} characters; is this a text file?"
                    )
                if number == 1 and not line.endswith("\n") and (line.endswith("\r") or line.count("\r") > 1):
                    raise lone_returns(source.name, 1)
                if number == 1:
                    line = line.removeprefix("\ufeff")
                    doubled = line.endswith("\r\r\n") and line.count('"') % 2 == 0  # not within a text
                yield f"{line[:-3]}\r\n" if doubled and line.endswith("\r\r\n") else line
        except UnicodeError:
            raise _undecodable(source, encoding, number) from None


def _undecodable(source: Source, encoding: str, read: int) -> StudyError:
    """Return the error that names the first byte that is not UTF-8; for another encoding, the last line read."""
    offset = 0
    with source.open() as file:
        for number, line in enumerate(file if encoding == "utf-8" else (), 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                place, byte = offset + error.start, line[error.start]
                if not _mostly_utf_8(source):
                    return _other_encoding(source, number, place, byte, "cp1252", "utf-8")
                return StudyError(
                    f"{source.name}, line {number}: the byte at offset {place} (0x{byte:02x}) is not UTF-8, but most "
                    "of the file is: it is damaged there, or was put together of files in several encodings.\n"
                    "  Correct the line, or fetch the file again; to leave such bytes out: iconv -c -f UTF-8 -t UTF-8"
                )
            offset += len(line)
    said = f"{source.name}, after line {read}: the file is not {in_words(encoding)}"
    return StudyError(f"{said}.\n  {capital(source.advise('encoding', 'auto'))}, or save it as UTF-8.")


def _codec(name: str, encoding: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # refuses what is no encoding of text
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise StudyError(
            f"{name}: there is no encoding {encoding!r}; expected auto, or a name such as utf-8, utf-16 or cp1252."
        ) from None


def _other_encoding(source: Source, line: int, offset: int, byte: int, found: str, expected: str) -> StudyError:
    iconv = {"cp1252": "WINDOWS-1252"}.get(found, found.upper().replace("-LE", "LE").replace("-BE", "BE"))
    return StudyError(
        f"{source.name}, line {line}: the byte at offset {offset} (0x{byte:02x}) is not {in_words(expected)}; the file "
        f"seems to be {in_words(found)}.\n"
        f"  {capital(source.advise('encoding', found))}, or save it as UTF-8: iconv -f {iconv} -t UTF-8"
    )


def capital(sentence: str) -> str:
    """Return a sentence with a capital letter first."""
    return sentence[0].upper() + sentence[1:]


def lone_returns(name: str, line: int) -> StudyError:
    """Return the error about rows that end with a carriage return, as on old Macs."""
    return StudyError(
        f"{name}, line {line}: the rows seem to end with lone carriage returns; expected line ends LF or CRLF.\n"
        "  Save the file with such line ends, or: tr '\\r' '\\n'"
    )

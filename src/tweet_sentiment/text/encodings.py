"""What a file that is not UTF-8 seems to be, and what to do about it."""

DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
_UTF_16 = ("UTF-16", "Save it as UTF-8, or: iconv -f UTF-16 -t UTF-8")
_SIGNATURES = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"\x1f\x8b": ("compressed with gzip", "Unpack it: gunzip"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "Unpack it, or save it as CSV (UTF-8)"),
    b"PAR1": ("Parquet", "Give it a name that ends in .parquet"),
}
_LATIN_1 = ("Latin-1 or Windows-1252", "Save it as UTF-8, or: iconv -f WINDOWS-1252 -t UTF-8")


def signature(start: bytes) -> tuple[str, str] | None:
    """Return what a file with this start is, and a remedy, if it is no text at all."""
    return next((known for mark, known in _SIGNATURES.items() if start.startswith(mark)), None)


def seems_to_be(start: bytes) -> tuple[str, str]:
    """Return what a file that is not UTF-8 seems to be, and a remedy."""
    return signature(start) or _LATIN_1

"""What the first bytes of a file say of it: an encoding, or a format that is no text."""

DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
START = 4096  # bytes; enough to tell a format and an encoding by
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


def format_of(start: bytes) -> tuple[str, str] | None:
    """Return what a file with this start is, and a remedy, if it is no text at all."""
    return next((known for mark, known in _FORMATS.items() if start.startswith(mark)), None)


def byte_order_mark(start: bytes) -> str | None:
    """Return the encoding that a byte-order mark names."""
    return next((codec for mark, codec in _MARKS.items() if start.startswith(mark)), None)


def without_mark(start: bytes) -> str | None:
    """Return UTF-16 or UTF-32 with its byte order, where NUL bytes stand as these have them, else None.

    In UTF-32 the high half of each character is (nearly) zero; in UTF-16 so are the high bytes of Latin letters, and
    in any language those of line ends. A file in UTF-8 that holds a NUL has line ends of one byte.
    """
    whole = start[: len(start) // 4 * 4]
    nuls = [whole[place::4].count(0) for place in range(4)]
    quarter, odd, even = len(whole) // 4, nuls[1] + nuls[3], nuls[0] + nuls[2]
    if not quarter or not sum(nuls):
        return None
    if nuls[3] == quarter and nuls[2] * 10 >= quarter * 9 and nuls[0] * 2 < quarter:
        return "utf-32-le"
    if nuls[0] == quarter and nuls[1] * 10 >= quarter * 9 and nuls[3] * 2 < quarter:
        return "utf-32-be"
    if ends := start.count(b"\n"):
        found = {codec: whole.decode(codec, "replace").count("\n") for codec in ("utf-16-le", "utf-16-be")}
        codec = max(found, key=lambda codec: found[codec])
        return codec if found[codec] * 2 >= ends else None
    return "utf-16-le" if odd > 10 * even else "utf-16-be" if even > 10 * odd else None


def in_words(codec: str) -> str:
    """Name an encoding for people."""
    if codec.startswith("utf-"):
        width, _, order = codec.removeprefix("utf-").partition("-")
        orders = {"le": " (little-endian, without a byte-order mark)", "be": " (big-endian, without a byte-order mark)"}
        return f"UTF-{width}{orders.get(order, '')}"
    return {"cp1252": "Windows-1252 or Latin-1", "latin-1": "Latin-1", "iso8859-1": "Latin-1"}.get(codec, codec)


def iconv_name(codec: str) -> str:
    """Return how iconv calls an encoding."""
    return {"cp1252": "WINDOWS-1252"}.get(codec, codec.upper().replace("-LE", "LE").replace("-BE", "BE"))

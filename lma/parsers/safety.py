"""What every parser refuses before it reads: web pages, cut archives, archives that explode."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lma.errors import DefinitionError, InputError

MAX_EXPANDED_BYTES = 2 * 1024**3
"""Above this size an archive is refused unread (drill 10 of the reference on pitfalls)."""

MAX_RATIO = 100
"""Expanded to packed; real tables stay below 40."""

SMALL_BYTES = 1024**2
"""Below this size a high ratio is harmless: a short file of repeated figures packs very well."""

MAX_TEXT_BYTES = 256 * 1024**2
"""Delimited text above this size is never one text in memory; a frame of it would take about tenfold."""

MAX_LINE_BYTES = 4 * 1024**2
"""Longest line of a table: 20,000 columns of 200 letters. Found by a scan, before anything is decoded."""

MAX_CELL_LETTERS = 131_072
"""Longest cell: the limit of Python's csv reader, four times what Excel can hold in one."""

MAX_COLUMNS = 20_000
"""Excel has 16,384; the widest real table here has some 800."""

MAX_ROWS = 1_048_576
"""Rows of an Excel sheet; a row number far beyond would be filled up with empty rows one by one."""

MAX_CELLS = 50_000_000
"""Most cells of a table read into memory; a compressed column can promise far more than its bytes."""

MAX_WORKBOOK_BYTES = 256 * 1024**2
"""Expanded parts of a workbook: a sheet of a million rows and ten columns has about 200 MB of XML."""

MAX_MEMBERS = 2_000
"""Most members of an archive; a large workbook has some hundred parts."""

_CONFORM_OPTIONS = frozenset({"thousands", "decimal", "date_format"})
_GZIP_MAGIC = b"\x1f\x8b"
_STEP = 4 * 1024**2


STRANGE_LETTERS = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\ufffd]"
"""Control characters and U+FFFD, as a regular expression: no table has them."""

_STRANGE = re.compile(STRANGE_LETTERS)
_STRANGE_BYTES = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_STRANGE_IN_UTF8 = re.compile(rb"\xc2[\x80-\x9f]|\xef\xbf\xbd")
_NAMES = {"\0": "a zero byte", "\ufffd": "the replacement character U+FFFD"}
_MAGIC = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive or an Office workbook",
    b"\xd0\xcf\x11\xe0": "an old Office file (.xls, .doc) or an encrypted workbook",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip file inside a gzip file",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "a picture",
    b"{\\rtf": "a text document (.rtf)",
}


def check_options(options: Mapping[str, Any], known: set[str]) -> None:
    """Refuse options the format does not have (``thousands``, ``decimal``, ``date_format`` belong to every one)."""
    unknown = sorted(set(options) - known - _CONFORM_OPTIONS)
    if unknown:
        allowed = ", ".join(sorted(known | _CONFORM_OPTIONS))
        raise DefinitionError(f"the format has no option {', '.join(unknown)}. Options: {allowed}.")


def check_not_page(content: bytes) -> None:
    """Refuse an empty file, and a web page or a server's message that carries a table's file name."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise InputError("the file is empty (0 bytes of content): download it again.")
    if start.startswith((b"<", b"{", b"[{")) and not start.startswith(b"{\\rtf"):
        shown = start[:60].decode("ascii", "backslashreplace").splitlines()[0]
        raise InputError(
            f"the file is a web page or a server's message, not a table (it begins {shown!r}): "
            "open the address in a browser, then download the file again."
        )


def name_kind(content: bytes) -> str | None:
    """What a file is by its first bytes, in words; None where they say nothing."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


def check_is_text(content: bytes) -> None:
    """Refuse what is no delimited text (a workbook, a PDF, an archive inside an archive) or has a giant line."""
    kind = name_kind(content)
    if kind:
        raise InputError(
            f"the file is {kind}, not delimited text, whatever its name says: declare its own `format` in "
            "the source, or save the table as csv."
        )
    if len(content) > MAX_TEXT_BYTES:
        raise InputError(
            f"the file holds {len(content):,} bytes of text, {MAX_TEXT_BYTES:,} are read into memory at "
            "most: split it, or keep only the rows that are needed."
        )
    check_lines(content)


def check_fits(n_bytes: int) -> None:
    """Refuse a file too large to be one piece in memory, before it is read."""
    if n_bytes > MAX_TEXT_BYTES:
        raise InputError(
            f"the file has {n_bytes:,} bytes, {MAX_TEXT_BYTES:,} are read into memory at most (larger ones only of "
            "plain csv sources): split it, or keep only the rows that are needed."
        )


def check_letters(text: str, where: str, first_line: int = 1) -> None:
    """Refuse control characters and U+FFFD: letters were lost, or the encoding is another than declared.

    ``where`` names the place of the text; of a text of several lines, which begins on ``first_line``, the line is
    named.
    """
    found = _STRANGE.search(text)
    if found is None:
        return
    sign, line = found[0], text.count("\n", 0, found.start()) + first_line
    place = where or f"line {line}"
    if "\x80" <= sign <= "\x9f":
        raise InputError(
            f"{place} holds the control character U+{ord(sign):04X}, which no table has: the file is not in the "
            "encoding it is read in, perhaps in cp1252; set `encoding` in the source's options to what the publisher "
            "uses."
        )
    name = _NAMES.get(sign, f"the control character U+{ord(sign):04X}")
    why = "letters were lost before the file came here" if sign in _NAMES else "no table has it"
    raise InputError(f"{place} holds {name}: {why}; download it again, or ask for a clean file.")


def check_lines(content: bytes) -> None:
    """Refuse a line of more than 4 MB: no table has one, and one cell would fill the memory."""
    start = 0
    while len(content) - start > MAX_LINE_BYTES:
        end = content.rfind(b"\n", start, start + MAX_LINE_BYTES)
        if end < 0:
            end = content.rfind(b"\r", start, start + MAX_LINE_BYTES)
        if end < 0:
            line = content.count(b"\n", 0, start) + 1
            raise InputError(
                f"line {line} is longer than {MAX_LINE_BYTES:,} bytes, which no line of a table is: the file "
                "is damaged or no table, and was not read."
            )
        start = end + 1


def check_pieces(pieces: Iterable[bytes]) -> int:
    """Lines of a UTF-8 text larger than memory; lines longer than any table has, and strange letters, are refused.

    The text comes in pieces of at most 4 MB. DuckDB's parallel reader leaves out a last line longer than its
    buffer without a word, and a long line in the middle fills the memory with its error message.
    """
    open_line, n_bytes, n_lines, end = 0, 0, 1, b""
    for piece in pieces:
        _check_letters(end + piece, n_lines - end.count(b"\n"))
        first = piece.find(b"\n")
        open_line += len(piece) if first < 0 else first
        if open_line > MAX_LINE_BYTES:
            raise InputError(
                f"the line around byte {n_bytes:,} of the text is longer than {MAX_LINE_BYTES:,} bytes, which no "
                "line of a table is: the file is damaged or no table, and was not read."
            )
        open_line = open_line if first < 0 else len(piece) - piece.rfind(b"\n") - 1
        n_bytes, n_lines, end = n_bytes + len(piece), n_lines + piece.count(b"\n"), (end + piece)[-2:]
    return n_lines - end.endswith(b"\n")


def _check_letters(piece: bytes, first_line: int) -> None:
    """As ``check_letters``, but the text is decoded only where its bytes are suspicious."""
    low = np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) < 0x20)
    is_strange = low != sum(map(piece.count, (b"\n", b"\r", b"\t"))) or b"\x7f" in piece
    if is_strange or (not piece.isascii() and _STRANGE_IN_UTF8.search(piece)):
        check_letters(piece.decode("utf-8", "surrogateescape"), "", first_line)


def check_size(packed: int, expanded: int, most: int = MAX_EXPANDED_BYTES) -> None:
    """Refuse an archive that expands beyond ``most`` bytes (2 GB), or more than a hundredfold."""
    ratio = expanded / max(packed, 1)
    if expanded > most or (ratio > MAX_RATIO and expanded > SMALL_BYTES):
        raise InputError(
            f"the archive of {packed:,} bytes expands to {expanded:,} bytes or more ({ratio:,.0f} times; "
            f"allowed are {MAX_RATIO} times and {most:,} bytes): it looks like a zip bomb and was not read."
        )


def unpack_gzip(content: bytes) -> bytes:
    """Content of a gzip file (recognised by its first bytes), or the content itself.

    Raises ``InputError`` where the archive is cut, damaged, or expands beyond the limits.
    """
    if not content.startswith(_GZIP_MAGIC):
        return content
    parts: list[bytes] = []
    rest, expanded = content, 0
    while rest:
        machine = zlib.decompressobj(wbits=31)
        while rest and not machine.eof:
            part = _inflate(machine, rest)
            expanded += len(part)
            check_size(len(content), expanded, MAX_TEXT_BYTES)
            parts.append(part)
            rest = machine.unconsumed_tail
        if not machine.eof:
            raise InputError(
                f"the gzip file is cut off: it ends after {len(content):,} bytes: download it again."
            )
        rest = machine.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _inflate(machine: zlib._Decompress, rest: bytes) -> bytes:
    try:
        return machine.decompress(rest, _STEP)
    except zlib.error as error:
        raise InputError(f"the gzip file is damaged ({error}): download it again.") from error


def open_zip(content: bytes, most: int = MAX_WORKBOOK_BYTES) -> zipfile.ZipFile:
    """The zip container of an Office file, after the checks of completeness, size and members."""
    kind = name_kind(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            "the file is an old .xls or an encrypted workbook: save it as .xlsx without a password."
        )
    if not content.startswith(b"PK"):
        what = kind or f"something else (it begins {content[:24]!r})"
        raise InputError(
            f"the file is not an xlsx workbook but {what}, whatever its name says: declare its own `format` "
            "in the source, or download it again."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise InputError(
            f"the file is not a complete xlsx workbook ({error}): it is cut off or damaged; download it "
            "again."
        ) from error
    check_members(archive)
    check_size(len(content), sum(member.file_size for member in archive.infolist()), most)
    return archive


def check_members(archive: zipfile.ZipFile) -> None:
    """Refuse an archive with a member no publisher writes: outside its folder, twice, a link, encrypted."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise InputError(
            f"the archive has {len(members):,} members, at most {MAX_MEMBERS:,} are read: it was not read."
        )
    seen: set[str] = set()
    for member in members:
        problem = _problem_of(member) or ("stands in it twice" if member.filename in seen else None)
        if problem:
            raise InputError(
                f"the archive's member {member.orig_filename[:80]!r} {problem}: the archive was not read; "
                "download it from the publisher again."
            )
        seen.add(member.filename)


def _problem_of(member: zipfile.ZipInfo) -> str | None:
    name = member.orig_filename
    if "\0" in name or "\\" in name:
        return "has a zero byte or a backslash in its name"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "points outside the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    return "is encrypted" if member.flag_bits & 0x1 else None

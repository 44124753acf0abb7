"""What every parser refuses before it reads: web pages, cut archives, archives that explode."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from lma.errors import DefinitionError, InputError

MAX_EXPANDED_BYTES = 2 * 1024**3
"""Above this size an archive is refused unread (drill 10 of the reference on pitfalls)."""

MAX_RATIO = 100
"""Expanded to packed; real tables stay below 40."""

SMALL_BYTES = 1024**2
"""Below this size a high ratio is harmless: a short file of repeated figures packs very well."""

_CONFORM_OPTIONS = frozenset({"thousands", "decimal"})
_GZIP_MAGIC = b"\x1f\x8b"
_STEP = 4 * 1024**2


def check_options(options: Mapping[str, Any], known: set[str]) -> None:
    """Refuse options the format does not have (``thousands`` and ``decimal`` belong to every format)."""
    unknown = sorted(set(options) - known - _CONFORM_OPTIONS)
    if unknown:
        allowed = ", ".join(sorted(known | _CONFORM_OPTIONS))
        raise DefinitionError(f"the format has no option {', '.join(unknown)}. Options: {allowed}.")


def check_not_page(content: bytes) -> None:
    """Refuse an empty file, and a web page or a server's message that carries a table's file name."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        raise InputError("the file is empty (0 bytes of content): download it again.")
    if start.startswith((b"<", b"{")):
        shown = start[:60].decode("ascii", "backslashreplace").splitlines()[0]
        raise InputError(
            f"the file is a web page or a server's message, not a table (it begins {shown!r}): "
            "open the address in a browser, then download the file again."
        )


def check_size(packed: int, expanded: int) -> None:
    """Refuse an archive that expands beyond 2 GB, or more than a hundredfold."""
    ratio = expanded / max(packed, 1)
    if expanded > MAX_EXPANDED_BYTES or (ratio > MAX_RATIO and expanded > SMALL_BYTES):
        raise InputError(
            f"the archive of {packed:,} bytes expands to {expanded:,} bytes or more ({ratio:,.0f} times; "
            "allowed are "
            f"{MAX_RATIO} times and {MAX_EXPANDED_BYTES:,} bytes): it looks like a zip bomb and was not read."
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
            check_size(len(content), expanded)
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


def open_zip(content: bytes) -> zipfile.ZipFile:
    """The zip container of an Office file, after the checks of completeness and size."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            "the file is an old .xls or an encrypted workbook: save it as .xlsx without a password."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise InputError(
            f"the file is not a complete xlsx workbook ({error}): it is cut off or damaged; download it "
            "again."
        ) from error
    check_size(len(content), sum(member.file_size for member in archive.infolist()))
    return archive

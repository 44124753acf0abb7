"""The one member of a zip archive that holds a publisher's table."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from lma.errors import DefinitionError, InputError
from lma.parsers.safety import MAX_EXPANDED_BYTES, MAX_TEXT_BYTES, check_members, check_not_page, check_size

_GZIP = b"\x1f\x8b"


def read_member(content: bytes, pattern: str) -> bytes:
    """Bytes of the one member of a zip archive whose whole name ``pattern`` matches.

    Nothing is written to disk, and an archive inside the archive stays packed. Raises ``InputError``
    where the archive is cut, damaged or suspicious, and where not exactly one member matches.
    """
    check_not_page(content)
    with _open_archive(content) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
        found = [name for name in names if _matches(pattern, name)]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} members of the archive match {pattern!r}, exactly one must. Members: "
                f"{', '.join(names[:20])}. Correct `member` in the source's options."
            )
        check_size(len(content), archive.getinfo(found[0]).file_size, MAX_TEXT_BYTES)
        try:
            member = archive.read(found[0])
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise InputError(f"the archive is damaged in {found[0]} ({error}): download it again.") from error
    if member.startswith(_GZIP):
        raise InputError(
            f"{found[0]} in the archive is packed once more, which is not read: unpack it first."
        )
    return member


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error as error:
        raise DefinitionError(
            f"`member` {pattern!r} in the source's options is no regular expression ({error})."
        ) from error


def _open_archive(content: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise InputError(
            f"the file is not a complete zip archive ({error}): it is cut off or damaged, or its source "
            "should declare no `member`; download it again."
        ) from error
    check_members(archive)
    check_size(len(content), sum(member.file_size for member in archive.infolist()), MAX_EXPANDED_BYTES)
    return archive

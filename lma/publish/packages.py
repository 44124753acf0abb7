"""Zip packages (xlsx, ods, docx) without a time of now: the same content gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

_NO_TIME = (1980, 1, 1, 0, 0, 0)


def rewrite_members(content: bytes, changes: Mapping[str, Callable[[bytes], bytes]] | None = None) -> bytes:
    """The same package, every member with the earliest time a zip file can say; ``changes`` by member name.

    A member that is stored stays stored: the mimetype of OpenDocument must be.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            change = (changes or {}).get(member.filename, bytes)
            told = zipfile.ZipInfo(member.filename, _NO_TIME)
            told.compress_type, told.external_attr = member.compress_type, 0o600 << 16
            new.writestr(told, change(old.read(member)))
    return buffer.getvalue()

"""A file is written whole or not at all: under another name, made durable, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from lma.errors import OutputError

_CHUNK = 1 << 20


def write_whole(path: Path, data: bytes | BinaryIO) -> None:
    """Put bytes, or all of an open file, in the place of ``path``; ``OSError`` leaves what stood there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                shutil.copyfileobj(data, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_entries(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Put a list of entries in the place of a JSON file, dates as text; ``OutputError`` where it cannot be written."""
    text = json.dumps(entries, indent=1, default=str, ensure_ascii=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. Check space and rights.") from error

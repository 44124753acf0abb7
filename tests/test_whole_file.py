"""A file is written whole or not at all, whatever stops the writer."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from lma import whole_file
from lma.errors import OutputError


class Stopping(io.BytesIO):
    """A file that ends in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(28, "No space left on device")
        return super().read(3)


def test_what_stood_there_stays_where_writing_stops(tmp_path: Path) -> None:
    path = tmp_path / "below" / "notes.json"
    whole_file.write_whole(path, b"before")
    with pytest.raises(OSError, match="No space"):
        whole_file.write_whole(path, Stopping(b"after it"))
    assert path.read_bytes() == b"before" and [p.name for p in path.parent.iterdir()] == ["notes.json"]
    whole_file.write_whole(path, io.BytesIO(b"after it"))
    assert path.read_bytes() == b"after it"


def test_entries_are_json_and_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    whole_file.write_entries(path, [{"reviewer": "Anaïs"}])
    assert json.loads(path.read_text(encoding="utf-8")) == [{"reviewer": "Anaïs"}]
    with pytest.raises(OutputError, match="notes.json/x.json cannot be written"):
        whole_file.write_entries(path / "x.json", [])

"""The folder of the site: written beside its place and renamed into it; nothing of others is ever replaced."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from lma.errors import OutputError
from lma.publish.csv_package import write_json
from lma.publish.edition import check_place
from lma.publish.site.frame import edition_path
from lma.publish.site.reading import KeptEdition, Shelf

MARKER = "site.json"
_MADE_BY = "lma site"
_ABANDONED_AFTER_SECONDS = 3600.0


def describe_site(shelf: Shelf) -> bytes:
    """site.json: what the site holds, and the sign by which a folder is known as a site of ours."""
    editions = [
        {"ref_area": kept.ref_area, "edition": kept.edition, "as_of": kept.as_of.isoformat()}
        for kept in shelf.editions
    ]
    left_out = [{"path": one.path, "reason": one.reason} for one in shelf.left_out]
    return write_json(
        {"made_by": _MADE_BY, "languages": list(shelf.languages), "editions": editions, "left_out": left_out}
    )


def check_target(out: Path, editions: Path) -> None:
    """``OutputError`` where the site may not stand: a folder of others, or the editions themselves."""
    place, source = out.resolve(), editions.resolve()
    if place == source or place in source.parents or source in place.parents:
        raise OutputError(
            f"{out} and the editions in {editions} lie within each other. Name a folder for the site that is apart from them."
        )
    if place.exists() and not place.is_dir():
        raise OutputError(f"{out} is a file, so no site can stand there. Name a folder.")
    check_place(place.parent)
    if place.exists() and any(place.iterdir()) and not _is_ours(place):
        raise OutputError(
            f"{out} is not empty and holds no site made by `lma site` (no {MARKER} that says so), so it is left as it is. "
            "Name a new folder, or empty this one yourself."
        )


def _is_ours(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / MARKER).read_text(encoding="utf-8")).get("made_by") == _MADE_BY)
    except (OSError, ValueError, AttributeError):
        return False


def write_site(out: Path, pages: Mapping[str, bytes], shelf: Shelf, *, link: bool = False) -> int:
    """Write pages and editions, then put them in place of what was there; size in bytes.

    ``link``: editions as hard links where the disk allows it, so that they take no room twice.
    """
    place = out.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place)
        temporary = Path(tempfile.mkdtemp(prefix=f".unfinished-{place.name}-", dir=place.parent))
        try:
            _fill(temporary / "new", pages, shelf, link=link)
            _exchange(temporary, place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}: {error.strerror or error}. Make its folder writable or free space, or name another."
        ) from error
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _fill(folder: Path, pages: Mapping[str, bytes], shelf: Shelf, *, link: bool) -> None:
    for name, content in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for kept in shelf.editions:
        for file in kept.files:
            target = folder / edition_path(kept, file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _take(kept, file.path, target, link=link)


def _take(kept: KeptEdition, name: str, target: Path, *, link: bool) -> None:
    source = kept.folder / name
    if link:
        try:
            target.hardlink_to(source)
            return
        except OSError:  # another disk, or one without links
            pass
    shutil.copyfile(source, target)


def _exchange(temporary: Path, place: Path) -> None:
    """The new folder in place of the old; the old one comes back where that fails."""
    if not place.exists():
        (temporary / "new").rename(place)
        return
    place.rename(temporary / "old")
    try:
        (temporary / "new").rename(place)
    except OSError:
        (temporary / "old").rename(place)
        raise


def _remove_abandoned(place: Path) -> None:
    """Remove what runs that died left beside the site, once it is an hour old."""
    for path in place.parent.glob(f".unfinished-{place.name}-*"):
        if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(path, ignore_errors=True)

"""downloads.html and the folder data: every file with size and sha256, and all newest editions in one table."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping

import pandas as pd

from lma.publish.csv_package import write_csv
from lma.publish.markup import Html, element, escape_text
from lma.publish.site.country_pages import say_size
from lma.publish.site.frame import (
    Place,
    anchor,
    compose,
    country_name,
    edition_path,
    paragraph,
    section,
    table,
)
from lma.publish.site.reading import KeptEdition, LeftOut, Shelf

FILES = "data/files.csv"
PARQUET, CSV = "data/assessments.parquet", "data/assessments.csv.gz"
CATALOGUE = "catalogue.jsonld"
_NUMBERS = ("row_order", "column_order", "value", "decimals", "n_inputs")


def render_data(shelf: Shelf) -> dict[str, bytes]:
    """``data/files.csv``, and every cell of every newest edition as Parquet and compressed CSV, the edition named per row."""
    rows = [
        (kept.ref_area, kept.edition, edition_path(kept, one.path), str(one.n_bytes), one.sha256)
        for kept in shelf.editions
        for one in kept.files
    ]
    listed = write_csv(("ref_area", "edition", "path", "n_bytes", "sha256"), rows)
    cells = pd.concat([_all_cells(kept) for kept in shelf.newest], ignore_index=True)
    parquet = io.BytesIO()
    cells.to_parquet(parquet, index=False, compression="zstd")
    text = cells.to_csv(index=False, lineterminator="\n").encode("utf-8")
    return {FILES: listed, PARQUET: parquet.getvalue(), CSV: gzip.compress(text, compresslevel=6, mtime=0)}


def _all_cells(kept: KeptEdition) -> pd.DataFrame:
    """Every cell of one edition, its tables in order; numbers as numbers, everything else as text."""
    tables = [
        pd.read_csv(kept.folder / f"tables/{name}.csv", dtype=str, keep_default_na=False)
        for name in kept.table_titles
    ]
    cells = (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"ref_area": pd.Series(dtype=str)})
    )
    numbers = {
        name: pd.to_numeric(cells[name].replace("", None)).astype("Float64")
        for name in _NUMBERS
        if name in cells
    }
    cells = cells.assign(**numbers)
    cells.insert(0, "edition", kept.edition)
    return cells


def render(shelf: Shelf, data: Mapping[str, bytes], place: Place) -> bytes:
    """The page in one language."""
    words = place.words
    lead = words.say(
        "Every file of the newest editions with its size and sha256. Earlier editions are on the page of their country."
    )
    return compose(
        place,
        words.say("Downloads"),
        paragraph(lead, class_="lead"),
        section("all", words.say("All countries together"), _combined(data, place)),
        section(
            "editions",
            words.say("Newest editions"),
            *[_files(kept, place) for kept in _in_order(shelf, place)],
        ),
        _left_out(shelf.left_out, place),
    )


def _in_order(shelf: Shelf, place: Place) -> list[KeptEdition]:
    return sorted(shelf.newest, key=lambda kept: (country_name(place.words, kept).casefold(), kept.ref_area))


def _combined(data: Mapping[str, bytes], place: Place) -> Html:
    words = place.words
    said = {
        PARQUET: words.say("Every cell of the newest editions, Parquet"),
        CSV: words.say("Every cell of the newest editions, CSV, compressed"),
        FILES: words.say("List of every file of every edition, CSV"),
        CATALOGUE: words.say("Catalogue for machines (DCAT, JSON-LD)"),
    }
    rows = [
        _row(path, said.get(path, path), len(content), hashlib.sha256(content).hexdigest(), place)
        for path, content in data.items()
    ]
    return table(words.say("Files about all countries"), _header(place), rows)


def _header(place: Place) -> list[tuple[str, bool]]:
    words = place.words
    return [(words.say("File"), False), (words.say("Size"), True), ("sha256", False)]


def _row(path: str, said: str, n_bytes: int, digest: str, place: Place) -> tuple[Html, ...]:
    return (
        anchor(said, place.link(path)),
        escape_text(say_size(place.words, n_bytes)),
        element("code", escape_text(digest)),
    )


def _files(kept: KeptEdition, place: Place) -> Html:
    words = place.words
    title = words.say("{country}, edition {edition}", country=country_name(words, kept), edition=kept.edition)
    rows = [
        _row(edition_path(kept, one.path), one.path, one.n_bytes, one.sha256, place) for one in kept.files
    ]
    return element(
        "details",
        element("summary", element("h3", escape_text(title))),
        table(title, _header(place), rows),
        id=kept.ref_area,
    )


def _left_out(left_out: tuple[LeftOut, ...], place: Place) -> Html:
    """What lay among the editions and is not on the site, so that nobody takes its absence for a gap."""
    if not left_out:
        return Html("")
    words = place.words
    rows = [(escape_text(one.path), escape_text(one.reason)) for one in left_out]
    header = [(words.say("Place"), False), (words.say("Why"), False)]
    return section(
        "left-out", words.say("Left out"), table(words.say("What is not on this site, and why"), header, rows)
    )

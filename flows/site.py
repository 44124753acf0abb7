"""`lma site`: read the editions, compare each newest one with the one before it, write the site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows.earlier import describe_making
from flows.evaluate import read_edition
from flows.request import Step

if TYPE_CHECKING:
    import pandas as pd

    from lma.publish.site.changes import Change, Moved
    from lma.publish.site.reading import KeptEdition, Shelf

MOST_MOVED, MOST_OF_A_TABLE = 20, 4


def build_site(
    out: Path, editions: Path, console: Console, say: Step[Any, Any], *, link: bool = False
) -> None:
    """Write the site over all whole editions below ``editions``; what is left out is told."""
    from lma.publish.site import pages, writing
    from lma.publish.site.reading import read_shelf

    writing.check_target(out, editions)
    shelf = say(read_shelf)(editions)
    for one in shelf.left_out:
        console.print(f"left out: {editions / one.path}: {one.reason}", markup=False)
    compared = say(compare_editions)(shelf)
    content = say(pages.render)(shelf, compared)
    n_bytes = say(writing.write_site)(out, content, shelf, link=link)
    console.print(
        f"{out}: {len(shelf.countries)} countries, {len(shelf.editions)} editions, {len(content)} pages and data files in"
        f" {', '.join(shelf.languages)}; {n_bytes:,} bytes. Open {out / 'index.html'}",
        markup=False,
    )


def compare_editions(shelf: Shelf) -> dict[str, Change]:
    """Country -> what its newest edition changed, for the countries with two or more."""
    return {
        ref_area: compare_two(kept[1], kept[0]) for ref_area, kept in shelf.countries.items() if len(kept) > 1
    }


def compare_two(before: KeptEdition, after: KeptEdition) -> Change:
    """From one edition of a country to a later one: causes, counts and the numbers that moved most."""
    from lma.assessment.changelog import list_largest_changes
    from lma.assessment.compare import compare_cells
    from lma.publish.site.changes import Change

    # The change log speaks of another edition in each of the two.
    old, new = (
        cells[cells["table_id"] != "T13"]
        for cells in (read_edition(before.folder), read_edition(after.folder))
    )
    counts = {str(what): int(n) for what, n in compare_cells(old, new)["what"].value_counts().items()}
    moved = list_largest_changes(old, new)
    causes = tuple(list_causes(before, after, old, new))
    return Change(before.edition, after.edition, causes, counts, max(len(old), len(new)), tuple(_pick(moved)))


def _pick(moved: pd.DataFrame) -> Iterator[Moved]:
    """The numbers that moved most relative to what they were, a few of each table, so that no table fills the list."""
    from lma.publish.site.changes import Moved

    few = moved[moved["relative"].notna()].groupby("table_id", sort=False).head(MOST_OF_A_TABLE)
    ranked = few.sort_values("relative", key=lambda column: -column.abs(), kind="stable").head(MOST_MOVED)
    for row in ranked.to_dict("records"):
        decimals = int(row["decimals"]) if row["decimals"] == row["decimals"] else 0
        labels = (row["row_label"], row["column_label"])
        yield Moved(
            row["address"], *labels, row["value_before"], row["value"], decimals, str(row["unit_measure"])
        )


def list_causes(before: KeptEdition, after: KeptEdition, old: Any, new: Any) -> list[Any]:
    """Data, method, classification and the calendar, as the change log of an edition tells them."""
    from lma.assessment.changelog import describe_method, list_moved_sources, list_vintages
    from lma.publish.site.changes import Cause

    made = [
        describe_making(
            kept.edition,
            kept.record.get("run", {}).get("versions", {}),
            kept.record.get("run", {}).get("parameters", {}),
        )
        for kept in (before, after)
    ]
    moved = list_moved_sources(list_vintages(old), list_vintages(new))
    causes = [Cause("data", source_id, words) for source_id, words in moved.items()]
    if not causes:
        causes.append(Cause("data"))
    causes.append(Cause("method", "", describe_method(made[0].method, made[1].method)))
    same = made[0].classifications == made[1].classifications
    words = (
        "classifications and crosswalks are the same"
        if same
        else "classifications or crosswalks were changed"
    )
    causes.append(Cause("classification", "", words))
    if before.edition[:7] != after.edition[:7]:
        causes.append(Cause("calendar"))
    return causes

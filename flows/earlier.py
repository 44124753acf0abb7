"""The edition before this one, as it lies beside it: what the change log compares with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.evaluate import read_edition
from flows.request import RunRequest
from lma.publish.shelf import read_name

if TYPE_CHECKING:
    from lma.assessment.changelog import Comparison, Made
    from lma.contracts import Erratum
    from lma.migration.steps import EarlierRating

METHOD_PARAMETERS = ("horizon", "seed")


def compare_with_earlier(
    request: RunRequest, ref_area: str, versions: Mapping[str, str], name: str | None = None
) -> Comparison:
    """The newest edition before the one asked for, with how both were made.

    ``name``: of the edition, such as 2026-11.2, where it is not the month alone: then 2026-11 is before it.
    As of a date, an edition that knows of later vintages is passed over: it knows more than the run may.
    """
    from lma.assessment.changelog import Comparison
    from lma.publish.ledger import read_errata

    name = name or request.edition
    now = describe_making(name, versions, request.parameters())
    folder, passed_over = request.out / ref_area, 0
    errata = choose_errata(read_errata(folder), name, request.as_of)
    for earlier in list_earlier(folder, name):
        record = json.loads((earlier / "run.json").read_text(encoding="utf-8"))
        if request.as_of is not None and dt.date.fromisoformat(record["as_of"]) > request.as_of:
            passed_over += 1
            continue
        run = record["run"]
        cells = read_edition(earlier)
        before = describe_making(earlier.name, run["versions"], run["parameters"])
        kept = cells[cells["table_id"] != "T13"].reset_index(drop=True)
        return Comparison(now, before, kept, errata=errata)
    if passed_over:
        return Comparison(
            now, reason="every earlier edition beside this one knows of later vintages than this run may"
        )
    return Comparison(now)


def choose_errata(errata: Sequence[Erratum], edition: str, as_of: dt.date | None) -> tuple[Erratum, ...]:
    """Errata that an edition's change log tells: of editions before it, corrected by none before it.

    Which edition corrects them is left out: it may be recorded after this one is published, and the same inputs
    must find the edition they made. As of a date, what was recorded later is not known.
    """
    own = read_name(edition)

    def is_before(name: str) -> bool:
        other = read_name(name)
        return own is not None and other is not None and other < own

    return tuple(
        one
        for one in errata
        if is_before(one.edition)
        and not is_before(one.corrected_by)
        and (as_of is None or dt.date.fromisoformat(one.recorded_on) <= as_of)
    )


def read_earlier_ratings(request: RunRequest, ref_area: str, months: int) -> dict[str, list[EarlierRating]]:
    """Final ratings of the activities in the editions of earlier months, newest first, by activity.

    Of each month the last edition counts, and none is read before the first that lies ``months`` back. As of a date,
    editions that know of later vintages are passed over.
    """
    from lma.migration.steps import EarlierRating, count_months

    found: dict[str, list[EarlierRating]] = {}
    seen: set[str] = set()
    for folder in list_earlier(request.out / ref_area, request.edition):
        month, rated = folder.name[:7], folder / "tables" / "T3.csv"
        if month in seen or not rated.is_file() or knows_too_much(request, folder):
            continue
        seen.add(month)
        cells = pd.read_csv(rated, dtype=str, keep_default_na=False)
        final = cells[(cells["column_id"] == "final_rating") & (cells["text"] != "")]
        for activity, rating in zip(final["row_id"], final["text"], strict=True):
            found.setdefault(activity, []).append(EarlierRating(folder.name, rating))
        if count_months(folder.name, request.edition) >= months:
            break
    return found


def knows_too_much(request: RunRequest, folder: Path) -> bool:
    """True where an edition rests on later vintages than a run as of a date may see."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return request.as_of is not None and dt.date.fromisoformat(record["as_of"]) > request.as_of


def list_earlier(folder: Path, edition: str) -> list[Path]:
    """Editions in a country's folder that come before one, the newest first: 2026-11.2, 2026-11, 2026-10."""
    named = {path: read_name(path.name) for path in folder.glob("*") if (path / "run.json").is_file()}
    asked = read_name(edition)
    earlier = {path: name for path, name in named.items() if name is not None and asked and name < asked}
    return sorted(earlier, key=lambda path: earlier[path], reverse=True)


def describe_making(edition: str, versions: Mapping[str, str], parameters: Mapping[str, Any]) -> Made:
    """How an edition was made, from what its run.json says or will say."""
    from lma.assessment.changelog import Made

    kept = {name: str(value) for name, value in versions.items() if name not in ("code", "classifications")}
    chosen = {name: str(parameters.get(name)) for name in METHOD_PARAMETERS}
    return Made(edition, kept | chosen, str(versions.get("classifications")))

"""The edition before this one, as it lies beside it: what the change log compares with."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.evaluate import read_edition
from flows.request import RunRequest

if TYPE_CHECKING:
    from lma.assessment.changelog import Comparison, Made

METHOD_PARAMETERS = ("horizon", "seed", "scenario")


def compare_with_earlier(
    request: RunRequest, ref_area: str, versions: Mapping[str, str], name: str | None = None
) -> Comparison:
    """The newest edition before the one asked for, with how both were made.

    ``name``: of the edition, such as 2026-11.2, where it is not the month alone: then 2026-11 is before it.
    As of a date, an edition that knows of later vintages is passed over: it knows more than the run may.
    """
    from lma.assessment.changelog import Comparison

    name = name or request.edition
    now = describe_making(name, versions, request.parameters())
    folder, passed_over = request.out / ref_area, 0
    for earlier in list_earlier(folder, name):
        record = json.loads((earlier / "run.json").read_text(encoding="utf-8"))
        if request.as_of is not None and dt.date.fromisoformat(record["as_of"]) > request.as_of:
            passed_over += 1
            continue
        run = record["run"]
        cells = read_edition(earlier)
        before = describe_making(earlier.name, run["versions"], run["parameters"])
        return Comparison(now, before, cells[cells["table_id"] != "T13"].reset_index(drop=True))
    if passed_over:
        return Comparison(
            now, reason="every earlier edition beside this one knows of later vintages than this run may"
        )
    return Comparison(now)


def list_earlier(folder: Path, edition: str) -> list[Path]:
    """Editions in a country's folder that come before one, the newest first: 2026-11.2, 2026-11, 2026-10."""
    named = {path: _read_name(path.name) for path in folder.glob("*") if (path / "run.json").is_file()}
    asked = _read_name(edition)
    earlier = {path: name for path, name in named.items() if name is not None and asked and name < asked}
    return sorted(earlier, key=lambda path: earlier[path], reverse=True)


def _read_name(edition: str) -> tuple[str, int] | None:
    """Month and number of an edition; the first of a month has no number. None for another name."""
    match = re.fullmatch(r"(\d{4}-\d{2})(?:\.(\d+))?", edition)
    return (match[1], int(match[2] or 1)) if match else None


def describe_making(edition: str, versions: Mapping[str, str], parameters: Mapping[str, Any]) -> Made:
    """How an edition was made, from what its run.json says or will say."""
    from lma.assessment.changelog import Made

    kept = {name: str(value) for name, value in versions.items() if name not in ("code", "classifications")}
    chosen = {name: str(parameters.get(name)) for name in METHOD_PARAMETERS}
    return Made(edition, kept | chosen, str(versions.get("classifications")))

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


def compare_with_earlier(request: RunRequest, ref_area: str, versions: Mapping[str, str]) -> Comparison:
    """The last edition of an earlier month beside the one asked for, with how both were made.

    As of a date, an edition that knows of later vintages is passed over: it knows more than the run may.
    """
    from lma.assessment.changelog import Comparison

    now = describe_making(request.edition, versions, request.parameters())
    folder, passed_over = request.out / ref_area, 0
    for earlier in list_earlier(folder, request.edition):
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
    """Editions of earlier months in a country's folder, the newest first."""
    named = [(re.fullmatch(r"(\d{4}-\d{2})(?:\.(\d+))?", path.name), path) for path in folder.glob("*")]
    earlier = [
        (match[1], int(match[2] or 1), path)
        for match, path in named
        if match and match[1] < edition and (path / "run.json").is_file()
    ]
    return [path for _, _, path in sorted(earlier, reverse=True)]


def describe_making(edition: str, versions: Mapping[str, str], parameters: Mapping[str, Any]) -> Made:
    """How an edition was made, from what its run.json says or will say."""
    from lma.assessment.changelog import Made

    kept = {name: str(value) for name, value in versions.items() if name not in ("code", "classifications")}
    chosen = {name: str(parameters.get(name)) for name in METHOD_PARAMETERS}
    return Made(edition, kept | chosen, str(versions.get("classifications")))

"""Evidence of the country file: figures that no loaded source has, given and reviewed by the country's analysts.

Each is shown with its source and the date of its review wherever it decides something, and has no id, because no
publisher's row stands behind it. It decides nothing once it is out of date, and never enters a rating at home.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import pandas as pd

from lma.contracts import Country, Evidence, codelist, table_contract
from lma.migration.evidence import Figure, conform_frame, year_of


def keep_reviewed(country: Country, as_of: dt.date | None) -> Country:
    """The country with the evidence that had been reviewed by a date; all of it without one."""
    if as_of is None:
        return country
    known = [one for one in country.evidence if one.reviewed_on <= as_of]
    return country.model_copy(update={"evidence": known})


def select_current(evidence: Sequence[Evidence], as_of_year: int, max_age: float) -> list[Evidence]:
    """Evidence about no later year than that of the run and not out of date, newest first."""
    current = [one for one in evidence if 0 <= as_of_year - year_of(one.time_period) <= max_age]
    return sorted(current, key=lambda one: (one.time_period, str(one.reviewed_on), one.source), reverse=True)


def find_evidence(evidence: Sequence[Evidence], figure: str, economic_activity: str) -> Figure | None:
    """The first figure of that name about the activity as a number; ``None`` where none is given."""
    one = _find(evidence, figure, economic_activity)
    if one is None or one.value is None:
        return None
    return Figure(one.value, one.time_period, one.basis, (), describe_origin(one), one.low, one.high)


def find_code(evidence: Sequence[Evidence], figure: str, economic_activity: str) -> tuple[str, str] | None:
    """(code, where it comes from) of the first word of that name about the activity."""
    one = _find(evidence, figure, economic_activity)
    return (
        None if one is None or one.code is None else (one.code, f"{one.time_period}, {describe_origin(one)}")
    )


def _find(evidence: Sequence[Evidence], figure: str, economic_activity: str) -> Evidence | None:
    found = (one for one in evidence if one.figure == figure and one.economic_activity == economic_activity)
    return next(found, None)


def list_indicators(evidence: Iterable[Evidence], economic_activity: str) -> tuple[str, ...]:
    """Names of the figures about the activity that count as current indicators (those that serve D0)."""
    serving = codelist("evidence_figures").set_index("figure")["serves"]
    names = {
        one.figure
        for one in evidence
        if one.economic_activity == economic_activity and serving[one.figure] == "D0"
    }
    return tuple(sorted(f"{name} of the country file" for name in names))


def describe_origin(one: Evidence) -> str:
    """Where a figure of the country file comes from, in words."""
    return f"evidence of the country file: {one.source.rstrip('.')}, reviewed {one.reviewed_on}"


def rate_origins(
    evidence: Sequence[Evidence], shortages: pd.DataFrame, as_of_year: int, max_age: float
) -> pd.DataFrame:
    """Rows of marts.shortages that rate origins as the country file does, where ``shortages`` has no rating of its own.

    They open a corridor to judgement and are kept nowhere: only corridors read them.
    """
    own = shortages[(shortages["method"] == "rating") & (shortages["indicator"] == "_SCORE")]
    known = set(zip(own["ref_area"], own["economic_activity"], strict=True))
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for one in select_current(evidence, as_of_year, max_age):
        key = (one.counterpart_area, one.economic_activity)
        if one.figure == "ORIGIN_RATING" and key not in known:
            rows.setdefault(key, _build_rating(one))
    return conform_frame(list(rows.values()), table_contract("marts.shortages").column_names)


def _build_rating(one: Evidence) -> dict[str, object]:
    return {
        "shortage_id": f"S:rating:{one.counterpart_area}:{one.economic_activity}:country_file",
        "ref_area": one.counterpart_area,
        "economic_activity": one.economic_activity,
        "occupation": "_T",
        "method": "rating",
        "indicator": "_SCORE",
        "time_period": one.time_period,
        "rating": one.code,
        "basis": one.basis,
        "unit_measure": "CODE",
        "step": describe_origin(one),
        "inputs": [],
    }

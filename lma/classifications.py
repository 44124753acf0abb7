"""Areas and economic activities: names, hierarchies, and regrouping that conserves totals."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from lma.contracts import codelist
from lma.errors import ClassificationError, DefinitionError

Texts: TypeAlias = "pd.Series[Any]"

UNGROUPED = ("_T", "X")
"""The total, and activity not classified: they belong to no group and stay as they are."""

_TOLERANCE = 1e-9
_SHOWN = 5

# ---------------------------------------------------------------- areas


def areas() -> pd.DataFrame:
    """Codelist of areas: ``area`` (ISO 3166-1 alpha-3), ``m49``, ``label_en``."""
    return codelist("areas")


@functools.cache
def _area_index() -> dict[str, str]:
    table = areas()
    names = {
        str(label).casefold(): str(area) for area, label in zip(table["area"], table["label_en"], strict=True)
    }
    codes = {str(code): str(area) for area, code in zip(table["area"], table["m49"], strict=True) if code}
    return (
        names
        | codes
        | {code.lstrip("0"): area for code, area in codes.items()}
        | {a.casefold(): a for a in table["area"]}
    )


def find_area(text: str) -> str:
    """ISO 3166-1 alpha-3 code of a code (alpha-3 or M49, with or without zeros) or English name.

    Raises ``ClassificationError`` with the closest known name; nothing is matched approximately.
    """
    index = _area_index()
    key = " ".join(text.split()).casefold()
    if key not in index:
        close = difflib.get_close_matches(key, index, n=1, cutoff=0.5)
        hint = f"; closest known: {close[0]!r} ({index[close[0]]})" if close else ""
        raise ClassificationError(
            f"{text!r} is no area of codelists/areas.csv{hint}: use an ISO code or a listed name."
        )
    return index[key]


# ---------------------------------------------------------------- activities


@functools.cache
def _activities() -> dict[str, dict[str, str]]:
    """Codelist rows by code, in the order of the codelist."""
    table = codelist("economic_activities")
    return {str(row["code"]): {str(k): str(v) for k, v in row.items()} for row in table.to_dict("records")}


def _activity(code: str) -> dict[str, str]:
    """Codelist row of an activity."""
    if code not in _activities():
        close = difflib.get_close_matches(code, _activities(), n=1, cutoff=0.5)
        hint = f"; closest known: {close[0]!r}" if close else ""
        raise ClassificationError(f"{code!r} is no activity of codelists/economic_activities.csv{hint}.")
    return _activities()[code]


def activity_sections(code: str) -> tuple[str, ...]:
    """ISIC Rev. 4 sections of an activity, such as H and J for HJ; none for X and national groups."""
    return tuple(_activity(code)["sections"].split())


def activity_children(code: str) -> tuple[str, ...]:
    """Activities directly below a code, in the order of the codelist."""
    _activity(code)
    return tuple(child for child, row in _activities().items() if row["parent"] == code)


def activity_ancestors(code: str) -> tuple[str, ...]:
    """Activities above a code, nearest first, ending with ``_T``."""
    chain: list[str] = []
    above = _activity(code)["parent"]
    while above and above not in chain:
        chain.append(above)
        above = _activity(above)["parent"]
    return tuple(chain)


def find_group(code: str, classification: str) -> str:
    """Activity of ISIC4_14, ISIC4_7 or ISIC4_3 that holds a code; X and ``_T`` hold themselves."""
    if code in UNGROUPED:
        return code
    found = [
        group
        for group in (code, *activity_ancestors(code))
        if _activity(group)["classification"] == classification
    ]
    if not found:
        raise ClassificationError(
            f"{code!r} has no group in {classification!r}: codelists/economic_activities.csv has no "
            "parent of it there; leave the code out, or use a correspondence."
        )
    return found[0]


def group_activities(
    frame: pd.DataFrame, classification_to: str, value: str = "obs_value", *, allow_absent: bool = False
) -> pd.DataFrame:
    """Values summed to coarser activities; totals are conserved.

    ``frame`` has ``economic_activity``, ``value`` (additive: persons, money; not rates), and key columns
    that stay; X and ``_T`` stay as they are. A missing part makes its group missing. Raises
    ``ClassificationError`` where a group would count a section twice (two levels of detail under one key)
    or lacks one, which ``allow_absent`` permits.
    """
    codes = sorted(map(str, frame["economic_activity"].unique()))
    groups = {code: find_group(code, classification_to) for code in codes}
    sections = {
        code: 0 if code == "X" else len(activity_sections(code)) for code in {*codes, *groups.values()}
    }
    keys = [column for column in frame.columns if column not in (value, "economic_activity")]
    parts = frame.assign(
        economic_activity=frame["economic_activity"].map(groups),
        _found=frame["economic_activity"].map(sections),
    )
    by = [*keys, "economic_activity"]
    _check_sections(
        parts.groupby(by, sort=False, dropna=False)["_found"].sum(), sections, allow_absent=allow_absent
    )
    return _sum_strictly(parts, by, value).loc[:, list(frame.columns)]


def _check_sections(found: Texts, sections: dict[str, int], *, allow_absent: bool) -> None:
    """Raise where the parts of a group are not exactly its sections."""
    groups = found.index.get_level_values("economic_activity")
    surplus = found.to_numpy() - groups.map(sections).to_numpy()
    wrong = surplus > 0 if allow_absent else surplus != 0
    if wrong.any():
        shown = "; ".join(
            f"{' '.join(map(str, np.atleast_1d(key)))} {'counts' if more > 0 else 'lacks'} {abs(more)} "
            f"section(s){' twice' if more > 0 else ''}"
            for key, more in list(zip(found.index[wrong], surplus[wrong], strict=True))[:_SHOWN]
        )
        raise ClassificationError(
            f"{int(wrong.sum())} group(s) do not add up to their sections: {shown}. Keep one level of "
            "detail per key, complete."
        )


def _sum_strictly(parts: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Sum per group; missing where any part is missing."""
    groups = parts.groupby(list(by), sort=False, dropna=False)[value]
    return groups.sum().where(groups.count() == groups.size()).reset_index()


def convert(
    frame: pd.DataFrame,
    correspondence: pd.DataFrame,
    column: str = "economic_activity",
    value: str = "obs_value",
) -> pd.DataFrame:
    """Values carried to another classification by weights; totals are conserved to 1e-9.

    ``correspondence`` has ``source``, ``target``, ``weight``; the weights of one source code lie in 0..1
    and sum to one (``DefinitionError`` otherwise). ``frame`` has ``column``, ``value`` (additive) and key
    columns that stay. A missing part makes its target missing. A code the correspondence does not list
    is a ``ClassificationError``.
    """
    weights = correspondence.assign(weight=correspondence["weight"].astype(float))
    _check_weights(weights)
    strange = sorted(set(frame[column]) - set(weights["source"]))
    if strange:
        shown = ", ".join(map(repr, strange[:_SHOWN]))
        raise ClassificationError(
            f"{len(strange)} code(s) of {column} are not in the correspondence: {shown}. Add them with "
            "their weights."
        )
    keys = [name for name in frame.columns if name not in (column, value)]
    used = weights.loc[weights["weight"] > 0, ["source", "target", "weight"]]
    parts = frame.merge(
        used, left_on=column, right_on="source", how="left", suffixes=("", "_of_correspondence")
    )
    shares = parts.assign(**{value: parts[value].astype(float) * parts["weight"], column: parts["target"]})
    return _sum_strictly(shares, [*keys, column], value).loc[:, list(frame.columns)]


def _check_weights(weights: pd.DataFrame) -> None:
    outside = weights[~weights["weight"].between(0, 1)]
    if not outside.empty:
        first = outside.iloc[0]
        raise DefinitionError(
            f"the weight of {first['source']!r} to {first['target']!r} is {first['weight']:g}: weights "
            "lie between 0 and 1."
        )
    sums = weights.groupby("source")["weight"].sum()
    off = sums[~np.isclose(sums, 1.0, rtol=0, atol=_TOLERANCE)]
    if not off.empty:
        shown = ", ".join(f"{code!r} ({total:.9g})" for code, total in off.head(_SHOWN).items())
        raise DefinitionError(
            f"the weights of {len(off)} source code(s) do not sum to one: {shown}. Correct the "
            "correspondence, or the total is lost."
        )

"""Areas and economic activities: names, hierarchies, and regrouping that conserves totals."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import codelist, crosswalk
from lma.errors import ClassificationError, DefinitionError, InputError, UsageError

Texts: TypeAlias = "pd.Series[Any]"

UNGROUPED = ("_T", "X")
"""The total, and activity not classified: they belong to no group and stay as they are."""

_TOLERANCE = 1e-9
_SHOWN = 5

# ---------------------------------------------------------------- areas


def areas() -> pd.DataFrame:
    """Codelist of areas: ``area`` (ISO 3166-1 alpha-3, or parts of countries), ``m49``, ``label_en``, ``parent``."""
    return codelist("areas")


@functools.cache
def _area_codes() -> pd.DataFrame:
    systems, special = codelist("area_systems"), codelist("area_special")
    parts = [
        _read_area_crosswalk(name).assign(system=system)
        for system, names in zip(systems["system"], systems["crosswalks"], strict=True)
        for name in names.split()
    ]
    own = areas().rename(columns={"area": "code"})[["code"]]
    parts.append(own.assign(area=own["code"], system="ISO3"))
    known = pd.concat(parts).drop_duplicates(["system", "code"])
    merged = known.merge(special.drop_duplicates(["system", "code"]), on=["system", "code"], how="outer")
    merged = merged.fillna("")
    is_plain = merged["kind"].isin(["", "country"]) & (merged["area"] != "")
    renamed = merged["area"].where(merged["kind"] != "renamed", merged["members"])
    return merged.assign(area=renamed, kind=merged["kind"].mask(is_plain, "country"))[list(AREA_COLUMNS)]


def _read_area_crosswalk(name: str) -> pd.DataFrame:
    """``code`` and ``area`` of one publisher's crosswalk; totals and other words of a table are left out."""
    table = crosswalk(name)
    concept = "counterpart_area" if "counterpart_area" in table.columns else "ref_area"
    pairs = table[["published", concept]].set_axis(["code", "area"], axis="columns")
    return pairs[~pairs["area"].isin(ANY_REVISION)]


AREA_COLUMNS = ("system", "code", "area", "kind", "members", "valid_from", "valid_to", "note")


def area_codes() -> pd.DataFrame:
    """Every code and name of an area that a publisher uses: one row per system and code, ``AREA_COLUMNS``.

    ``kind``: country; renamed (``area`` is its present code); aggregate, historic and unresolved have no
    ``area`` but, where known, ``members``. ``valid_from`` and ``valid_to``: years, where known. Composed of
    the crosswalks of the systems (codelists/area_systems.csv) and codelists/area_special.csv.
    """
    return _area_codes().copy()


def list_unresolved_areas(crosswalks: Sequence[str] | None = None) -> pd.DataFrame:
    """Areas that publishers count and that nobody has attributed to a country: rows of ``area_codes``.

    ``crosswalks``: only those of the systems that these crosswalks belong to; None for all.
    """
    unresolved = _area_codes()[_area_codes()["kind"] == "unresolved"]
    if crosswalks is None:
        return unresolved.reset_index(drop=True)
    systems = codelist("area_systems")
    used = [bool(set(names.split()) & set(crosswalks)) for names in systems["crosswalks"]]
    return unresolved[unresolved["system"].isin(systems.loc[used, "system"])].reset_index(drop=True)


def check_corridor_areas(ref_area: str, partners: Sequence[str]) -> None:
    """Refuse to assess a country where it, or a corridor country, is on the unresolved list.

    ``ClassificationError`` names the entries: figures of the country may be hidden in them.
    """
    corridor = {ref_area, *partners}
    unresolved = list_unresolved_areas()
    hit = unresolved[[bool(corridor & set(members.split())) for members in unresolved["members"]]]
    if len(hit):
        shown = "; ".join(
            f"{row['code']!r} of {row['system']} (may hold {' '.join(sorted(corridor & set(row['members'].split())))})"
            for _, row in hit.head(_SHOWN).iterrows()
        )
        raise ClassificationError(
            f"{ref_area}: {len(hit)} area(s) of its corridors are unresolved in codelists/area_special.csv: {shown}. "
            "Decide there what each is (aggregate, historic, renamed), or take the partner out of "
            f"data_contracts/countries/{ref_area}.yaml."
        )


# ---------------------------------------------------------------- revisions

Concept: TypeAlias = Literal["activity", "occupation", "status"]
ANY_REVISION = ("_T", "_Z", "_X")
"""Total, not applicable, not stated: they belong to no classification."""


@dataclass(frozen=True)
class Classification:
    """One revision of one classification: what its codes look like, and which groupings it may carry.

    ``codes``: codes of codelists/economic_activities.csv that are valid beside those of ``pattern``.
    """

    name: str
    label: str
    pattern: str
    codes: frozenset[str]

    def allows(self, code: str) -> bool:
        """Whether the code exists in this revision."""
        return code in self.codes or bool(self.pattern and re.fullmatch(self.pattern, code))


@functools.cache
def classifications(concept: Concept) -> dict[str, Classification]:
    """Registered revisions of activities, occupations or status in employment, by name, oldest ISIC first."""
    table, groups = codelist("classifications"), codelist("economic_activities")
    found = {}
    for row in table[table["concept"] == concept].to_dict("records"):
        own = {row["classification"], *row["groupings"].split()} if concept == "activity" else set()
        codes = frozenset(groups.loc[groups["classification"].isin(own), "code"])
        name = row["classification"]
        found[name] = Classification(name, row["label_en"], row["pattern"], codes)
    return found


def find_revisions(code: str, concept: Concept = "activity") -> tuple[str, ...]:
    """Names of the registered revisions in which a code would be possible."""
    return tuple(name for name, revision in classifications(concept).items() if revision.allows(code))


def check_codes(codes: Texts, revisions: Texts, rows: Texts, concept: Concept, where: str) -> None:
    """Refuse codes that are impossible in the revision their source declares; nothing is guessed.

    Series of one length: the codes, the declared revisions, the rows of the file. ``ClassificationError``
    names value, row and revision, and the revisions in which the value would be possible.
    """
    pairs = pd.DataFrame({"code": codes.to_numpy(), "revision": revisions.to_numpy(), "row": rows.to_numpy()})
    distinct = pairs.drop_duplicates(["code", "revision"])
    wrong = distinct[~_are_possible(distinct, concept)]
    if wrong.empty:
        return
    shown = "; ".join(
        _describe_impossible(code, revision, row, concept)
        for code, revision, row in wrong.head(_SHOWN)[["code", "revision", "row"]].itertuples(index=False)
    )
    raise ClassificationError(
        f"{where}: {len(wrong)} {concept} code(s) are impossible in the revision the source declares: {shown}. "
        "Declare the publisher's own revision in the source, or correct the crosswalk "
        "(codelists/classifications.csv lists the revisions)."
    )


def _are_possible(distinct: pd.DataFrame, concept: Concept) -> npt.NDArray[np.bool_]:
    known = classifications(concept)
    possible = [
        code in ANY_REVISION or (revision in known and known[revision].allows(code))
        for code, revision in zip(distinct["code"], distinct["revision"], strict=True)
    ]
    return np.array(possible, dtype=bool)


def _describe_impossible(code: str, revision: str, row: object, concept: Concept) -> str:
    if revision not in classifications(concept):
        known = ", ".join(classifications(concept))
        return (
            f"{code!r} (row {row}) under {revision!r}, which is no registered revision (registered: {known})"
        )
    elsewhere = [name for name in find_revisions(code, concept) if name != "NATIONAL"]
    close = difflib.get_close_matches(code, classifications(concept)[revision].codes, n=1, cutoff=0.5)
    hint = f"closest known: {close[0]!r}" if close else "in no registered revision"
    possible = f"possible in {', '.join(elsewhere)}" if elsewhere else hint
    return f"{code!r} (row {row}) in {revision}; {possible}"


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

    For figures that come finer than a question asks; no step of a run asks for them yet.

    ``frame`` has ``economic_activity``, ``value`` (additive: persons, money; not rates), and key columns
    that stay; X and ``_T`` stay as they are. A missing part makes its group missing. Raises
    ``ClassificationError`` where a group would count a section twice (two levels of detail under one key)
    or lacks one, which ``allow_absent`` permits.
    """
    _require_sections_of_isic4(frame)
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


def _require_sections_of_isic4(frame: pd.DataFrame) -> None:
    """Refuse to group letters of another revision, in which the same letter is another activity."""
    declared = set(frame["activity_revision"]) if "activity_revision" in frame.columns else set()
    strange = sorted(map(str, declared - {"ISIC4", "NACE2", "_Z"}))
    if strange:
        raise ClassificationError(
            f"activities of {', '.join(strange)} cannot be grouped by the hierarchy of ISIC Rev. 4: convert them "
            "first (convert_revision), because the same letter means another activity."
        )


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


@dataclass(frozen=True)
class Correspondence:
    """One table of codelists/correspondences: ``weights`` has source, target, weight, weight_basis, note."""

    name: str
    source: str
    target: str
    concept: str
    weights: pd.DataFrame
    citation: str

    @property
    def step(self) -> str:
        """How a figure was converted, in words for its reader."""
        assumed = (self.weights["weight_basis"] != "exact").any()
        return f"converted from {self.source} by {self.name}, {'weights assumed' if assumed else 'exact'}"


def correspondence_names() -> tuple[str, ...]:
    """Names of the correspondences that ship."""
    return tuple(codelist("correspondences")["table"])


@functools.cache
def correspondence(name: str) -> Correspondence:
    """One correspondence by name, such as isic3_isic4; ``UsageError`` lists those that exist."""
    register = codelist("correspondences").set_index("table")
    if name not in register.index:
        raise UsageError(
            f"there is no correspondence {name!r}: codelists/correspondences.csv has {', '.join(register.index)}."
        )
    row = {str(key): str(text) for key, text in register.loc[name].items()}
    weights = codelist(f"correspondences/{name}")
    _check_weights(weights.assign(weight=weights["weight"].astype(float)))
    return Correspondence(
        name, row["classification_from"], row["classification_to"], row["concept"], weights, row["citation"]
    )


REVISION_COLUMNS = {"economic_activity": "activity_revision", "occupation": "occupation_revision"}


def convert_revision(frame: pd.DataFrame, name: str, value: str = "obs_value") -> pd.DataFrame:
    """Additive figures carried to another revision by a shipped correspondence, and marked as such.

    ``frame`` has the concept of the correspondence with its revision column, ``value`` and key columns. The
    result bears the target's revision (totals none) and a column ``step`` that says what was done. Totals
    are conserved to 1e-9; a missing part makes its target missing. ``ClassificationError`` where a row
    declares another revision than the correspondence starts from.
    """
    table = correspondence(name)
    revision = REVISION_COLUMNS[table.concept]
    absent = sorted({table.concept, revision, value} - set(frame.columns))
    if absent:
        raise InputError(
            f"the table has no column {', '.join(absent)}; its columns are {', '.join(map(str, frame.columns))}. "
            f"{name} needs the codes, the revision they are in (it is declared, never guessed) and the figures."
        )
    if not pd.api.types.is_numeric_dtype(frame[value]):
        raise InputError(f"the column {value} holds text beside figures: leave cells without a figure empty.")
    strange = sorted(set(frame[revision]) - {table.source, "_Z"})
    if strange:
        raise ClassificationError(
            f"{name} converts {table.source}, the figures declare {', '.join(strange)}: choose the "
            f"correspondence of their own revision ({', '.join(correspondence_names())})."
        )
    converted = convert(frame.drop(columns=revision), table.weights, table.concept, value)
    is_total = converted[table.concept].isin(ANY_REVISION)
    return converted.assign(
        **{revision: np.where(is_total, "_Z", table.target), "step": np.where(is_total, "", table.step)}
    )


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

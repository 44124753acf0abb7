"""Whether the published figures of one country fit together, and how far two sources differ for one cell.

Every check compares two numbers that an identity ties: parts and their total, a part and the whole it lies in.
What fails is a finding for the quality tables, never a stop. Tolerances: data_contracts/rules/coherence.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from lma.contracts import RuleSet, codelist

DIMENSIONS = (
    "ref_area", "counterpart_area", "freq", "indicator", "sex", "age", "economic_activity", "activity_revision", "occupation",
    "occupation_revision", "citizenship", "unit_measure", "time_period", "basis_kind",
)  # fmt: skip
ADDITIVE = ("EMP", "EMPLOYEES", "LF", "POP", "MIG_STOCK", "VA")
"""Indicators whose parts add up; chained volumes and rates do not."""
OPTIONAL_GROUPS = ("X", "MAN_MEL")
"""Activities of a classification without which its set is complete: not known, and one that joins two others."""
COMPARED_COLUMNS = (
    "check_id",
    *DIMENSIONS,
    "value",
    "expected",
    "deviation",
    "fails",
    "is_comparable",
    "ids",
)
WITHIN = ("labour_force_population", "migrants_population", "foreign_workers")
"""Checks of a part within its whole: it may lie anywhere below."""
CHECKS = {
    "sectors": "Activities against their total",
    "sexes": "Men and women against both",
    "ages": "Age bands against all ages",
    "labour_force": "Employed and unemployed against the labour force",
    "labour_force_population": "Labour force within the population",
    "migrants_population": "Migrant stock within the population",
    "foreign_workers": "Foreign workers within all workers",
    "shares": "Shares of the broad sectors against 100",
}


def compare_figures(observations: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Every comparison that the figures of one country allow, in the columns COMPARED_COLUMNS.

    ``observations``: rows of marts.observations, projections left out here. ``deviation``: per cent of the
    expected figure (points for shares), above zero where the parts or the part are too large; ``fails``:
    beyond the tolerance, to either side for a sum, above only for a part within a whole. ``is_comparable``: the
    figures are of one source and vintage, or of several sources whose vintages lie no further apart than the rule
    ``vintage_gap`` allows; what is not comparable never fails.
    """
    figures = observations[observations["obs_value"].notna() & (observations["basis"] != "projection")]
    makers: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "sectors": _sum_sectors, "sexes": _sum_sexes, "ages": _sum_ages, "labour_force": _employed_of_the_rate,
        "labour_force_population": _force_in_population, "migrants_population": _migrants_in_population,
        "foreign_workers": _foreign_in_all, "shares": _sum_shares,
    }  # fmt: skip
    compared = [_judge(check, make(figures), rules) for check, make in makers.items()]
    filled = [frame for frame in compared if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(COMPARED_COLUMNS))


def _judge(check: str, pairs: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Deviation and verdict of pairs with the columns value, expected, days_apart (of their vintages) and ids."""
    if pairs.empty:
        return pd.DataFrame(columns=list(COMPARED_COLUMNS))
    deviation = 100 * (pairs["value"] / pairs["expected"] - 1)
    beyond = deviation if check in WITHIN else deviation.abs()
    is_comparable = pairs["days_apart"] <= rules.threshold("vintage_gap")
    fails = (beyond > rules.threshold(check) + 1e-9) & is_comparable
    judged = pairs.assign(check_id=check, deviation=deviation, fails=fails, is_comparable=is_comparable)
    return judged[list(COMPARED_COLUMNS)]


def _sum_within_vintages(
    figures: pd.DataFrame, total: Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame]
) -> pd.DataFrame:
    """Totals of sets inside each vintage of a source, then those of sets that no vintage has whole.

    ``total``: figures and the dimensions of one set -> rows with ``set_id``. A set whose parts stand in several
    vintages of the source cannot be compared: its ``days_apart`` is without end.
    """
    within = total(figures, (*DIMENSIONS, "source_id", "as_of"))
    latest = figures.sort_values("as_of", kind="stable").drop_duplicates(
        [*DIMENSIONS, "source_id"], keep="last"
    )
    across = total(latest, (*DIMENSIONS, "source_id"))
    keys = [*DIMENSIONS, "source_id", "set_id"]
    apart = across[~pd.MultiIndex.from_frame(across[keys]).isin(pd.MultiIndex.from_frame(within[keys]))]
    both = [frame for frame in (within.assign(days_apart=0.0), apart.assign(days_apart=np.inf)) if len(frame)]
    return pd.concat(both, ignore_index=True) if both else within.assign(days_apart=0.0)


def _sum_parts(
    figures: pd.DataFrame, over: str, sets: Sequence[tuple[Sequence[str], Sequence[str]]]
) -> pd.DataFrame:
    """Sums of complete sets of parts beside the total of the same cell; ``over``: the dimension that is summed.

    ``sets``: codes that must all be there, and codes added where they are. Parts and total come from the same
    source and vintage: what two sources say of one cell is a conflict, not an incoherence.
    """
    loose = {over, "activity_revision"} if over == "economic_activity" else {over}

    def total(chosen: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        keys = [name for name in names if name not in loose]
        rows = chosen.assign(cell=chosen.groupby(keys, sort=False, dropna=False).ngroup())
        totals = rows[(rows[over] == "_T") & (rows["obs_value"] > 0)].drop_duplicates("cell")
        rows = rows[rows["cell"].isin(totals["cell"])]
        found = [
            _sum_set(rows, totals, over, needed, added).assign(set_id=n)
            for n, (needed, added) in enumerate(sets)
        ]
        return pd.concat(found, ignore_index=True)

    return _sum_within_vintages(figures, total)


def _sum_set(
    rows: pd.DataFrame, totals: pd.DataFrame, over: str, needed: Sequence[str], added: Sequence[str]
) -> pd.DataFrame:
    parts = rows[rows[over].isin([*needed, *added])]
    counted = parts[over].isin(needed).groupby(parts["cell"]).sum()
    complete = parts[parts["cell"].isin(counted.index[counted == len(needed)])]
    sums = complete.groupby("cell").agg(value=("obs_value", "sum"), part_ids=("observation_id", list))
    both = totals.merge(sums, left_on="cell", right_index=True)
    ids = _ids(
        both, [[one, *rest] for one, rest in zip(both["observation_id"], both["part_ids"], strict=True)]
    )
    return both.assign(expected=both["obs_value"], ids=ids)


def _ids(rows: pd.DataFrame, ids: Iterable[Iterable[str]]) -> pd.Series[Any]:
    """Lists of ids as a column of these rows."""
    return pd.Series([list(found) for found in ids], index=rows.index, dtype=object)


def _additive(figures: pd.DataFrame) -> pd.DataFrame:
    return figures[figures["indicator"].isin(ADDITIVE)]


def _sum_sectors(figures: pd.DataFrame) -> pd.DataFrame:
    """Complete sets of activities of each grouping against the total."""
    sets = [
        ([code for code in codes if code not in OPTIONAL_GROUPS], [code for code in codes if code == "X"])
        for codes in _activity_sets().values()
    ]
    return _sum_parts(_additive(figures), "economic_activity", sets)


@cache
def _activity_sets() -> dict[str, tuple[str, ...]]:
    """Groupings whose activities cover the economy once."""
    listed = codelist("economic_activities")
    names = ("ISIC4_14", "ISIC4_7", "ISIC4_3", "ETD12")
    return {name: tuple(listed.loc[listed["classification"] == name, "code"]) for name in names}


def _sum_sexes(figures: pd.DataFrame) -> pd.DataFrame:
    return _sum_parts(_additive(figures), "sex", [(["M", "F"], [])])


def _sum_ages(figures: pd.DataFrame) -> pd.DataFrame:
    """Five-year bands up to an open one, without a gap, against all ages of the indicator."""
    additive = _additive(figures)
    is_of_all = additive["indicator"].isin(["POP", "MIG_STOCK"])
    found = [
        _sum_parts(own, "age", [(_age_bands(first, last), []) for last in range(60, 105, 5)])
        for first, own in ((0, additive[is_of_all]), (15, additive[~is_of_all]))
    ]
    return pd.concat(found, ignore_index=True)


def _age_bands(first: int, last: int) -> list[str]:
    return [f"Y{age}T{age + 4}" for age in range(first, last, 5)] + [f"Y_GE{last}"]


def _join(
    left: pd.DataFrame, right: pd.DataFrame, keys: Sequence[str] = ("time_period", "sex", "basis_kind")
) -> pd.DataFrame:
    """Pairs of two annual figures of the whole country; the left one first among the ids."""
    columns = [*keys, "obs_value", "observation_id", "source_id", "as_of"]
    both = left.merge(right[columns], on=list(keys), suffixes=("", "_other"))
    ids = _ids(both, zip(both["observation_id"], both["observation_id_other"], strict=True))
    days = _days_apart(both, ("", "_other"))
    return both.assign(value=both["obs_value"], expected=both["obs_value_other"], ids=ids, days_apart=days)


def _days_apart(rows: pd.DataFrame, sides: Sequence[str]) -> pd.Series[Any]:
    """Days between the oldest and the newest vintage of the figures of each row; without end between two of one source."""
    days = pd.Series(0.0, index=rows.index)
    for one, other in combinations(sides, 2):
        gap = pd.to_datetime(rows[f"as_of{one}"]) - pd.to_datetime(rows[f"as_of{other}"])
        is_one_source = rows[f"source_id{one}"] == rows[f"source_id{other}"]
        apart = gap.dt.days.abs().astype(float)
        apart = apart.mask(is_one_source & (apart > 0), np.inf)
        days = days.where(days >= apart, apart)
    return days


def _national(figures: pd.DataFrame, indicator: str) -> pd.DataFrame:
    """Annual figures of one indicator, all ages and activities, no partner country singled out."""
    return figures[
        (figures["indicator"] == indicator)
        & (figures["freq"] == "A")
        & (figures["age"] == "_T")
        & (figures["economic_activity"] == "_T")
        & (figures["occupation"] == "_T")
        & (figures["citizenship"] == "_T")
        & figures["counterpart_area"].isin(["_T", "_Z"])
    ]


def _employed_of_the_rate(figures: pd.DataFrame) -> pd.DataFrame:
    force, employed, rate = (_national(figures, indicator) for indicator in ("LF", "EMP", "UNE_RT"))
    both = _join(employed, force)
    joined = both.merge(
        rate[["time_period", "sex", "basis_kind", "obs_value", "observation_id", "source_id", "as_of"]],
        on=["time_period", "sex", "basis_kind"], suffixes=("", "_rate"),
    )  # fmt: skip
    unemployed = joined["expected"] * joined["obs_value_rate"] / 100
    ids = _ids(
        joined, ([*pair, one] for pair, one in zip(joined["ids"], joined["observation_id_rate"], strict=True))
    )
    days = _days_apart(joined, ("", "_other", "_rate"))
    return joined.assign(value=joined["value"] + unemployed, ids=ids, days_apart=days)


def _force_in_population(figures: pd.DataFrame) -> pd.DataFrame:
    return _join(_national(figures, "LF"), _national(figures, "POP"))


def _migrants_in_population(figures: pd.DataFrame) -> pd.DataFrame:
    return _join(_national(figures, "MIG_STOCK"), _national(figures, "POP"), ("time_period", "sex"))


def _foreign_in_all(figures: pd.DataFrame) -> pd.DataFrame:
    """Foreign workers against all of the same activity, period and source."""
    return _sum_parts(
        figures[figures["indicator"].isin(["EMP", "EMPLOYEES"])], "citizenship", [(["FOR"], [])]
    )


def _sum_shares(figures: pd.DataFrame) -> pd.DataFrame:
    broad = _activity_sets()["ISIC4_3"]
    parts = figures[(figures["indicator"] == "EMP_SHARE") & figures["economic_activity"].isin(broad)]

    def total(chosen: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        keys = [name for name in names if name != "economic_activity"]
        sums = chosen.groupby(keys, sort=True).agg(
            value=("obs_value", "sum"), n=("obs_value", "size"), ids=("observation_id", list)
        )
        complete: pd.DataFrame = sums[sums["n"] == len(broad)].reset_index()
        return complete.assign(expected=100.0, economic_activity="_T", set_id=0)

    return _sum_within_vintages(parts, total)


# ---------------------------------------------------------------- two sources for one cell


CONFLICT_COLUMNS = (
    "ref_area", "counterpart_area", "freq", "indicator", "sex", "age", "economic_activity", "activity_revision", "occupation",
    "occupation_revision", "citizenship", "unit_measure", "time_period", "source_id", "as_of", "basis", "obs_value",
    "other_source_id", "other_as_of", "other_basis", "other_value", "difference", "relative_difference", "observation_id",
    "other_observation_id", "snapshot_sha", "other_snapshot_sha",
)  # fmt: skip
_CELL = CONFLICT_COLUMNS[: CONFLICT_COLUMNS.index("source_id")]
PAIR = ("source_id", "other_source_id", "indicator", "is_mixed")
"""``is_mixed``: a reported figure beside a modelled one; the two are of different kinds and no conflict."""
_SUMMARY = [
    *PAIR,
    "n_cells",
    "n_beyond",
    "median",
    "largest",
    "cell",
    "time_period",
    "observation_id",
    "other_observation_id",
]


def summarise_conflicts(conflicts: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """One row per pair of sources and indicator, the widest median first.

    ``conflicts``: rows of warehouse/source_conflicts.sql. Columns: PAIR, ``n_cells``, ``n_beyond`` (differing
    by more than ``tolerance``, per cent), ``median`` and ``largest`` (per cent, absolute), and the largest example:
    ``cell`` in words and the columns of the query.
    """
    measured = conflicts[conflicts["relative_difference"].notna()]
    if measured.empty:
        return pd.DataFrame(columns=_SUMMARY)
    size = measured["relative_difference"].abs()
    sized = measured.assign(size=size, is_beyond=size > tolerance)
    sized = sized.assign(is_mixed=_is_mixed(sized))
    ordered = sized.sort_values(["size", "time_period"], ascending=False, kind="stable")
    groups = ordered.groupby(list(PAIR), sort=False)
    largest = groups.head(1).set_index(list(PAIR))
    found = groups.agg(
        n_cells=("size", "size"),
        n_beyond=("is_beyond", "sum"),
        median=("size", "median"),
        largest=("size", "max"),
    ).join(largest.drop(columns=["size", "is_beyond"]))
    found = found.reset_index().sort_values(
        ["median", *PAIR], ascending=[False, True, True, True, True], kind="stable"
    )
    cells = [describe_cell(row) for row in found.to_dict("records")]
    return pd.DataFrame(found).assign(cell=cells).reset_index(drop=True)


def _is_mixed(conflicts: pd.DataFrame) -> pd.Series[bool]:
    modelled = "modelled_estimate"
    return (conflicts["basis"] == modelled) != (conflicts["other_basis"] == modelled)


def count_cells(conflicts: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Distinct cells with figures of two sources, not pairs: one row per ``is_mixed`` with ``n_cells`` and ``n_beyond``.

    A pair of sources whose every difference is zero is one source and its copy, no second source: it is left
    out. ``ids``: figures of the cell that differs most.
    """
    measured = conflicts[conflicts["relative_difference"].notna()]
    sized = measured.assign(is_mixed=_is_mixed(measured), size=measured["relative_difference"].abs())
    told_apart = sized.groupby(list(PAIR))["size"].transform("max") > 0
    sized = sized[told_apart].sort_values("size", ascending=False, kind="stable")
    widest = sized.drop_duplicates([*_CELL, "is_mixed"])
    return pd.DataFrame(
        [
            {
                "is_mixed": bool(is_mixed), "n_cells": len(rows), "n_beyond": int((rows["size"] > tolerance).sum()),
                "ids": [rows["observation_id"].iloc[0], rows["other_observation_id"].iloc[0]],
            }
            for is_mixed, rows in widest.groupby("is_mixed", sort=True)
        ],
        columns=["is_mixed", "n_cells", "n_beyond", "ids"],
    )  # fmt: skip


def describe_cell(row: Mapping[Any, Any]) -> str:
    """What a figure is of, in words, dimensions that say nothing left out: Employment, Manufacturing, women, 2023."""
    said = [
        word.format(_labels(name).get(str(row[concept]), str(row[concept])))
        for concept, name, word in _WORDS
        if row.get(concept) is not None and row[concept] == row[concept] and row[concept] not in ("_T", "_Z")
    ]
    foreign = {"FOR": ["foreign citizens"], "NAT": ["nationals"]}.get(str(row.get("citizenship")), [])
    return ", ".join([*said[:1], *[word[0].lower() + word[1:] if word in ("Men", "Women") else word for word in said[1:]],
                      *foreign, str(row["time_period"])])  # fmt: skip


_WORDS = (
    ("indicator", "indicators", "{}"), ("economic_activity", "economic_activities", "{}"), ("occupation", "", "occupation {}"),
    ("sex", "sexes", "{}"), ("age", "ages", "aged {}"), ("counterpart_area", "areas", "partner {}"),
)  # fmt: skip
"""Concept, codelist with its labels, and how the label is said."""


@cache
def _labels(name: str) -> dict[str, str]:
    """Code -> label of one codelist, whose first column is the code; of none, nothing."""
    if not name:
        return {}
    listed = codelist(name)
    return dict(zip(listed[listed.columns[0]], listed["label_en"], strict=True))


def months_since(period: str, edition: str) -> int:
    """Whole months from the end of an SDMX period (2025, 2025-Q3, 2025-09) to the month of the edition (YYYY-MM)."""
    year, rest = int(period[:4]), period[5:]
    quarter = re.fullmatch(r"Q([1-4])", rest)
    month = 3 * int(quarter[1]) if quarter else int(rest or 12)
    return 12 * (int(edition[:4]) - year) + int(edition[5:7]) - month

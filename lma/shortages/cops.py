"""COPS-style rules (Canada): openings against seekers, and the recent condition moved by the projected gap.

COPS says in words (occupations.esdc.gc.ca, 2024 to 2033) that openings well above seekers point to a shortage, well
below to a surplus, and that an opposite recent condition turns this into balance. Its numeric cuts are not public.
The matrix of three by three is an interpretation of these words. The movement over five grades is this project's
reading of the published calls; its cuts were fitted to them (rules/cops.yaml, docs/published-ratings.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import RuleSet
from lma.shortages.figures import Verdict, lay_out_rows, show_figures, spread_values

Array = npt.NDArray[np.float64]

#: (recent condition, projected condition) -> both together; the cells are interpreted, not published.
COPS_MATRIX = {
    ("SHORTAGE", "SEVERE"): "SEVERE",
    ("SHORTAGE", "SHORTAGE"): "SHORTAGE",
    ("SHORTAGE", "WATCH"): "WATCH",
    ("SHORTAGE", "BALANCE"): "WATCH",
    ("SHORTAGE", "SURPLUS"): "BALANCE",
    ("BALANCE", "SEVERE"): "SHORTAGE",
    ("BALANCE", "SHORTAGE"): "SHORTAGE",
    ("BALANCE", "WATCH"): "WATCH",
    ("BALANCE", "BALANCE"): "BALANCE",
    ("BALANCE", "SURPLUS"): "SURPLUS",
    ("SURPLUS", "SEVERE"): "BALANCE",
    ("SURPLUS", "SHORTAGE"): "BALANCE",
    ("SURPLUS", "WATCH"): "BALANCE",
    ("SURPLUS", "BALANCE"): "BALANCE",
    ("SURPLUS", "SURPLUS"): "SURPLUS",
}
#: Rating of the present -> the row of the matrix it stands in.
MATRIX_ROW = {
    "SEVERE": "SHORTAGE",
    "SHORTAGE": "SHORTAGE",
    "WATCH": "BALANCE",
    "BALANCE": "BALANCE",
    "NONE": "BALANCE",
    "SURPLUS": "SURPLUS",
}
#: Grade from strong surplus to strong shortage -> rating of marts.shortages, which knows one surplus.
GRADE_RATING = {-2: "SURPLUS", -1: "SURPLUS", 0: "BALANCE", 1: "SHORTAGE", 2: "SEVERE"}
SEEKER_PARTS = ("SEEKERS_SCHOOL_SUM", "SEEKERS_IMMIGRANT_SUM", "SEEKERS_OTHER_SUM")


@dataclass(frozen=True)
class Cuts:
    """Gaps in per cent of base employment from which a recent condition moves by a grade.

    ``emerging`` and ``strong``: out of balance, by one and by two grades; ``easing``: against a recent shortage or
    surplus; ``deepening``: on top of one.
    """

    emerging: float
    strong: float
    easing: float
    deepening: float


def combine_conditions(recent: str, projected: str) -> str:
    """Both conditions in one rating, by the matrix; ``KeyError`` for a rating it does not have (such as N)."""
    return COPS_MATRIX[MATRIX_ROW[recent], projected]


def gap_percent(openings: Array, seekers: Array, employment: Array) -> Array:
    """(openings - seekers) / employment of the base year, per cent; NaN where there is nothing to compare.

    Nothing to compare: a figure is missing, employment is zero or less, or there are neither openings nor seekers.
    Both are net flows: where more jobs go than workers retire, or more seekers leave than come, they are below zero.
    """
    known = (
        (employment > 0) & ((openings != 0) | (seekers != 0)) & np.isfinite(openings) & np.isfinite(seekers)
    )
    gap: Array = np.full(len(openings), np.nan)
    np.divide(100 * (openings - seekers), employment, out=gap, where=known)
    return gap


def grade_gap(gap: Array, moderate: float, strong: float) -> Array:
    """Grades -2 to 2 of gaps by size alone; a tie reaches the cut, NaN stays NaN.

    A strong grade asks for both cuts, so a strong cut below the moderate one changes nothing.
    """
    size = (np.abs(gap) >= moderate).astype(float) + (np.abs(gap) >= max(moderate, strong))
    grades: Array = np.where(np.isnan(gap), np.nan, np.sign(gap) * size)
    return grades


def move_condition(recent: Array, gap: Array, cuts: Cuts) -> Array:
    """Grades -2 to 2 of the years ahead: the recent grade, moved where the gap reaches a cut.

    A recent grade of NaN counts as balance; a gap of NaN gives NaN.
    """
    start = np.nan_to_num(recent)
    out_of_balance = grade_gap(gap, cuts.emerging, cuts.strong)
    side = np.sign(gap)
    against = (side == -np.sign(start)) & (np.abs(gap) >= cuts.easing)
    along = (side == np.sign(start)) & (np.abs(gap) >= cuts.deepening)
    moved = np.where(start == 0, out_of_balance, start + side * (against | along))
    grades: Array = np.where(np.isnan(gap), np.nan, np.clip(moved, -2, 2))
    return grades + 0.0


def read_cuts(rules: RuleSet) -> Cuts:
    """The cuts of the rules file."""
    t = rules.threshold
    return Cuts(t("emerging_percent"), t("strong_percent"), t("easing_percent"), t("deepening_percent"))


def _refuse(openings: float, seekers: float, employment: float) -> str | None:
    """Why a unit has no gap; None where it has one."""
    flows = {"OPENINGS_SUM": openings, "SEEKERS_SUM": seekers, "EMP_BASE": employment}
    lacking = [name for name, value in flows.items() if np.isnan(value)]
    if lacking:
        return f"INSUFFICIENT_INDICATORS: missing {', '.join(lacking)}"
    if employment <= 0:
        return f"NO_EMPLOYMENT: employment of the base year is {employment:g}"
    return "NO_FLOWS: neither openings nor seekers" if openings == seekers == 0 else None


def _verdicts(values: pd.Series, gap: float, grade: float, recent: float, cuts: Cuts) -> list[Verdict]:
    """The projected gap alone, and the score: the recent condition moved by it."""
    seekers = values["seekers"]
    reason = _refuse(values["OPENINGS_SUM"], seekers, values["EMP_BASE"])
    if reason:
        step = "not rated: no gap of openings and seekers"
        return [
            Verdict(name, np.nan, unit, np.nan, np.nan, "N", reason, step)
            for name, unit in (("GAP_PC", "PC"), ("_SCORE", "PC"))
        ]
    alone = float(grade_gap(np.array([gap]), cuts.emerging, cuts.strong)[0])
    step = (
        f"({values['OPENINGS_SUM']:g} openings - {seekers:g} seekers) / {values['EMP_BASE']:g} employed, per cent; "
        f"one grade from {cuts.emerging:g} to either side, two from {cuts.strong:g}"
    )
    known, stated = not np.isnan(recent), values["SHORTAGE_NOW_COPS"]
    start = f"recent grade {recent:g}" if known else "no recent condition, taken as balance"
    moved = (
        f"{start}, gap {gap:.2f} per cent: grade {grade:g}; "
        f"eases from {cuts.easing:g} against it, deepens from {cuts.deepening:g}"
    )
    absent = "no recent condition" if np.isnan(stated) else f"{stated:g} is no grade from -2 to 2"
    only = None if known else f"PROJECTED_ONLY: {absent}"
    return [
        Verdict("GAP_PC", gap, "PC", cuts.emerging, alone, GRADE_RATING[int(alone)], None, step),
        Verdict("_SCORE", gap, "PC", cuts.emerging, grade, GRADE_RATING[int(grade)], only, moved),
    ]


def rate(indicators: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Rows of marts.shortages under the COPS-style rule: the figures, GAP_PC and `_SCORE` of every unit.

    Points are grades from -2 (strong surplus) to 2 (strong shortage). Seekers are SEEKERS_SUM, or the sum of their
    parts where it is missing. SHORTAGE_NOW_COPS, the recent grade, may be missing: the reason says so.
    """
    figures = show_figures(indicators, rules)
    values = spread_values(figures, rules)
    recent = values["SHORTAGE_NOW_COPS"].where(values["SHORTAGE_NOW_COPS"].isin(list(GRADE_RATING)))
    values = values.assign(
        seekers=values["SEEKERS_SUM"].fillna(values[list(SEEKER_PARTS)].sum(axis=1, min_count=3))
    )
    flows = (values[c].to_numpy(dtype=float) for c in ("OPENINGS_SUM", "seekers", "EMP_BASE"))
    gap, cuts = gap_percent(*flows), read_cuts(rules)
    grades = move_condition(recent.to_numpy(dtype=float), gap, cuts)
    verdicts = {
        unit: _verdicts(row, g, grade, r, cuts)
        for (unit, row), g, grade, r in zip(values.iterrows(), gap, grades, recent, strict=True)
    }
    return lay_out_rows(figures, verdicts, rules)

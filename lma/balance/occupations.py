"""Demand by occupation, where a country publishes employment by activity and occupation together.

Employment of each activity goes to its occupations by the projected staffing pattern, its leavers by the pattern
of the year before (assumption: within an activity all occupations leave alike). So occupations sum exactly to
activities in every draw. Seekers by occupation are not known: there is demand, and no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.balance.staffing import Staffing, project_shares, staff_activities
from lma.contracts import RuleSet, table_contract

Array = npt.NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)


def divide_demand(
    base: Array, draws: dict[str, Array], staffing: Staffing, years: Sequence[int], rules: RuleSet
) -> dict[str, Array]:
    """Measure -> (draws, occupations, balance years): EMP, EXPANSION, REPLACEMENT_RAW, REPLACEMENT, OPENINGS.

    ``base``: (draws, activities) of the year before the first; ``draws``: those of a simulation. Measures that
    the activities lack are absent. Openings never fall below zero.
    """
    shares = project_shares(staffing, [years[0] - 1, *years], rules)
    employment = staff_activities(np.concatenate([base[:, :, None], draws["EMP"]], axis=2), shares)
    divided = {"EMP": employment[:, :, 1:], "EXPANSION": np.diff(employment, axis=2)}
    for measure in ("REPLACEMENT_RAW", "REPLACEMENT"):
        if measure in draws:
            divided[measure] = staff_activities(draws[measure], shares[:, :, :-1])
    if "REPLACEMENT" in divided:
        divided["OPENINGS"] = np.maximum(0.0, divided["EXPANSION"] + divided["REPLACEMENT"])
    return divided


STEPS = {
    "EMP": "sum over activities of employment x share of the occupation; shares on the damped trend of their log-odds",
    "EXPANSION": "employment less employment of the year before, in every draw",
    "REPLACEMENT_RAW": "sum over activities of raw replacement x share of the occupation a year before (assumption: alike)",
    "REPLACEMENT": "sum over activities of shrunk replacement x share of the occupation a year before (assumption: alike)",
    "OPENINGS": "expansion + shrunk replacement, not below zero in any draw; no seekers by occupation are known",
}


def tabulate_occupations(
    ref_area: str,
    scenario: str,
    years: Sequence[int],
    divided: dict[str, Array],
    staffing: Staffing,
) -> pd.DataFrame:
    """Rows of marts.balances by occupation, all activities together, yearly; persons to 0.1."""
    rows = [
        row
        for measure, drawn in divided.items()
        for row in _walk_measure(ref_area, scenario, years, measure, drawn, staffing)
    ]
    return pd.DataFrame(rows, columns=table_contract("marts.balances").column_names)


def _walk_measure(
    ref_area: str, scenario: str, years: Sequence[int], measure: str, drawn: Array, staffing: Staffing
) -> Iterator[tuple[object, ...]]:
    summary = np.concatenate([np.quantile(drawn, LEVELS, axis=0), drawn.mean(axis=0)[None]])
    outputs = [*(("quantile", str(level)) for level in LEVELS), ("mean", "_Z")]
    for i, occupation in enumerate(staffing.occupations):
        for k, year in enumerate(years):
            whole = f"B:{scenario}:{ref_area}:_T:_T:{year}:{measure}:quantile:0.5"
            for output, value in zip(outputs, summary[:, i, k], strict=True):
                key = (scenario, ref_area, "_T", occupation, str(year), measure, *output)
                label = "mean of the draws" if output[0] == "mean" else f"quantile {output[1]} of the draws"
                number = round(float(value), 1) + 0.0
                step = f"{label}: {STEPS[measure]}; pattern of {staffing.years[-1]}"
                inputs = [whole, *staffing.inputs]
                yield (f"B:{':'.join(key)}", *key, number, "PS", "projection", None, step, inputs)

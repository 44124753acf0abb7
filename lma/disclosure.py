"""Disclosure control of counts of persons: suppress, check what margins give away, round, audit.

Small counts are suppressed first. A margin is a linear equation, so a suppressed cell may be recovered
from its row and column; further cells are suppressed until linear programming shows that every suppressed
cell could still be anything in an interval at least as wide as the smallest count published. What remains
is rounded. Reference: Hundepool et al., Handbook on Statistical Disclosure Control (ESSNet SDC, 2010).

Codes ``_T`` are totals over one level of categories. Cells with the same key are about the same persons,
so the period belongs to ``dims``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lma.errors import InputError, UsageError

TOTAL = "_T"
SUPPRESSED, NOT_AVAILABLE = "[c]", "[x]"
N_MIN, N_MIN_MIGRANTS, BASE = 5, 10, 5
_CELL_KEY = ("ref_area", "table_id", "row_id", "column_id")
_BLANK = ("", "nan", "None", "<NA>", NOT_AVAILABLE)

Key = tuple[str, ...]
Bound = tuple[float, float]
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Equation:
    """One margin: the total equals the sum of its parts."""

    total: Key
    parts: tuple[Key, ...]

    @property
    def cells(self) -> tuple[Key, ...]:
        """All cells of the equation, the total first."""
        return (self.total, *self.parts)


def protect(
    frame: pd.DataFrame, dims: Sequence[str], value: str, n_min: int = N_MIN, base: int = BASE
) -> tuple[pd.DataFrame, dict[str, int]]:
    """(table to publish, counts of what was done); the table has ``dims`` and ``value``, rows as given.

    ``[c]`` stands for a suppressed count, whether small itself or needed to hide another; ``[x]`` for a
    missing one. Zero counts as small. ``n_min`` is raised to a multiple of ``base``, so that no rounded value
    falls below it. Other columns are left out and counted, because shares or means would give counts away.
    """
    smallest = _check_parameters(n_min, base)
    counts = _read_counts(frame, dims, value)
    equations = [one for one in find_equations(counts, len(dims)) if _holds(one, counts)]
    primary = {key for key, count in counts.items() if count < smallest}
    hidden = complete_suppression(counts, equations, primary, smallest)
    shown = {key: SUPPRESSED if key in hidden else str(_round(count, base)) for key, count in counts.items()}
    keys = _keys(frame, dims)
    published = frame[list(dims)].assign(**{value: [shown.get(key, NOT_AVAILABLE) for key in keys]})
    report = {
        "cells": len(frame),
        "primary": len(primary),
        "complementary": len(hidden) - len(primary),
        "published": len(counts) - len(hidden),
        "missing": len(frame) - len(counts),
        "columns_left_out": len(frame.columns) - len(dims) - 1,
        "n_min": smallest,
        "base": base,
    }
    return published, report


def audit(
    frames: Iterable[pd.DataFrame],
    dims: Sequence[str] | None = None,
    value: str | None = None,
    n_min: int = N_MIN,
    base: int = BASE,
) -> pd.DataFrame:
    """Cells that the published tables give away together: one row per cell: ``low``, ``high``, ``reason``.

    ``frames``: published tables or editions, with ``[c]`` for suppressed cells; a dimension that a table
    lacks is its total. Reasons: BELOW_MINIMUM (printed), RECOVERABLE (margins or another table leave an
    interval narrower than ``n_min``), DIFFERENCING (two editions differ by so little that few persons explain
    it). Empty when nothing is given away. Each table is examined alone and all of them together.

    Without ``dims`` and ``value`` the layout is told from the columns: cells of editions (marts.assessments),
    of which the tables with a suppressed cell are examined, or else the count in the last column.
    """
    frames = list(frames)
    if dims is None or value is None:
        frames, dims, value = _tell_layout(frames)
    smallest = _check_parameters(n_min, base)
    tables = [_read_published(frame, dims, value) for frame in frames]
    found = [(key, *ends, "BELOW_MINIMUM") for key, ends in _print_small(tables, smallest).items()]
    bounds, changed = _merge_tables(tables, base, smallest)
    found += [(key, *ends, "DIFFERENCING") for key, ends in changed.items()]
    recovered = _recover(tables, bounds, len(dims), smallest)
    for table in tables if len(tables) > 1 else []:
        alone, _ = _merge_tables([table], base, smallest)
        recovered = {**_recover([table], alone, len(dims), smallest), **recovered}
    found += [(key, *ends, "RECOVERABLE") for key, ends in recovered.items()]
    rows = [[*key, low, high, reason] for key, low, high, reason in sorted(found)]
    return pd.DataFrame(rows, columns=pd.Index([*dims, "low", "high", "reason"]))


def _tell_layout(frames: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], list[str], str]:
    """(tables, dimensions, count column) of frames that come without being told."""
    if frames and all(set(_CELL_KEY) | {"symbol", "value"} <= set(frame.columns) for frame in frames):
        shown = [frame.assign(value=_show_cells(frame)) for frame in frames]
        guarded = {name for frame in shown for name in frame.loc[frame["value"] == SUPPRESSED, "table_id"]}
        return [frame[frame["table_id"].isin(guarded)] for frame in shown], list(_CELL_KEY), "value"
    values = {str(frame.columns[-1]) for frame in frames}
    if len(values) != 1:
        raise UsageError(f"the tables end with the columns {', '.join(sorted(values))}: name dims and value.")
    value = values.pop()
    return frames, sorted({str(name) for frame in frames for name in frame.columns} - {value}), value


def _show_cells(cells: pd.DataFrame) -> pd.Series:
    """What an edition prints: the number, the sign of a suppressed cell, or that there is no number."""
    numbers = cells["value"].astype(object).where(cells["value"].notna(), NOT_AVAILABLE)
    return numbers.astype(str).mask(cells["symbol"] == SUPPRESSED, SUPPRESSED)


def _recover(
    tables: Sequence[dict[Key, str]], bounds: dict[Key, Bound], n_dims: int, width: float
) -> dict[Key, Bound]:
    """Suppressed cells whose interval is narrower than ``width``, given all margins of the tables."""
    hidden = sorted({key for table in tables for key, text in table.items() if text == SUPPRESSED})
    equations = [one for one in _find_table_equations(tables, n_dims) if _may_hold(one, bounds)]
    found = find_intervals(hidden, equations, bounds, enough=width)
    return {key: ends for key, ends in found.items() if ends[1] - ends[0] < width - _TOLERANCE}


# ---------------------------------------------------------------- what the tables say


def _check_parameters(n_min: int, base: int) -> int:
    """The smallest count to publish, a multiple of the base."""
    if n_min < 1 or base < 1:
        raise UsageError(f"n_min {n_min} and base {base} must be 1 or more: correct the call.")
    return -(-n_min // base) * base


def _keys(frame: pd.DataFrame, dims: Sequence[str]) -> list[Key]:
    missing = [name for name in dims if name not in frame.columns]
    if missing:
        raise InputError(
            f"the table has no column {', '.join(missing)}: it has {', '.join(map(str, frame.columns))}."
        )
    return list(zip(*(frame[name].astype(str) for name in dims), strict=True))


def _read_counts(frame: pd.DataFrame, dims: Sequence[str], value: str) -> dict[Key, float]:
    """Counts by key; missing ones left out. Messages name rows, never a count."""
    if not dims or value in dims:
        raise UsageError(
            f"dims {list(dims)}, value {value!r}: name a dimension or more, and the count apart."
        )
    keys = _keys(frame, [*dims, value])
    keys = [key[:-1] for key in keys]
    numbers = pd.to_numeric(frame[value], errors="coerce").to_numpy(dtype=float)
    for row, (key, number, raw) in enumerate(zip(keys, numbers, frame[value], strict=True), start=1):
        if np.isnan(number) and str(raw).strip() not in _BLANK:
            raise InputError(f"row {row}, column {value}: not a count. Give raw counts, empty where missing.")
        if number < 0 or (not np.isnan(number) and number != np.floor(number)):
            raise InputError(
                f"row {row}, column {value}: a count is whole and not negative. Key: {', '.join(key)}."
            )
    repeated = pd.Index(keys).duplicated()
    if repeated.any():
        twice = keys[int(repeated.argmax())]
        raise InputError(
            f"the key {', '.join(twice)} stands twice: name every dimension, or add the rows up."
        )
    return {key: float(number) for key, number in zip(keys, numbers, strict=True) if not np.isnan(number)}


def _read_published(frame: pd.DataFrame, dims: Sequence[str], value: str) -> dict[Key, str]:
    """Published text by key; a dimension that the table lacks is the total."""
    if value not in frame.columns:
        raise InputError(f"the table has no column {value}: it has {', '.join(map(str, frame.columns))}.")
    filled = frame.assign(**{name: TOTAL for name in dims if name not in frame.columns})
    texts = frame[value].astype(str).str.strip()
    return {key: text for key, text in zip(_keys(filled, dims), texts, strict=True) if text not in _BLANK}


def find_equations(cells: Iterable[Key], n_dims: int) -> list[Equation]:
    """Every margin of a table: a total in one dimension and all its parts there, sorted by the total."""
    known = set(cells)
    equations = []
    for place in range(n_dims):
        parts: dict[Key, list[Key]] = {}
        for key in sorted(known):
            if key[place] != TOTAL:
                parts.setdefault((*key[:place], TOTAL, *key[place + 1 :]), []).append(key)
        equations += [Equation(total, tuple(found)) for total, found in parts.items() if total in known]
    return equations


def _find_table_equations(tables: Sequence[dict[Key, str]], n_dims: int) -> list[Equation]:
    """Margins of each table on its own, each once: another table's parts need not be complete."""
    every = [one for table in tables for one in find_equations(table, n_dims)]
    return list(dict.fromkeys(every))


def _holds(equation: Equation, counts: dict[Key, float]) -> bool:
    """True where the parts really sum to the total; otherwise a reader cannot use it."""
    return sum(counts[key] for key in equation.parts) == counts[equation.total]


def _may_hold(equation: Equation, bounds: dict[Key, Bound]) -> bool:
    """False where the printed values rule the equation out, because categories are missing."""
    low = sum(bounds[key][0] for key in equation.parts)
    high = sum(bounds[key][1] for key in equation.parts)
    return low <= bounds[equation.total][1] and high >= bounds[equation.total][0]


# ---------------------------------------------------------------- suppression


def complete_suppression(
    counts: dict[Key, float], equations: Sequence[Equation], primary: set[Key], width: float
) -> set[Key]:
    """Primary cells and the further ones that keep every suppressed cell's interval at least ``width`` wide.

    First no margin may hold a single suppressed cell; then linear programming on the exact counts, which is
    stricter than on the rounded ones, finds what is still too narrow. Small inner cells are taken first.
    """
    hidden, wide = set(primary), set[Key]()
    while True:
        alone = [one for one in equations if len(hidden & set(one.cells)) == 1]
        added = _choose_cells(alone, counts, hidden)
        if not added:
            narrow = _list_narrow(counts, equations, hidden, wide, width)
            wide = hidden - narrow  # hiding more can only widen, so these need no second look
            added = _choose_cells(_find_helpers(narrow, equations, hidden), counts, hidden)
        if not added:
            return hidden
        hidden |= added


def _choose_cells(equations: Sequence[Equation], counts: dict[Key, float], hidden: set[Key]) -> set[Key]:
    """The smallest printed cell of each equation, inner cells before totals."""
    chosen: set[Key] = set()
    for equation in equations:
        if len(chosen & set(equation.cells)):
            continue
        free = [key for key in equation.cells if key not in hidden]
        chosen |= {min(free, key=lambda key: (key.count(TOTAL), counts[key], key))} if free else set()
    return chosen


def _list_narrow(
    counts: dict[Key, float], equations: Sequence[Equation], hidden: set[Key], wide: set[Key], width: float
) -> set[Key]:
    """Suppressed cells, besides those known to be wide, that can be worked out to less than ``width``."""
    bounds = {key: (0.0, np.inf) if key in hidden else (count, count) for key, count in counts.items()}
    found = find_intervals(sorted(hidden - wide), equations, bounds, enough=width)
    return {key for key, (low, high) in found.items() if high - low < width - _TOLERANCE}


def _find_helpers(narrow: set[Key], equations: Sequence[Equation], hidden: set[Key]) -> list[Equation]:
    """For each narrow cell the equation with the fewest suppressed cells in which one more can be hidden."""
    open_ones = [one for one in equations if not set(one.cells) <= hidden]
    helpers = []
    for key in sorted(narrow):
        holding = [one for one in open_ones if key in one.cells] or open_ones
        helpers += [min(holding, key=lambda one: len(hidden & set(one.cells)))] if holding else []
    return helpers


def _round(count: float, base: int) -> int:
    """Nearest multiple of the base; halves go up."""
    return int((count + base / 2) // base * base)


# ---------------------------------------------------------------- what a reader can work out


def find_intervals(
    variables: Sequence[Key],
    equations: Sequence[Equation],
    bounds: dict[Key, Bound],
    enough: float = np.inf,
) -> dict[Key, Bound]:
    """Interval that each cell must lie in, given all equations and bounds (linear programming, HiGHS).

    A contradictory system tells a reader nothing: such cells keep their own bounds. A cell already seen to
    take values ``enough`` apart is left out of the answer, which saves most of the work.
    """
    found = {key: bounds[key] for key in variables}
    for linked in _split_components(equations, bounds):
        cells = sorted({key for one in linked for key in one.cells if _is_free(bounds[key])})
        asked = [key for key in variables if key in set(cells)]
        solved = _solve_component(cells, linked, bounds, asked, enough)
        found = {key: ends for key, ends in found.items() if key not in asked or key in solved} | solved
    return found


def _is_free(bound: Bound) -> bool:
    return bound[0] < bound[1]


def _split_components(equations: Sequence[Equation], bounds: dict[Key, Bound]) -> list[list[Equation]]:
    """Groups of equations that share unknown cells; equations without one are left out."""
    from scipy.sparse.csgraph import connected_components

    unknown = [one for one in equations if any(_is_free(bounds[key]) for key in one.cells)]
    cells = sorted({key for one in unknown for key in one.cells if _is_free(bounds[key])})
    if not cells:
        return []
    matrix, _ = _build_matrix(cells, unknown, bounds)
    _, labels = connected_components(abs(matrix) @ abs(matrix).T, directed=False)
    groups: dict[int, list[Equation]] = {}
    for one, label in zip(unknown, labels, strict=True):
        groups.setdefault(int(label), []).append(one)
    return list(groups.values())


def _build_matrix(
    cells: Sequence[Key], equations: Sequence[Equation], bounds: dict[Key, Bound]
) -> tuple[Any, Any]:
    """(sparse matrix over the unknown cells, right side from the known ones): parts 1, total -1."""
    from scipy.sparse import csr_matrix

    place = {key: number for number, key in enumerate(cells)}
    right = np.zeros(len(equations))
    entries = []
    for row, one in enumerate(equations):
        for key in one.cells:
            sign = -1.0 if key == one.total else 1.0
            if key in place:
                entries.append((row, place[key], sign))
            else:
                right[row] -= sign * bounds[key][0]
    rows, columns, signs = (np.array(part) for part in zip(*entries, strict=True))
    return csr_matrix((signs, (rows, columns)), shape=(len(equations), len(cells))), right


def _solve_component(
    cells: Sequence[Key],
    equations: Sequence[Equation],
    bounds: dict[Key, Bound],
    asked: Sequence[Key],
    enough: float,
) -> dict[Key, Bound]:
    """Smallest and largest value of each asked cell; every solution also shows how far other cells can go."""
    matrix, right = _build_matrix(cells, equations, bounds)
    limits = np.array([bounds[key] for key in cells])
    place = {key: number for number, key in enumerate(cells)}
    seen = np.array([np.full(len(cells), np.inf), np.full(len(cells), -np.inf)])
    found: dict[Key, Bound] = {}
    for key in asked:
        number = place[key]
        if seen[1, number] - seen[0, number] >= enough:
            continue
        low, first = _solve_end(number, 1.0, matrix, right, limits)
        high, second = _solve_end(number, -1.0, matrix, right, limits)
        found[key] = (low, high)
        for point in (first, second):
            if point is not None:
                seen = np.array([np.minimum(seen[0], point), np.maximum(seen[1], point)])
    return found


def _solve_end(number: int, sign: float, matrix: Any, right: Any, limits: Any) -> tuple[float, Any]:
    """(smallest or largest value of one cell, the solution); its own bound where there is no solution."""
    from scipy.optimize import linprog

    cost = np.zeros(matrix.shape[1])
    cost[number] = sign
    solved: Any = linprog(cost, A_eq=matrix, b_eq=right, bounds=limits, method="highs")
    if solved.status != 0:
        return float(limits[number, 0 if sign > 0 else 1]), None
    return sign * float(solved.fun), solved.x


# ---------------------------------------------------------------- several tables and editions


def _bound(text: str, base: int, n_min: int) -> Bound:
    """True counts behind a printed text: anything if suppressed, else what rounds to it."""
    if text == SUPPRESSED:
        return 0.0, float("inf")
    try:
        count = float(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is neither a count nor {SUPPRESSED}: audit takes published tables."
        ) from error
    if base == 1:
        return count, count
    low, high = np.ceil(count - base / 2), np.ceil(count + base / 2) - 1
    return (float(max(low, n_min)) if count >= n_min else float(max(low, 0))), float(high)


def _merge_tables(
    tables: Sequence[dict[Key, str]], base: int, n_min: int
) -> tuple[dict[Key, Bound], dict[Key, Bound]]:
    """(bounds of every cell from all tables together, cells whose printed value changed by very little)."""
    bounds: dict[Key, Bound] = {}
    changed: dict[Key, Bound] = {}
    for table in tables:
        for key, text in table.items():
            low, high = _bound(text, base, n_min)
            before = bounds.get(key, (0.0, float("inf")))
            if low > before[1] or high < before[0]:
                least = max(0.0, low - before[1], before[0] - high)
                if least < n_min:
                    changed[key] = (least, max(high - before[0], before[1] - low))
                bounds[key] = (low, high)
            else:
                bounds[key] = (max(low, before[0]), min(high, before[1]))
    return bounds, changed


def _print_small(tables: Sequence[dict[Key, str]], n_min: int) -> dict[Key, Bound]:
    """Cells printed with a value below the minimum."""
    printed = ((key, text) for table in tables for key, text in table.items() if text != SUPPRESSED)
    return {key: (float(text), float(text)) for key, text in printed if _bound(text, 1, 1)[0] < n_min}

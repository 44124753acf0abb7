"""How much of an assessment the data of a country can fill, and why the rest is empty."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lma.contracts import TableSpec

FILLED_FROM = 0.9
"""Share of cells with content from which a table counts as filled."""
NOT_APPLICABLE = "[z]"
COLUMNS = ("ref_area", "table_id", "title", "n_cells", "n_filled", "status", "reason", "n_reason")


def measure_coverage(ref_area: str, specs: Sequence[TableSpec], cells: pd.DataFrame) -> pd.DataFrame:
    """One row per table of one assessment: cells, cells with content, status, the most frequent reason for an empty one.

    ``status``: FILLED (at least nine in ten cells have content), PARTLY, INSUFFICIENT_DATA (none has, or there are no rows
    at all), NOT_APPLICABLE (nothing to fill, such as the change log of a first edition). Cells that do not apply ([z])
    are not counted. ``cells``: rows of marts.assessments.
    """
    rows = [_measure_table(ref_area, spec, cells[cells["table_id"] == spec.table_id]) for spec in specs]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _measure_table(ref_area: str, spec: TableSpec, cells: pd.DataFrame) -> tuple[object, ...]:
    asked = cells[cells["symbol"] != NOT_APPLICABLE]
    filled = asked["value"].notna() | asked["text"].notna()
    reasons = asked.loc[~filled, "reason"].dropna().map(shorten_reason).value_counts()
    reason, n_reason = (str(reasons.index[0]), int(reasons.iloc[0])) if len(reasons) else ("", 0)
    status = judge_table(len(cells), len(asked), int(filled.sum()))
    return ref_area, spec.table_id, spec.title, len(asked), int(filled.sum()), status, reason, n_reason


def judge_table(n_laid_out: int, n_asked: int, n_filled: int) -> str:
    """Status of a table from its cells: laid out, of these applicable, of these with content."""
    if n_laid_out and not n_asked:
        return "NOT_APPLICABLE"
    if not n_filled:
        return "INSUFFICIENT_DATA"
    return "FILLED" if n_filled >= FILLED_FROM * n_asked else "PARTLY"


def shorten_reason(reason: str) -> str:
    """The code of a reason that has one (``NO_BALANCE: ...``), else the whole sentence."""
    code, colon, _ = reason.partition(":")
    return code if colon and code.replace("_", "").isupper() else reason

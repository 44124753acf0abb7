"""What changed between two editions of one country, cell by cell."""

from __future__ import annotations

import pandas as pd


def compare_cells(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """One row per cell that differs: address, labels, value or text before and after, change, what happened.

    ``what``: added, removed, revised (number) or reworded (text). Both frames have the columns of a
    published table (address, row_label, column_label, value, text, unit_measure).
    """
    shown = ["address", "row_label", "column_label", "value", "text", "unit_measure"]
    both = before[shown].merge(
        after[shown], on="address", how="outer", suffixes=("_before", "_after"), indicator=True
    )
    both["change"] = both["value_after"] - both["value_before"]
    revised = both["value_before"].fillna(float("inf")) != both["value_after"].fillna(float("inf"))
    reworded = both["text_before"].fillna("") != both["text_after"].fillna("")
    both["what"] = None
    both.loc[reworded, "what"] = "reworded"
    both.loc[revised, "what"] = "revised"
    both.loc[both["_merge"] == "left_only", "what"] = "removed"
    both.loc[both["_merge"] == "right_only", "what"] = "added"
    changed = both[both["what"].notna()].drop(columns="_merge")
    return changed.sort_values("change", key=lambda change: -change.abs(), kind="stable", ignore_index=True)

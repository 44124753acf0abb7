"""COPS-style rules (Canada): the matrix of the recent and the projected condition.

The matrix follows the logic that COPS states in words (occupations.esdc.gc.ca, 2024 to 2033); its cells are an
interpretation.
"""

from __future__ import annotations

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


def combine_conditions(recent: str, projected: str) -> str:
    """Both conditions in one rating, by the matrix; ``KeyError`` for a rating it does not have (such as N)."""
    return COPS_MATRIX[MATRIX_ROW[recent], projected]

"""SDMX-CSV 1.0 and 2.x: one row per observation, the dataflow named in every row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.errors import DefinitionError, InputError
from lma.parsers.csv import read_csv

_OPTIONS = ("dataflow", "labels")
_FIGURES = frozenset("IAMR")
"""Actions that carry figures: information, append, merge, replace. ``D`` takes figures away."""

_CODED = re.compile(r"[A-Za-z0-9_@$+:.()-]+: .*", re.DOTALL)


def read_sdmx_csv(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of an SDMX-CSV message (1.0 begins ``DATAFLOW``, 2.x ``STRUCTURE``), all text, columns as published.

    Options: ``dataflow`` (``AGENCY:ID``, or ``AGENCY:ID(version)`` where the version matters; required),
    ``labels: both`` (headers and cells read ``code: label``; the codes are kept), and those of ``csv``.
    Raises ``InputError`` where the header is not SDMX-CSV, the dataflow is another, several are mixed, or
    the message deletes. Layout: SDMX technical working group, SDMX-CSV field guide 1.0 and 2.0.
    """
    if "dataflow" not in options:
        raise DefinitionError(
            "the format sdmx_csv needs the option `dataflow`, such as ILO:DF_EMP_TEMP_SEX_ECO_NB."
        )
    frame = read_csv(content, {name: value for name, value in options.items() if name not in _OPTIONS})
    frame = frame.rename(columns={frame.columns[0]: frame.columns[0].split("[", 1)[0]})
    frame = _keep_codes(frame, str(options.get("labels", "id")))
    flow = _flow_column(frame)
    _check_dataflow(frame[flow], str(options["dataflow"]), flow)
    _check_action(frame)
    return frame


def _flow_column(frame: pd.DataFrame) -> str:
    """Column that names the dataflow: ``DATAFLOW`` in version 1.0, ``STRUCTURE_ID`` in version 2.x."""
    head = list(frame.columns[:3])
    if head[:1] == ["DATAFLOW"]:
        return "DATAFLOW"
    if head[:2] != ["STRUCTURE", "STRUCTURE_ID"]:
        raise InputError(
            f"the header begins {head!r}; SDMX-CSV begins DATAFLOW (1.0) or STRUCTURE, STRUCTURE_ID (2.x): "
            "ask the publisher for SDMX-CSV, or declare the format `csv`."
        )
    kinds = sorted(set(frame["STRUCTURE"]) - {"dataflow"})
    if kinds:
        raise InputError(
            f"STRUCTURE is {', '.join(map(repr, kinds[:5]))}, `dataflow` is expected: rows of a {kinds[0]} do not "
            "say which table they belong to."
        )
    return "STRUCTURE_ID"


def _check_dataflow(flows: pd.Series[Any], declared: str, column: str) -> None:
    found = flows.unique().tolist()
    wanted = re.compile(re.escape(declared) + ("" if declared.endswith(")") else r"(?:\([0-9][0-9.]*\+?\))?"))
    strange = [flow for flow in found if not wanted.fullmatch(flow)]
    if strange:
        row = flows.tolist().index(strange[0]) + 1
        raise InputError(
            f"row {row}, {column}: the dataflow is {strange[0]!r}, the source declares {declared!r}: this is "
            "another table, or correct `dataflow` in the source's options."
        )
    if len(found) > 1:
        raise InputError(
            f"{column} names several versions of the dataflow ({', '.join(found[:5])}): ask for one, or declare "
            "the version in the source's options."
        )


def _check_action(frame: pd.DataFrame) -> None:
    if "ACTION" not in frame.columns:
        return
    for row, action in enumerate(frame["ACTION"], start=1):
        if action and action not in _FIGURES:
            raise InputError(
                f"row {row}, ACTION: {action!r} is not one of {', '.join(sorted(_FIGURES))}: a message that deletes "
                "figures is no table; ask the publisher for the whole table."
            )


def _keep_codes(frame: pd.DataFrame, labels: str) -> pd.DataFrame:
    """Codes without their labels; a column is coded where every cell reads ``code: label``."""
    if labels not in ("id", "both"):
        raise DefinitionError(f"the option labels is {labels!r}: write id or both.")
    labelled = [name for name in frame.columns if ": " in name]
    if labels == "id":
        if labelled:
            raise InputError(
                f"the header reads {labelled[0]!r}, a code with its label: set `labels: both` in the source's options."
            )
        return frame
    return pd.DataFrame({name.split(": ", 1)[0]: _code_column(frame[name]) for name in frame.columns})


def _code_column(cells: pd.Series[Any]) -> pd.Series[Any]:
    filled = [cell for cell in cells if cell]
    if filled and all(_CODED.fullmatch(cell) for cell in filled):
        return pd.Series([cell.split(": ", 1)[0] for cell in cells], index=cells.index, dtype=object)
    return cells

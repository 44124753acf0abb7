"""Small synthetic observations, sources and corrections for the tests of the rim."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma import contracts
from lma.contracts import BasisRule, Source
from lma.contracts import Mapping as ColumnMapping

_DEFAULTS: dict[str, Any] = {
    "ref_area": "MUS", "counterpart_area": "_Z", "freq": "A", "indicator": "EMP", "sex": "_T", "age": "_T",
    "economic_activity": "C", "activity_revision": "ISIC4", "occupation": "_T", "occupation_revision": "_Z",
    "citizenship": "_T", "unit_measure": "PS", "time_period": "2024", "source_id": "survey",
    "as_of": dt.date(2025, 1, 31), "obs_value": 100.0, "obs_status": "A", "basis": "reported", "note": None,
    "raw_column": None, "correction_id": None, "uncorrected_value": None,
}  # fmt: skip


def sha_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def observations(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of staging.observations; row n is row n of the one file that its source has of its vintage."""
    built = []
    for number, given in enumerate(rows, start=1):
        row = _DEFAULTS | dict(given)
        sha = sha_of(f"{row['source_id']} {row['as_of']}")
        address = {"observation_id": f"{sha[:12]}:{number}", "snapshot_sha": sha, "raw_row": number}
        built.append(address | row)
    frame = pd.DataFrame(built, columns=contracts.table_contract("staging.observations").column_names)
    return frame.astype({"obs_value": float, "uncorrected_value": float})


def source(source_id: str, priority: int, break_notes: str | None = None) -> Source:
    return Source(
        source_id=source_id, publisher="Publisher", title="Title", table_code="T", url="https://example.org",
        licence="CC BY 4.0", files=[], format="csv", basis=BasisRule(default="reported"), priority=priority,
        mapping=ColumnMapping(), break_notes=break_notes,
    )  # fmt: skip


def known_sources() -> dict[str, Source]:
    """``survey`` is preferred to ``census``, ``census`` to ``model``."""
    return {
        "survey": source("survey", 10, "Break in series"),
        "census": source("census", 20),
        "model": source("model", 90),
    }

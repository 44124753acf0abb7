"""run.json: what an edition was made from, and the result of every check; enough to make it again.

No wall-clock time and no id of a run stands in it, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.publish.csv_package import write_json
from lma.publish.grid import format_date, is_missing

# What differs between two runs on the same inputs belongs to meta.runs and meta.snapshots, not to an edition.
RUN_ONLY = frozenset(
    {
        "run_id",
        "started_at",
        "ended_at",
        "finished_at",
        "retrieved_at",
        "duration",
        "duration_seconds",
        "status",
        "command",
    }
)


def to_json_value(value: Any) -> Any:
    """JSON's own types: dates as ISO text, missing as null, mappings sorted by key."""
    if isinstance(value, Mapping):
        return {
            str(key): to_json_value(value[key]) for key in sorted(value, key=str) if str(key) not in RUN_ONLY
        }
    if hasattr(value, "tolist"):  # numpy scalar or array
        return to_json_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return [to_json_value(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((to_json_value(item) for item in value), key=str)
    if isinstance(value, (bool, int)) or (isinstance(value, str) and value):
        return value
    if is_missing(value):
        return None
    if isinstance(value, dt.date):  # a datetime and pandas' Timestamp too
        return format_date(value)
    return value if isinstance(value, float) else str(value)


def list_rows(frame: pd.DataFrame, order: list[str]) -> list[dict[str, Any]]:
    """Rows of a frame as JSON objects, without run-only columns, in a fixed order."""
    rows: list[dict[str, Any]] = [to_json_value(row) for row in frame.to_dict("records")]
    return sorted(rows, key=lambda row: [str(row.get(name)) for name in order])


def _describe(edition: Edition) -> dict[str, Any]:
    checks = list_rows(edition.checks, ["table_name", "subject", "rule_id", "column_name"])
    return {
        "ref_area": edition.ref_area,
        "label": edition.label,
        "edition": edition.edition,
        "as_of": edition.as_of.isoformat(),
        "languages": list(edition.languages),
        "inputs": list_rows(edition.sources, ["source_id", "as_of", "snapshot_sha"]),
        "run": to_json_value(edition.run),
        "checks_passed": sum(bool(check["success"]) for check in checks),
        "checks_failed": sum(not check["success"] for check in checks),
        "checks": checks,
    }


def render(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """JSON with ``ref_area, label, edition, as_of, languages``, then ``inputs`` (by hash), ``run``, ``checks``, ``files``.

    ``files``: path, bytes and sha256 of every table and reader's form, made before this record.
    """
    made = [
        {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    ]
    return write_json({**_describe(edition), "files": made})


def is_of(record: bytes, edition: Edition) -> bool:
    """True when the record of a published edition names the inputs, code and parameters of this one."""
    try:
        found = json.loads(record)
    except ValueError:
        return False
    if not isinstance(found, dict):
        return False
    found.pop("files", None)
    return bool(found == json.loads(write_json(_describe(edition))))

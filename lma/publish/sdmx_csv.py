"""observations.sdmx.csv: the published figures behind the tables, in SDMX-CSV 2.0.

Reference: SDMX-CSV 2.0 data messages (aligned with SDMX 3.0), https://github.com/sdmx-twg/sdmx-csv.
Dimensions are the primary key of marts.observations, so they identify every row.
"""

from __future__ import annotations

from lma.contracts import Column, Edition, table_contract
from lma.publish import sdmx_structure
from lma.publish.csv_package import format_value, write_csv
from lma.publish.sdmx_structure import AGENCY, FLOW, UNIT_MULT, VERSION

STRUCTURE_ID = f"{AGENCY}:{FLOW}({VERSION})"
_ATTRIBUTES = (
    "obs_status",
    "basis",
    "source_id",
    "as_of",
    "is_break",
    "break_reason",
    "note",
    "preferred_because",
    "n_alternatives",
    "observation_id",
    "snapshot_sha",
    "raw_row",
    "raw_column",
)


def list_columns() -> tuple[list[Column], Column, list[Column]]:
    """Dimensions, measure and attributes of the file, as columns of marts.observations."""
    contract = table_contract("marts.observations")
    by_name = {column.name: column for column in contract.columns}
    dimensions = [column for column in contract.columns if column.primary_key]
    return dimensions, by_name["obs_value"], [by_name[name] for name in _ATTRIBUTES]


def render_files(edition: Edition) -> dict[str, bytes]:
    """``observations.sdmx.csv`` and ``observations.structure.xml``, which describes it."""
    dimensions, measure, attributes = list_columns()
    structure = sdmx_structure.render(edition, dimensions, measure, [*attributes, UNIT_MULT])
    return {"observations.sdmx.csv": render(edition), "observations.structure.xml": structure}


def render(edition: Edition) -> bytes:
    """SDMX-CSV of ``edition.observations``, ordered by dimensions; a missing figure is empty, OBS_STATUS M.

    Values are in the unit itself (UNIT_MULT 0). ACTION is I: for information.
    """
    dimensions, measure, attributes = list_columns()
    ordered = edition.observations.sort_values([c.name for c in dimensions], kind="stable")
    columns = [*dimensions, measure, *attributes]
    header = ["STRUCTURE", "STRUCTURE_ID", "ACTION", *(c.name.upper() for c in [*columns, UNIT_MULT])]
    rows = (
        ["dataflow", STRUCTURE_ID, "I", *(format_value(row[c.name], c.physical_type) for c in columns), "0"]
        for row in ordered.to_dict("records")
    )
    return write_csv(header, rows)

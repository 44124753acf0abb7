"""Editions of made-up countries for tests of the site: the synthetic edition with a sector profile and ratings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
from edition_builder import build_edition, make_cell, make_number

from lma.contracts import TableSpec
from lma.publish.edition import publish

SOURCE = "ilostat_lfs_rates"
NO_GAP = "no source has the labour force of this country"
SPECS = (
    TableSpec("T2", "Sector profile", "Employment by sector.", "Sector"),
    TableSpec("T3", "Shortage list", "Ratings.", "Sector"),
)


def _profile_cells(share: float | None, employment: float) -> list[dict[str, Any]]:
    made = make_number(employment, "PS", "ilostat_2emp_sector", [], basis="projection", time_period="2025")
    none = {"symbol": "[x]", "reason": "the survey does not tell"}
    counted = none if share is None else make_number(share, "PC", SOURCE, [], time_period="2023")
    modelled = make_number(
        14.5, "PC", "ilostat_2emp_sector", [], basis="modelled_estimate", time_period="2025"
    )
    columns = ((0, "Employment, persons"), (1, "Share of employment, %"))
    return [
        make_cell("T2.C.employment", (0, "Manufacturing"), columns[0], **made),
        make_cell("T2.C.share", (0, "Manufacturing"), columns[1], **modelled),
        make_cell("T2.REP_MAN.employment", (1, "Manufacturing (reported)"), columns[0], **none),
        make_cell("T2.REP_MAN.share", (1, "Manufacturing (reported)"), columns[1], **counted),
    ]


def _rating_cells(rating: str, gap: float | None) -> list[dict[str, Any]]:
    row, cells = (
        (0, "Manufacturing"),
        [make_cell("T3.C.final_rating", (0, "Manufacturing"), (0, "Rating"), text=rating)],
    )
    for place, (column_id, shift) in enumerate(
        (("gap_q10", -900.0), ("gap_q50", 0.0), ("gap_q90", 900.0)), start=1
    ):
        given = (
            {"symbol": "[x]", "reason": NO_GAP}
            if gap is None
            else make_number(gap + shift, "PS", SOURCE, [], basis="projection", time_period="2026-2030")
        )
        cells.append(make_cell(f"T3.C.{column_id}", row, (place, column_id), **given))
    return cells


def add_country(
    out: Path, ref_area: str, label: str, edition: str = "2026-11", *, share: float | None = 12.5, gap: float | None = 2_000.0,
    rating: str = "WATCH", employment: float = 80_000.0, hostile: bool = False, **changes: Any,
) -> Path:  # fmt: skip
    """Publish an edition without reader forms, or with those in ``forms``; its folder."""
    base = build_edition(hostile)
    added = _profile_cells(share, employment) + _rating_cells(rating, gap)
    cells = pd.concat([base.cells, pd.DataFrame(added)], ignore_index=True)
    cells.loc[cells["row_label"] == "Manufacturing", "row_label"] = changes.pop("sector", "Manufacturing")
    cells = cells.assign(ref_area=ref_area).drop(columns=[])
    given = {"forms": ("csv",), "tables": (*base.tables, *SPECS), **changes}
    edition_of = dataclasses.replace(
        base, ref_area=ref_area, label=label, edition=edition, cells=cells, **given
    )
    return publish(edition_of, out)

"""A synthetic edition, for tests of the output forms only: shaped like a real one, its numbers are made up.

``build_edition()`` gives T0, T1, T5, T6, T7, T10, T11 of Mauritius with empty cells, notes, breaks;
``build_edition(hostile=True)`` adds labels that try to run as a formula or a script, control characters and
very long texts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pandas as pd

from lma.contracts import Edition, TableSpec, table_contract

AS_OF = dt.date(2025, 9, 30)
SHA = {"ilostat_2emp_sector": "a1" * 32, "ilostat_lfs_rates": "b2" * 32, "statsmauritius_eoe": "c3" * 32}
VINTAGE = {
    "ilostat_2emp_sector": dt.date(2025, 8, 1),
    "ilostat_lfs_rates": dt.date(2024, 11, 15),
    "statsmauritius_eoe": dt.date(2025, 6, 30),
}
SECTORS = {
    "A": "Agriculture, forestry, fishing",
    "C": "Manufacturing",
    "F": "Construction",
    "I": "Accommodation and food services",
}
LEVELS = {"A": 28_400.0, "C": 81_250.0, "F": 44_900.0, "I": 47_300.0}
GROWTH = {"A": -0.021, "C": -0.012, "F": 0.018, "I": 0.026}
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+230 5555",
    "-2+3",
    '\t=HYPERLINK("http://example.org")',
    "<script>alert(1)</script>",
)

NOTES = {
    "modelled": "Modelled estimate of the International Labour Organization, not a survey result.",
    "interval": "80 per cent interval from rolling-origin forecast errors of the same series.",
    "eoe": "Export oriented enterprises: large establishments only; jobs, not persons.",
    "naive": "The naive model was the most accurate in the backtest and is used.",
}


def make_cell(address: str, row: tuple[int, str], column: tuple[int, str], **changes: Any) -> dict[str, Any]:
    """One row of marts.assessments: ``address`` is table.row.column; row, column: (order, label)."""
    table_id, row_id, column_id = address.split(".", 2)
    blank = dict.fromkeys(table_contract("marts.assessments").column_names)
    placed = {"table_id": table_id, "row_id": row_id, "column_id": column_id}
    labelled = {
        "row_order": row[0],
        "row_label": row[1],
        "column_order": column[0],
        "column_label": column[1],
    }
    fixed = {"ref_area": "MUS", "address": address, "footnotes": [], "step": "copied", "inputs": []}
    return {**blank, **placed, **labelled, **fixed, **changes}


def make_number(value: float, unit: str, source: str, inputs: list[str], **changes: Any) -> dict[str, Any]:
    """The columns of a cell with a figure."""
    given = {
        "value": value,
        "unit_measure": unit,
        "decimals": 0 if unit in ("PS", "USD") else 1,
        "basis": "reported",
        "source_id": source,
        "as_of": VINTAGE[source.split(" + ")[0]],
        "obs_status": "A",
        "inputs": inputs,
    }
    return {**given, **changes}


def _headlines() -> list[dict[str, Any]]:
    sentences = [
        "Hotels and restaurants are likely to lack between 1 500 and 5 200 workers in 2030 (T5.I.q50).",
        "Agriculture shrinks and releases workers: about 2 800 fewer by 2030 (T5).",
        "In export oriented enterprises 34.2 per cent of the workers are foreign, not 60 as is said (T7).",
        "Recruitment abroad is to be considered in one sector, after pay, training and activation (T10).",
    ]
    column = (0, "Headline")
    return [
        make_cell(f"T0.{n}.sentence", (n, str(n)), column, text=text, step="in words")
        for n, text in enumerate(sentences, start=1)
    ]


def _profile() -> list[dict[str, Any]]:
    lfs, emp = "ilostat_lfs_rates", "ilostat_2emp_sector"
    rows = [
        (
            "EMP",
            "Employment",
            make_number(
                560_800, "PS", emp, ["a1a1a1a1a1a1:1"], basis="modelled_estimate", footnotes=["modelled"]
            ),
        ),
        (
            "UNE_RT",
            "Unemployment rate",
            make_number(
                5.9,
                "PC",
                lfs,
                ["b2b2b2b2b2b2:4"],
                obs_status="B",
                symbol="[b]",
                reason="new questionnaire in 2024",
            ),
        ),
        (
            "NEET_RT",
            "Young people neither in work nor in education",
            make_number(17.25, "PC", lfs, ["b2b2b2b2b2b2:9"]),
        ),
        ("GDP_PC", "GDP per head", {"symbol": "[x]", "reason": "no source in this edition"}),
        ("NET_MIG", "Net migration", make_number(-5, "PS", lfs, ["b2b2b2b2b2b2:12"], basis="projection")),
    ]
    cells = []
    for order, (row_id, label, given) in enumerate(rows):
        cells.append(
            make_cell(f"T1.{row_id}.value", (order, label), (0, "Value"), time_period="2024", **given)
        )
        period = "2024" if "value" in given else None
        gap = {} if period else {"symbol": "[z]", "reason": "no figure, so no period"}
        cells.append(
            make_cell(f"T1.{row_id}.period", (order, label), (1, "Reference period"), text=period, **gap)
        )
    return cells


def _projection() -> list[dict[str, Any]]:
    columns = [
        ("2024", "2024 (persons)"),
        ("q10", "2030 low, q10 (persons)"),
        ("q50", "2030 middle, q50 (persons)"),
        ("q90", "2030 high, q90 (persons)"),
    ]
    cells = []
    for order, (code, label) in enumerate(
        {**SECTORS, "_T": "All sectors", "B": "Mining and quarrying"}.items()
    ):
        level, growth = LEVELS.get(code, 560_800.0), GROWTH.get(code, 0.004)
        for position, (column_id, heading) in enumerate(columns):
            spread = {"q10": 0.92, "q50": 1.0, "q90": 1.09}.get(column_id, 1.0)
            projected = column_id != "2024"
            value = level * (1 + growth) ** 6 * spread if projected else level
            given = make_number(
                value,
                "PS",
                "ilostat_2emp_sector",
                [f"F:MUS:{code}:2030:{column_id}"] if projected else [f"a1a1a1a1a1a1:{order + 2}"],
                basis="projection" if projected else "modelled_estimate",
                time_period="2030" if projected else "2024",
                footnotes=["interval"]
                if column_id in ("q10", "q90")
                else ["modelled"]
                if not projected
                else ["naive"]
                if code == "A"
                else [],
                step="median of the combined forecast" if projected else "copied",
            )
            gap = (
                {"symbol": "[x]", "reason": "fewer than 12 years: no forecast"}
                if projected
                else {"symbol": "[c]", "reason": "fewer than 10 firms"}
            )
            cells.append(
                make_cell(
                    f"T5.{code}.{column_id}",
                    (order, label),
                    (position, heading),
                    **(gap if code == "B" else given),
                )
            )
    return cells


def _balance() -> list[dict[str, Any]]:
    gaps = {
        "C": (-4_100.0, -900.0, 2_300.0),
        "F": (-600.0, 1_450.0, 3_700.0),
        "I": (1_500.0, 3_350.0, 5_200.0),
    }
    cells = []
    for order, (code, values) in enumerate(gaps.items()):
        for position, (column_id, value) in enumerate(
            zip(("gap_q10", "gap_q50", "gap_q90"), values, strict=True)
        ):
            heading = f"Gap in 2030, {column_id[4:]} (persons; above 0: workers lacking)"
            given = make_number(
                value,
                "PS",
                "ilostat_2emp_sector",
                [f"B:MUS:{code}:2030"],
                basis="projection",
                time_period="2030",
            )
            cells.append(
                make_cell(f"T6.{code}.{column_id}", (order, SECTORS[code]), (position, heading), **given)
            )
    return cells


def _dependency() -> list[dict[str, Any]]:
    zones = {"C": ("Manufacturing", None, None), "EOE": ("Export oriented enterprises", 21_480.0, 11_160.0)}
    source = "statsmauritius_eoe + ilostat_2emp_sector"
    cells = []
    for order, (code, (label, national, foreign)) in enumerate(zones.items()):
        share = None if national is None or foreign is None else 100 * foreign / (national + foreign)
        columns = [
            ("national", "National workers (persons)", national, "PS"),
            ("foreign", "Foreign workers (persons)", foreign, "PS"),
            ("share", "Foreign share (per cent)", share, "PC"),
        ]
        for position, (column_id, heading, value, unit) in enumerate(columns):
            gap = {"symbol": "[x]", "reason": "no count by nationality is published for this sector"}
            given = (
                gap
                if value is None
                else make_number(
                    value,
                    unit,
                    source,
                    [f"c3c3c3c3c3c3:{position + 1}"],
                    footnotes=["eoe"],
                    time_period="2025-Q2",
                )
            )
            cells.append(make_cell(f"T7.{code}.{column_id}", (order, label), (position, heading), **given))
        ceiling = make_number(
            50.0, "PC", "statsmauritius_eoe", [f"D:MUS:{code}"], step="configured policy choice"
        )
        cells.append(
            make_cell(f"T7.{code}.ceiling", (order, label), (3, "Configured ceiling (per cent)"), **ceiling)
        )
    return cells


def _decision() -> list[dict[str, Any]]:
    tests = {
        "D0": "Data are good enough",
        "D1": "Shortage now",
        "D2": "Shortage lasts",
        "D3": "Pay was tried",
        "D8": "Ceiling on the foreign share",
    }
    cells = []
    for order, (code, label) in enumerate(SECTORS.items()):
        for position, (test, heading) in enumerate(tests.items()):
            passed = code == "I" or test == "D0"
            text = f"{'passed' if passed else 'not passed'}: P(shortage) = {0.81 if passed else 0.34}"
            given: dict[str, Any] = {
                "text": text,
                "inputs": [f"D:MUS:{code}:{test}"],
                "step": "rule migration_decision",
            }
            if code == "A" and test == "D8":
                given = {"symbol": "[z]", "reason": "not reached: an earlier test was not passed"}
            cells.append(
                make_cell(f"T10.{code}.{test}", (order, label), (position, f"{test} {heading}"), **given)
            )
        persons = {
            "text": "1 500 to 5 200" if code == "I" else None,
            "symbol": None if code == "I" else "[z]",
            "reason": None if code == "I" else "no recommendation",
        }
        cells.append(
            make_cell(f"T10.{code}.persons", (order, label), (9, "Number of persons (range)"), **persons)
        )
    return cells


def _quality() -> list[dict[str, Any]]:
    cells = []
    for order, (source, vintage) in enumerate(VINTAGE.items()):
        cells.append(
            make_cell(f"T11.{source}.title", (order, source), (0, "Data set"), text=f"Table of {source}")
        )
        cells.append(
            make_cell(f"T11.{source}.vintage", (order, source), (1, "Vintage"), text=vintage.isoformat())
        )
        missing = make_number(
            0.0 if order else 2.5,
            "PC",
            source,
            ["K:MUS"],
            symbol=None if order else "[u]",
            reason=None if order else "few rows",
        )
        cells.append(
            make_cell(f"T11.{source}.missing", (order, source), (2, "Missing figures (per cent)"), **missing)
        )
    return cells


def _hostile() -> list[dict[str, Any]]:
    cells = []
    for order, text in enumerate(
        [*HOSTILE, "nul\x00 and bell\x07 and \u202eturned", "very long " * 400], start=20
    ):
        cells.append(make_cell(f"T10.H{order}.D0", (order, text), (0, "D0 Data are good enough"), text=text))
        cells.append(make_cell(f"T10.H{order}.h{order}", (order, text), (order, text), text="x"))
        cells.append(
            make_cell(
                f"T10.H{order}.number",
                (order, text),
                (60, "=1+1"),
                **make_number(-5, "PS", "ilostat_lfs_rates", ["b2b2b2b2b2b2:12"]),
            )
        )
    return cells


def build_cells(hostile: bool = False) -> pd.DataFrame:
    """Cells of all tables, exactly the columns of marts.assessments."""
    parts = [
        *_headlines(),
        *_profile(),
        *_projection(),
        *_balance(),
        *_dependency(),
        *_decision(),
        *_quality(),
        *(_hostile() if hostile else []),
    ]
    return pd.DataFrame(parts, columns=table_contract("marts.assessments").column_names)


def build_tables(hostile: bool = False) -> tuple[TableSpec, ...]:
    """Headings of the tables."""
    title = "=cmd|' /C calc'!A0 What to do" if hostile else "Migration recommendation"
    return (
        TableSpec("T0", "Headlines", "What matters most, each sentence with the table it rests on.", "No."),
        TableSpec("T1", "Country profile", "Mauritius in figures, latest year with data.", "Indicator"),
        TableSpec(
            "T5",
            "Projection of employment",
            "Employment by sector in 2024 and as projected for 2030.",
            "Sector",
            ("interval",),
        ),
        TableSpec(
            "T6",
            "Balance of demand and supply",
            "Workers lacking (above 0) or in surplus (below 0) in 2030.",
            "Sector",
        ),
        TableSpec(
            "T7",
            "Foreign share",
            "National and foreign workers, and the configured ceiling.",
            "Sector or zone",
            ("A ceiling is a policy choice, not a finding.",),
        ),
        TableSpec("T10", title, "Every test of the decision, with the value it used.", "Sector"),
        TableSpec(
            "T11", "Quality of the data", "Every source of this edition, its age and its gaps.", "Source"
        ),
    )


def build_series() -> pd.DataFrame:
    """History and forecast of employment, tidy."""
    rows = []
    rows_of = {code: row for row, code in enumerate(("_T", *LEVELS), start=1)}
    for code, label in {**SECTORS, "_T": "All sectors"}.items():
        level, growth = LEVELS.get(code, 560_800.0), GROWTH.get(code, 0.004)
        history = {
            year: level * (1 + growth) ** (year - 2024) * (0.9 if year == 2020 else 1)
            for year in range(2012, 2025)
        }
        seen = [f"a1a1a1a1a1a1:{rows_of[code]}"]
        rows += [(code, label, str(year), "observed", value, seen) for year, value in history.items()]
        for year in range(2025, 2031):
            middle, width = level * (1 + growth) ** (year - 2024), 0.03 * (year - 2024) ** 0.5
            factors = {
                "mean": 0.0,
                "q025": -1.5 * width,
                "q10": -width,
                "q50": 0.0,
                "q90": width,
                "q975": 1.5 * width,
            }
            rows += [
                (code, label, str(year), measure, middle * (1 + factor), [f"F:MUS:{code}:{year}:{measure}"])
                for measure, factor in factors.items()
            ]
    return pd.DataFrame(
        rows, columns=["economic_activity", "label", "time_period", "measure", "value", "inputs"]
    )


def build_sources() -> pd.DataFrame:
    """Snapshots used: columns of meta.snapshots but retrieved_at."""
    names = [name for name in table_contract("meta.snapshots").column_names if name != "retrieved_at"]
    rows = [
        {
            "snapshot_sha": sha,
            "source_id": source,
            "file_name": f"{source}.csv",
            "publisher": "Statistics Mauritius"
            if source.startswith("stats")
            else "International Labour Organization",
            "table_code": source.upper(),
            "title": f"Table of {source}",
            "url": f"https://example.org/{source}?a=1&b=2",
            "licence": "CC BY 4.0",
            "as_of": VINTAGE[source],
            "n_bytes": 1000,
            "n_rows": 40,
            "n_observations": 39,
            "n_quarantined": 1,
            "definition_sha": "0" * 64,
        }
        for source, sha in SHA.items()
    ]
    return pd.DataFrame(rows, columns=names)


def build_observations() -> pd.DataFrame:
    """Published figures behind the cells: columns of marts.observations, one missing, one with a break."""
    fixed = {
        "ref_area": "MUS",
        "counterpart_area": "_Z",
        "freq": "A",
        "sex": "_T",
        "age": "_T",
        "occupation": "_T",
        "occupation_revision": "_Z",
        "citizenship": "_T",
    }
    judged = {
        "n_alternatives": 0,
        "preferred_because": "only source",
        "is_break": False,
        "break_reason": None,
    }
    rows = []
    for row, (code, level) in enumerate({"_T": 560_800.0, **LEVELS, "B": None}.items(), start=1):
        source = "ilostat_2emp_sector"
        about = {
            "indicator": "EMP",
            "economic_activity": code,
            "activity_revision": "ISIC4",
            "unit_measure": "PS",
            "time_period": "2024",
        }
        value = {
            "obs_value": level,
            "obs_status": "M" if level is None else "E",
            "basis": "modelled_estimate",
            "basis_kind": "modelled",
        }
        origin = {
            "source_id": source,
            "as_of": VINTAGE[source],
            "snapshot_sha": SHA[source],
            "raw_row": row,
            "observation_id": f"a1a1a1a1a1a1:{row}",
            "note": '=note, "quoted"',
        }
        rows.append({**fixed, **judged, **about, **value, **origin})
    source = "ilostat_lfs_rates"
    about = {
        "indicator": "UNE_RT",
        "economic_activity": "_T",
        "activity_revision": "_Z",
        "unit_measure": "PC",
        "time_period": "2024",
    }
    value = {
        "obs_value": 5.9,
        "obs_status": "B",
        "basis": "reported",
        "basis_kind": "reported",
        "is_break": True,
        "break_reason": "publisher's flag",
    }
    origin = {
        "source_id": source,
        "as_of": VINTAGE[source],
        "snapshot_sha": SHA[source],
        "raw_row": 4,
        "observation_id": "b2b2b2b2b2b2:4",
        "note": None,
    }
    rows.append({**fixed, **judged, **about, **value, **origin})
    return pd.DataFrame(rows, columns=table_contract("marts.observations").column_names)


def build_checks() -> pd.DataFrame:
    """Two passed checks and a failed one, with the run's id that must not reach an edition."""
    rows = [
        ("run-17", "marts.observations", "MUS", "unique_key", None, "The key is unique.", True, 3000, 0),
        (
            "run-17",
            "staging.observations",
            "ilostat_lfs_rates",
            "obs_status_known",
            "obs_status",
            "The status is a code of SDMX.",
            True,
            40,
            0,
        ),
        (
            "run-17",
            "staging.observations",
            "statsmauritius_eoe",
            "ref_area_pattern",
            "ref_area",
            "The area is an ISO code.",
            False,
            40,
            1,
        ),
    ]
    return pd.DataFrame(rows, columns=table_contract("meta.contract_checks").column_names)


def build_edition(hostile: bool = False, **changes: Any) -> Edition:
    """The synthetic edition; ``changes`` replace fields of ``Edition``."""
    edition = Edition(
        ref_area="MUS",
        label="Mauritius",
        edition="2025-09",
        as_of=AS_OF,
        tables=build_tables(hostile),
        cells=build_cells(hostile),
        series=build_series(),
        sources=build_sources(),
        observations=build_observations(),
        checks=build_checks(),
        notes=NOTES,
        run={
            "parameters": {"horizon": 6, "seed": 1},
            "versions": {"lma": "0.1.0"},
            "mart_hashes": {"marts.observations": "d4" * 32},
            "started_at": "2025-10-01T02:00:00",
        },
    )
    return dataclasses.replace(edition, **changes)

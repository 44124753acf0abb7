"""What programs read of an edition: Parquet, SDMX-CSV with its structure, data package, metadata, provenance, lineage."""

from __future__ import annotations

import csv
import dataclasses
import io
import logging
import re
from typing import Any

import pandas as pd
import pytest
from edition_builder import build_cells, build_edition, build_observations

from lma.errors import ContractError
from lma.publish import csv_package, parquet, sdmx_csv


def replace_observations(**columns: Any) -> Any:
    """An edition whose observations have other values in some columns."""
    return build_edition(observations=build_observations().assign(**columns))


# ---------------------------------------------------------------- SDMX


def read_sdmx(files: dict[str, bytes]) -> tuple[Any, pd.DataFrame]:
    """The data structure, and one row per observation with all codes and values, as sdmx1 reads the pair."""
    import sdmx

    logging.getLogger("sdmx").setLevel(logging.ERROR)
    structure = sdmx.read_sdmx(io.BytesIO(files["observations.structure.xml"]))
    flow = structure.dataflow["OBSERVATIONS"]
    from sdmx.reader.csv import Reader

    message = Reader().convert(io.BytesIO(files["observations.sdmx.csv"]), structure=flow.structure)
    rows = [
        {
            **{name: str(key.value) for name, key in observation.dimension.values.items()},
            "OBS_VALUE": observation.value,
            **{name: one.value for name, one in observation.attached_attribute.items()},
        }
        for observation in message.data[0].obs
    ]
    return structure, pd.DataFrame(rows)


@pytest.mark.parametrize("value", [None, 1e-9, -0.1, 123456789.25, 1e12])
def test_sdmx_pair_reads_back_with_every_value_dimension_and_code(value: float | None) -> None:
    edition = replace_observations(obs_value=value)
    files = sdmx_csv.render_files(edition)
    structure, read = read_sdmx(files)
    with io.StringIO(files["observations.sdmx.csv"].decode(), newline="") as text:
        written = pd.DataFrame(csv.DictReader(text))
    pd.testing.assert_frame_equal(read, written[list(read.columns)])
    assert list(written.columns[:3]) == ["STRUCTURE", "STRUCTURE_ID", "ACTION"]
    assert set(read.columns) == set(written.columns[3:])
    numbers = [None if text == "" else float(text) for text in read["OBS_VALUE"]]
    assert numbers == [value] * len(edition.observations)
    definition = structure.dataflow["OBSERVATIONS"].structure
    assert str(definition.urn).endswith(f"={sdmx_csv.STRUCTURE_ID}")
    dimensions, measure, attributes = sdmx_csv.list_columns()
    assert [one.id for one in definition.dimensions.components] == [c.name.upper() for c in dimensions]
    assert [one.id for one in definition.measures.components] == [measure.name.upper()]
    assert [one.id for one in definition.attributes.components] == [
        *(c.name.upper() for c in attributes),
        "UNIT_MULT",
    ]


def test_codelists_hold_the_codes_used_with_their_names() -> None:
    structure, read = read_sdmx(sdmx_csv.render_files(build_edition()))
    definition = structure.dataflow["OBSERVATIONS"].structure
    coded = 0
    for component in [*definition.dimensions.components, *definition.attributes.components]:
        assert component.concept_identity.name["en"] and component.concept_identity.description["en"]
        codes = component.local_representation.enumerated
        if codes is not None:
            coded += 1
            assert set(codes.items) == set(read[component.id]) - {""}, component.id
    assert coded >= 15
    areas = structure.codelist["CL_REF_AREA"].items
    assert {code: str(one.name) for code, one in areas.items()} == {"MUS": "Mauritius"}
    assert str(structure.codelist["CL_UNIT_MEASURE"].items["PC"].name) == "Per cent"


def test_structure_says_what_its_schema_demands_and_holds_no_clock() -> None:
    xml = sdmx_csv.render_files(build_edition())["observations.structure.xml"].decode()
    assert "<mes:Prepared>2025-09-30T00:00:00+00:00</mes:Prepared>" in xml
    assert 'isFinal="none"' not in xml and 'id=""' not in xml
    attributes = re.findall(r'<str:Attribute assignmentStatus="(?:Mandatory|Conditional)" id="\w+">', xml)
    assert len(attributes) == xml.count("<str:Attribute ") == 14
    assert len(re.findall("<str:PrimaryMeasure>", xml)) == 14, "every attribute is attached to an observation"


@pytest.mark.parametrize("code", ["=cmd", "A B", "-1", "<b>", "É"])
def test_a_code_that_is_no_identifier_is_refused(code: str) -> None:
    with pytest.raises(
        ContractError, match="in economic_activity of the observations of MUS is no identifier"
    ):
        sdmx_csv.render_files(replace_observations(economic_activity=code))


def test_hostile_notes_and_an_edition_without_observations_are_read_back() -> None:
    hostile = 'a\r\nb\x00 =cmd "quoted", <script> \u202e \u2028 ' + "é" * 300
    _, read = read_sdmx(sdmx_csv.render_files(replace_observations(note=hostile)))
    assert read["NOTE"].str.startswith('a b =cmd "quoted", <script>').all()
    empty = dataclasses.replace(build_edition(), observations=build_observations().head(0))
    files = sdmx_csv.render_files(empty)
    assert files["observations.sdmx.csv"].count(b"\n") == 1
    assert b"CL_REF_AREA" in files["observations.structure.xml"]


# ---------------------------------------------------------------- Parquet


def test_parquet_has_the_cells_of_the_csv_with_their_types() -> None:
    import pyarrow as pa
    from pyarrow import parquet as files_of_arrow

    edition = build_edition(hostile=True)
    files, twins = parquet.render_files(edition), csv_package.render_tables(edition)
    kinds = {"value": pa.float64(), "decimals": pa.int32(), "row_order": pa.int32(), "as_of": pa.date32()}
    for spec in edition.tables:
        table = files_of_arrow.read_table(io.BytesIO(files[f"tables/{spec.table_id}.parquet"]))
        assert {name: table.schema.field(name).type for name in kinds} == kinds
        for name in ("inputs", "footnotes"):
            assert table.schema.field(name).type == pa.list_(pa.string())
        assert table.schema.metadata[b"edition"] == b"2025-09" and table.schema.field("value").metadata
        twin = pd.read_csv(
            io.BytesIO(twins[f"tables/{spec.table_id}.csv"]),
            dtype={"value": float},
            float_precision="round_trip",
        )
        frame = table.to_pandas()
        assert list(frame["address"]) == list(twin["address"])
        pd.testing.assert_series_equal(frame["value"], twin["value"], check_exact=True)
        assert [len(ids) for ids in frame["inputs"]] == list(twin["n_inputs"])
        assert not frame["text"].dropna().str.contains("[\x00\x07\u202e\r\n]").any()
    assert parquet.render_files(edition) == files


def test_parquet_of_missing_and_extreme_numbers() -> None:
    from pyarrow import parquet as files_of_arrow

    cells = build_cells()
    numbers = cells["value"].notna()
    for value in (None, 1e-9, 1e12, -0.0):
        given = cells.assign(value=cells["value"].astype(float).where(~numbers, value))
        edition = build_edition(cells=given[given["table_id"] == "T5"].head(3))
        table = files_of_arrow.read_table(io.BytesIO(parquet.render_files(edition)["tables/T5.parquet"]))
        assert table.column("value").to_pylist() == [value] * 3
    without = dataclasses.replace(build_edition(), observations=build_observations().head(0))
    observed = files_of_arrow.read_table(io.BytesIO(parquet.render_files(without)["observations.parquet"]))
    assert observed.num_rows == 0 and observed.num_columns > 20

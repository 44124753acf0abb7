"""What programs read of an edition: Parquet, SDMX-CSV with its structure, data package, metadata, provenance, lineage."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import logging
import re
import uuid
from collections.abc import Iterator
from typing import Any

import jsonschema
import pandas as pd
import pytest
from edition_builder import build_cells, build_edition, build_observations

from lma.errors import ContractError
from lma.publish import csv_package, metadata, parquet, sdmx_csv
from lma.publish import edition as editions


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
    named = set(written[["STRUCTURE", "STRUCTURE_ID", "ACTION"]].itertuples(index=False, name=None))
    flow = structure.dataflow["OBSERVATIONS"]
    assert named == {("dataflow", str(flow.urn).partition("=")[2], "I")}
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


# ---------------------------------------------------------------- metadata, provenance, lineage

HOSTILE = 'x" <script>alert(1)</script> \u202e\x00 =cmd ' + "long " * 60


def build_hostile() -> Any:
    """An edition whose sources bear texts that try to break out of JSON, a page or an address."""
    edition = build_edition(hostile=True)
    texts = dict.fromkeys(("title", "publisher", "licence", "file_name", "table_code"), HOSTILE)
    sources = edition.sources.assign(**texts, url="javascript:alert(1)")
    return dataclasses.replace(edition, sources=sources, label=HOSTILE)


def build_bare() -> Any:
    """An edition of one sector without a figure, a source, an observation or a check."""
    edition = build_edition()
    cells = edition.cells[(edition.cells["table_id"] == "T5") & (edition.cells["row_id"] == "B")]
    return dataclasses.replace(
        edition, cells=cells, sources=edition.sources.head(0), observations=edition.observations.head(0),
        checks=edition.checks.head(0), run={},
    )  # fmt: skip


@pytest.fixture(scope="module", params=["plain", "hostile", "bare"])
def described(request: pytest.FixtureRequest) -> tuple[Any, dict[str, bytes]]:
    """An edition and all its machine-readable files."""
    build = {"plain": build_edition, "hostile": build_hostile, "bare": build_bare}[request.param]
    edition = dataclasses.replace(build(), forms=("csv", "parquet", "sdmx", "metadata"))
    return edition, editions.render_files(edition)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a JSON document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


def test_crate_names_every_file_with_its_hash_and_refers_to_nothing_that_is_not_there(described: Any) -> None:
    edition, files = described
    graph = json.loads(files["ro-crate-metadata.json"])["@graph"]
    by_id = {entity["@id"]: entity for entity in graph}
    assert len(by_id) == len(graph) and all("@type" in entity for entity in graph)
    named = [node["@id"] for entity in graph for node in walk(list(entity.values())) if set(node) == {"@id"}]
    assert set(named) <= {*by_id, "https://w3id.org/ro/crate/1.1"}
    assert by_id["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    root, run = by_id["./"], by_id["#run"]
    assert {"name", "description", "datePublished", "license"} <= set(root)
    parts = {one["@id"] for one in root["hasPart"]}
    assert parts == set(files) - {"ro-crate-metadata.json", "SHA256SUMS"}
    assert all(by_id[path]["sha256"] == hashlib.sha256(files[path]).hexdigest() for path in parts)
    assert parts == {one["@id"] for one in run["result"]} and run["instrument"] == {"@id": "#lma"}
    inputs = [by_id[one["@id"]] for one in run["object"] if one["@id"].startswith("#source-")]
    assert sorted(one["sha256"] for one in inputs) == sorted(edition.sources["snapshot_sha"])
    assert all(one["license"] and one["version"] for one in inputs)


def test_catalogue_entries_have_what_their_standards_demand(described: Any) -> None:
    edition, files = described
    dcat, dataset = json.loads(files["dcat.jsonld"]), json.loads(files["dataset.jsonld"])
    assert (
        dcat["@type"] == "dcat:Dataset" and dcat["dct:title"]["@value"] and dcat["dct:description"]["@value"]
    )
    prefixes = {key.partition(":")[0] for node in walk(dcat) for key in node if not key.startswith("@")}
    assert prefixes - set(dcat["@context"]) <= {"dcat", "dct", "adms", "foaf", "prov", "spdx", "xsd"}
    distributions = {one["dcat:accessURL"]["@id"]: one for one in dcat["dcat:distribution"]}
    made_before = set(files) - {
        "SHA256SUMS",
        "dcat.jsonld",
        "dataset.jsonld",
        "openlineage.ndjson",
        "ro-crate-metadata.json",
    }
    assert set(distributions) == made_before
    for path, one in distributions.items():
        assert one["spdx:checksum"]["spdx:checksumValue"] == hashlib.sha256(files[path]).hexdigest()
        assert "dct:license" in one or "dct:rights" in one
    assert {one["contentUrl"] for one in dataset["distribution"]} == made_before | {"dcat.jsonld"}
    assert dataset["@context"] == "https://schema.org/" and dataset["@type"] == "Dataset"
    assert dcat["dct:identifier"] == dataset["identifier"] and len(dataset["isBasedOn"]) == len(
        edition.sources
    )
    addresses = [node[key] for node in walk(dataset) for key in ("url",) if key in node]
    assert all(address.startswith("https://") for address in addresses)


def test_a_hostile_source_is_named_but_never_linked() -> None:
    data_set = metadata.describe_dataset(build_hostile())
    assert data_set["isBasedOn"][0]["name"].startswith('x" <script>alert(1)</script>')
    assert "javascript:" not in json.dumps(data_set)


# The parts of the published schema of OpenLineage 2-0-2 that a run event has to keep.
_FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {
            name: {"type": "string", "pattern": "^(https|urn):"} for name in ("_producer", "_schemaURL")
        },
    },
}
_DATASETS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["namespace", "name"],
        "properties": {
            "facets": _FACETS,
            "outputFacets": _FACETS,
            "namespace": {"type": "string"},
            "name": {"type": "string"},
        },
        "additionalProperties": False,
    },
}
RUN_EVENT = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "producer": {"type": "string", "pattern": "^(https|urn):"},
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": {"type": "object", "required": ["runId"], "properties": {"runId": {"type": "string"}, "facets": _FACETS}},
        "job": {"type": "object", "required": ["namespace", "name"], "properties": {"facets": _FACETS}},
        "inputs": _DATASETS,
        "outputs": _DATASETS,
    },
    "additionalProperties": False,
}  # fmt: skip


def test_lineage_is_two_valid_events_of_one_run_at_the_cut_off(described: Any) -> None:
    edition, files = described
    events = [json.loads(line) for line in files["openlineage.ndjson"].decode().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    for event in events:
        jsonschema.validate(event, RUN_EVENT)
        assert event["eventTime"] == f"{edition.as_of}T00:00:00Z"
        assert len(event["inputs"]) == len(edition.sources)
    first, last = events
    assert first["run"] == last["run"] and uuid.UUID(first["run"]["runId"]).version == 5
    outputs = {one["name"]: one for one in last["outputs"]}
    assert len(outputs) == len(last["outputs"]) and "file" in {one["namespace"] for one in last["outputs"]}
    table = outputs["MUS/2025-09/tables/T5.csv"]
    fields = [field["name"] for field in table["facets"]["schema"]["fields"]]
    assert fields == next(csv.reader([files["tables/T5.csv"].decode().splitlines()[0]]))


def test_machine_forms_are_the_same_bytes_again_and_others_for_other_content(described: Any) -> None:
    edition, files = described
    again = editions.render_files(edition)
    assert again == files
    other = editions.render_files(dataclasses.replace(edition, run={"parameters": {"horizon": 7}}))
    ids = [json.loads(made["dcat.jsonld"])["dct:identifier"] for made in (files, other)]
    assert ids[0] != ids[1]
    assert set(files) == {line.split("  ")[1] for line in files["SHA256SUMS"].decode().splitlines()} | {
        "SHA256SUMS"
    }

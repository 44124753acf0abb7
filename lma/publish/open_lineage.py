"""openlineage.ndjson: the run that made an edition, as two events of OpenLineage 2-0-2 (START, COMPLETE), one a line.

Reference: https://openlineage.io/spec/2-0-2/OpenLineage.json. The run's id is made from its content, and the
time of both events is the data cut-off: the clock has no place in an edition.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from lma.contracts import Column, Edition, table_contract
from lma.publish.csv_package import cell_columns, source_columns
from lma.publish.grid import clean_text, format_date
from lma.publish.inventory import EditionFile, identify, list_files, list_sources, web_address

_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"


def render(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """Two lines of JSON; the events name the same run, job, inputs and outputs."""
    inputs = [_describe_input(row, edition) for row in list_sources(edition)]
    outputs = [_describe_output(one, edition) for one in list_files(edition, files)]
    shared = {
        "eventTime": f"{edition.as_of.isoformat()}T00:00:00Z",
        "producer": _producer(edition),
        "schemaURL": _EVENT,
        "run": {"runId": str(identify(edition, files)), "facets": {"processing_engine": _engine(edition)}},
        "job": {
            "namespace": "lma",
            "name": f"assess.{edition.ref_area}",
            "facets": {"jobType": _job(edition)},
        },
    }
    events = (
        {"eventType": "START", **shared, "inputs": inputs, "outputs": []},
        {"eventType": "COMPLETE", **shared, "inputs": inputs, "outputs": outputs},
    )
    lines = (json.dumps(event, ensure_ascii=False, allow_nan=False) for event in events)
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _producer(edition: Edition) -> str:
    """Name of the program that tells the events, as a URI."""
    return f"urn:lma:{urllib.parse.quote(_version(edition), safe='.')}"


def _version(edition: Edition) -> str:
    return clean_text(edition.run.get("versions", {}).get("lma")) or "unknown"


def _facet(edition: Edition, path: str, **content: Any) -> dict[str, Any]:
    name = path.partition("/")[2].removesuffix(".json")
    return {
        "_producer": _producer(edition),
        "_schemaURL": f"{_SPEC}/facets/{path}#/$defs/{name}",
        **content,
    }


def _engine(edition: Edition) -> dict[str, Any]:
    return _facet(edition, "1-1-1/ProcessingEngineRunFacet.json", name="lma", version=_version(edition))


def _job(edition: Edition) -> dict[str, Any]:
    kinds = {"processingType": "BATCH", "integration": "LMA", "jobType": "ASSESSMENT"}
    return _facet(edition, "2-0-3/JobTypeJobFacet.json", **kinds)


def _describe_input(row: Mapping[Any, Any], edition: Edition) -> dict[str, Any]:
    """A publisher's file: the publisher's server (or `file`) is its namespace."""
    address = web_address(row["url"])
    host = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(address)) if address else "file"
    version = f"{format_date(row['as_of'])} sha256:{clean_text(row['snapshot_sha'])}"
    words = clean_text(f"{row['publisher']}: {row['title']} ({row['table_code']}). Licence: {row['licence']}")
    facets = {
        "documentation": _facet(edition, "1-0-1/DocumentationDatasetFacet.json", description=words),
        "version": _facet(edition, "1-0-1/DatasetVersionDatasetFacet.json", datasetVersion=version),
    }
    if address:
        named = {"name": clean_text(row["source_id"]), "uri": address}
        facets["dataSource"] = _facet(edition, "1-0-1/DatasourceDatasetFacet.json", **named)
    return {
        "namespace": host,
        "name": f"{clean_text(row['source_id'])}/{clean_text(row['file_name'])}",
        "facets": facets,
    }


def _describe_output(one: EditionFile, edition: Edition) -> dict[str, Any]:
    facets = {
        "documentation": _facet(edition, "1-0-1/DocumentationDatasetFacet.json", description=one.title),
        "version": _facet(
            edition, "1-0-1/DatasetVersionDatasetFacet.json", datasetVersion=f"sha256:{one.sha256}"
        ),
    }
    if columns := _list_columns(one.path):
        fields = [
            {"name": c.name, "type": c.physical_type, "description": c.description, "ordinal_position": n}
            for n, c in enumerate(columns, start=1)
        ]
        facets["schema"] = _facet(edition, "1-1-1/SchemaDatasetFacet.json", fields=fields)
    size = _facet(edition, "1-0-2/OutputStatisticsOutputDatasetFacet.json", size=one.n_bytes)
    return {
        "namespace": "file",
        "name": f"{edition.ref_area}/{edition.edition}/{one.path}",
        "facets": facets,
        "outputFacets": {"outputStatistics": size},
    }


def _list_columns(path: str) -> list[Column]:
    """Columns of a table that a program reads; none for a document."""
    if path.startswith("tables/"):
        return cell_columns() if path.endswith(".csv") else list(table_contract("marts.assessments").columns)
    if path == "observations.parquet":
        return list(table_contract("marts.observations").columns)
    return source_columns() if path == "sources.csv" else []

"""The files of an edition as its descriptions list them: what each is, in which language, how large, with its hash."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lma.contracts import Edition
from lma.publish.grid import clean_text

MEDIA_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xml": "application/vnd.sdmx.structure+xml",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "html": "text/html",
}
_TITLES = {
    "xlsx": "Assessment as a workbook",
    "ods": "Assessment as a workbook (OpenDocument)",
    "docx": "Assessment as an editable document",
    "pdf": "Assessment as a paged document",
    "html": "Assessment as a page",
    "observations.sdmx.csv": "Published figures that the tables were computed from (SDMX-CSV 2.0)",
    "observations.structure.xml": "Structure of observations.sdmx.csv (SDMX-ML 2.1)",
    "observations.parquet": "Published figures that the tables were computed from (Parquet)",
    "source_conflicts.csv": "Cells for which two sources have a figure",
    "source_conflicts.parquet": "Cells for which two sources have a figure (Parquet)",
    "sources.csv": "Files that the figures come from",
    "units.csv": "Units of the figures",
    "notes.csv": "Notes",
    "run.json": "Inputs, parameters, versions and checks of the run",
    "datapackage.json": "Data package: schemas, units, sources and licences of the tables",
    "dcat.jsonld": "Entry for a catalogue of data (DCAT 3)",
    "dataset.jsonld": "Entry for a search engine (schema.org)",
    "ro-crate-metadata.json": "Provenance (RO-Crate)",
    "openlineage.ndjson": "Events of the run (OpenLineage)",
}


@dataclass(frozen=True)
class EditionFile:
    """One file: ``language`` is empty for a file that programs read."""

    path: str
    title: str
    media_type: str
    language: str
    n_bytes: int
    sha256: str


def list_files(edition: Edition, files: Mapping[str, bytes]) -> list[EditionFile]:
    """The files by path."""
    titles = {spec.table_id: clean_text(spec.title) for spec in edition.tables}
    return [_describe(path, content, titles) for path, content in sorted(files.items())]


def _describe(path: str, content: bytes, titles: Mapping[str, str]) -> EditionFile:
    name = path.rpartition("/")[2]
    stem, ending = name.split(".")[0], name.rpartition(".")[2]
    if path.startswith("tables/"):
        title = f"{stem} {titles.get(stem, '')}".strip() + (" (Parquet)" if ending == "parquet" else "")
    else:
        title = _TITLES.get(name) or _TITLES.get(ending, name)
    media_type = MEDIA_TYPES.get(ending, "application/octet-stream")
    digest = hashlib.sha256(content).hexdigest()
    return EditionFile(path, title, media_type, _read_language(name), len(content), digest)


def _read_language(name: str) -> str:
    """Language of a reader's form: that between its name and its ending, English where there is none."""
    parts = name.split(".")
    if parts[0] != "assessment":
        return ""
    return parts[1] if len(parts) == 3 else "en"


def identify(edition: Edition, files: Mapping[str, bytes]) -> uuid.UUID:
    """Id of the edition, made from what its run.json says: the same content has the same id."""
    record = json.loads(files["run.json"])
    content = json.dumps(record, sort_keys=True)
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:lma:{edition.ref_area}:{edition.edition}:{content}")


def describe_coverage(edition: Edition) -> tuple[str, str]:
    """First and last year of the published figures; empty where there are none."""
    years = sorted({str(period)[:4] for period in edition.observations["time_period"]})
    return (years[0], years[-1]) if years else ("", "")


def list_sources(edition: Edition) -> list[dict[Any, Any]]:
    """Files used, in a fixed order."""
    ordered = edition.sources.sort_values(["source_id", "as_of", "snapshot_sha"], kind="stable")
    return ordered.to_dict("records")


def web_address(value: Any) -> str:
    """An address that may stand in metadata; empty for anything but http and https without blanks."""
    text = clean_text(value)
    safe = text.startswith(("http://", "https://")) and not set(text) & set(' <>"{}|\\^`')
    return text if safe else ""

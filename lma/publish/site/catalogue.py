"""catalogue.jsonld: the data sets of the site for machines, in the words of DCAT and schema.org.

References: DCAT 3, https://www.w3.org/TR/vocab-dcat-3/; schema.org DataCatalog, https://schema.org/DataCatalog.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from lma.publish.csv_package import write_json
from lma.publish.site.frame import edition_path
from lma.publish.site.reading import File, KeptEdition, Shelf

_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "md": "text/markdown",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}


def media_type(path: str) -> str:
    """Media type by the ending of a file, the same on every machine."""
    return _TYPES.get(path.rsplit(".", 1)[-1], "application/octet-stream")


def _title(kept: KeptEdition) -> str:
    return f"Labour market assessment of {kept.label}, edition {kept.edition}"


def _licences(kept: KeptEdition) -> list[str]:
    return sorted(
        {str(one.get("title", "")) for one in kept.package.get("licenses", []) if isinstance(one, dict)}
        - {""}
    )


def render(shelf: Shelf) -> bytes:
    """DCAT: one data set per edition, one distribution per file; addresses are relative to the site."""
    catalogue = {
        "@context": _CONTEXT,
        "@id": "catalogue.jsonld",
        "@type": "dcat:Catalog",
        "dcterms:title": "Labour market assessments",
        "dcat:dataset": [_data_set(kept) for kept in shelf.editions],
    }
    return write_json(catalogue)


def _data_set(kept: KeptEdition) -> dict[str, Any]:
    return {
        "@id": edition_path(kept),
        "@type": "dcat:Dataset",
        "dcterms:title": _title(kept),
        "dcterms:identifier": f"{kept.ref_area}-{kept.edition}",
        "dcterms:spatial": kept.ref_area,
        "dcterms:language": list(kept.languages),
        "dcterms:issued": {"@type": "xsd:gYearMonth", "@value": kept.edition[:7]},
        "dcterms:rights": _licences(kept),
        "dcat:version": kept.edition,
        "dcat:landingPage": f"country/{kept.ref_area}.html",
        "dcat:distribution": [_distribution(kept, one) for one in kept.files],
    }


def _distribution(kept: KeptEdition, file: File) -> dict[str, Any]:
    return {
        "@type": "dcat:Distribution",
        "dcat:downloadURL": quote(edition_path(kept, file.path), safe="/._-~"),
        "dcat:mediaType": media_type(file.path),
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(file.n_bytes)},
        "spdx:checksum": {
            "spdx:algorithm": "spdx:checksumAlgorithm_sha256",
            "spdx:checksumValue": file.sha256,
        },
    }


def describe_catalogue(shelf: Shelf) -> dict[str, Any]:
    """schema.org for search engines: the newest edition of every country; addresses are relative to the first page."""
    sets = [
        {
            "@type": "Dataset",
            "name": _title(kept),
            "description": f"Labour market of {kept.label}: projection, balance, shortages and migration by economic activity.",
            "version": kept.edition,
            "spatialCoverage": kept.label,
            "license": _licences(kept),
            "inLanguage": list(kept.languages),
            "url": f"country/{kept.ref_area}.html",
            "distribution": [
                {
                    "@type": "DataDownload",
                    "encodingFormat": "application/json",
                    "contentUrl": edition_path(kept, "datapackage.json"),
                }
            ],
        }
        for kept in shelf.newest
    ]
    named = {"name": "Labour market assessments", "url": "index.html"}
    return {"@context": "https://schema.org", "@type": "DataCatalog", **named, "dataset": sets}

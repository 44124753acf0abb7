"""dcat.jsonld and dataset.jsonld: an edition as catalogues of data (DCAT-AP 3) and search engines (schema.org) list it.

References: DCAT-AP 3.0, https://semiceu.github.io/DCAT-AP/releases/3.0.0/; https://schema.org/Dataset.
Addresses of files are relative to the edition's folder, because where a ministry serves it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lma.contracts import Edition
from lma.publish.csv_package import write_json
from lma.publish.grid import clean_text, format_date
from lma.publish.inventory import (
    EditionFile,
    describe_coverage,
    identify,
    list_files,
    list_sources,
    web_address,
)
from lma.publish.licences import describe_licence, find_address

KEYWORDS = ("labour market", "labour shortage", "employment projection", "labour migration")
_EU = "http://publications.europa.eu/resource/authority"
_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "adms": "http://www.w3.org/ns/adms#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def _title(edition: Edition) -> str:
    return f"Labour market assessment of {clean_text(edition.label)}, edition {edition.edition}"


def _description(edition: Edition) -> str:
    return (
        f"Which sectors will lack workers, by how many, how sure that is, and where labour migration could fill the gap: "
        f"{clean_text(edition.label)}, figures as known on {edition.as_of.isoformat()}. Projections show what happens if "
        "trends continue; they are not targets."
    )


def _list_licences(edition: Edition) -> list[dict[str, str]]:
    return [describe_licence(one) for one in sorted({clean_text(v) for v in edition.sources["licence"]})]


# ---------------------------------------------------------------- DCAT-AP


def render_dcat(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """JSON-LD of one dcat:Dataset with a distribution per file and the sources it was derived from."""
    first, last = describe_coverage(edition)
    period = {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": {"@type": "xsd:gYear", "@value": first},
        "dcat:endDate": {"@type": "xsd:gYear", "@value": last},
    }
    described = {
        "@context": _CONTEXT,
        "@id": "./",
        "@type": "dcat:Dataset",
        "dct:identifier": f"urn:uuid:{identify(edition, files)}",
        "dct:title": _in_english(_title(edition)),
        "dct:description": _in_english(_description(edition)),
        "dct:issued": _date(edition.as_of.isoformat()),
        "dct:modified": _date(edition.as_of.isoformat()),
        "dcat:version": edition.edition,
        "dct:accrualPeriodicity": {"@id": f"{_EU}/frequency/MONTHLY"},
        "dcat:theme": [{"@id": f"{_EU}/data-theme/SOCI"}],
        "dcat:keyword": [_in_english(word) for word in KEYWORDS],
        "dct:spatial": {"@id": f"{_EU}/country/{edition.ref_area}"},
        **({"dct:temporal": period} if first else {}),
        "dct:language": [{"@id": _language(code)} for code in edition.languages],
        "dct:creator": {"@type": "foaf:Agent", "foaf:name": "Labour market assessment (lma)"},
        "prov:wasDerivedFrom": [_dcat_source(row) for row in list_sources(edition)],
        "dcat:distribution": [_dcat_file(one, edition) for one in list_files(edition, files)],
    }
    return write_json(described)


def _in_english(text: str) -> dict[str, str]:
    return {"@language": "en", "@value": text}


def _date(text: str) -> dict[str, str]:
    return {"@type": "xsd:date", "@value": text}


def _language(code: str) -> str:
    return f"http://id.loc.gov/vocabulary/iso639-1/{code}"


def _checksum(sha256: str) -> dict[str, Any]:
    return {
        "@type": "spdx:Checksum",
        "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
        "spdx:checksumValue": sha256,
    }


def _dcat_rights(licences: Iterable[Any]) -> dict[str, Any]:
    """``dct:license`` where there is one licence with an address, else what the sources say, in words."""
    titles = sorted({clean_text(one) for one in licences})
    addresses = {find_address(title) for title in titles}
    if len(titles) == 1 and "" not in addresses:
        return {"dct:license": {"@id": addresses.pop()}}
    words = "; ".join(describe_licence(title)["title"] for title in titles) or "no source"
    return {
        "dct:rights": {"@type": "dct:RightsStatement", "dct:description": f"Licences of the sources: {words}"}
    }


def _dcat_file(one: EditionFile, edition: Edition) -> dict[str, Any]:
    return {
        "@type": "dcat:Distribution",
        "dct:title": _in_english(one.title),
        "dcat:accessURL": {"@id": one.path},
        "dcat:downloadURL": {"@id": one.path},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{one.media_type}"},
        "dcat:byteSize": {"@type": "xsd:nonNegativeInteger", "@value": str(one.n_bytes)},
        "spdx:checksum": _checksum(one.sha256),
        **({"dct:language": {"@id": _language(one.language)}} if one.language else {}),
        **_dcat_rights(edition.sources["licence"]),
    }


def _dcat_source(row: Mapping[Any, Any]) -> dict[str, Any]:
    address = web_address(row["url"])
    return {
        "@type": "dcat:Dataset",
        "dct:identifier": f"{clean_text(row['source_id'])}:{clean_text(row['snapshot_sha'])}",
        "dct:title": _in_english(clean_text(f"{row['title']} ({row['table_code']})")),
        "dct:publisher": {"@type": "foaf:Agent", "foaf:name": clean_text(row["publisher"])},
        "dcat:version": format_date(row["as_of"]),
        **({"dcat:landingPage": {"@id": address}} if address else {}),
        **_dcat_rights([row["licence"]]),
        "spdx:checksum": _checksum(clean_text(row["snapshot_sha"])),
    }


# ---------------------------------------------------------------- schema.org


def describe_dataset(edition: Edition) -> dict[str, Any]:
    """The edition as schema.org describes a data set, without its files."""
    first, last = describe_coverage(edition)
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": _title(edition),
        "description": _description(edition),
        "version": edition.edition,
        "dateModified": edition.as_of.isoformat(),
        "inLanguage": list(edition.languages),
        "keywords": list(KEYWORDS),
        "creator": {"@type": "Organization", "name": "Labour market assessment (lma)"},
        "spatialCoverage": {
            "@type": "Country",
            "name": clean_text(edition.label),
            "identifier": edition.ref_area,
        },
        **({"temporalCoverage": f"{first}/{last}"} if first else {}),
        "license": [one.get("path", one["title"]) for one in _list_licences(edition)],
        "variableMeasured": [
            {
                "@type": "PropertyValue",
                "name": clean_text(spec.title),
                "description": clean_text(spec.description),
            }
            for spec in edition.tables
        ],
        "isBasedOn": [_describe_work(row) for row in list_sources(edition)],
    }


def _describe_work(row: Mapping[Any, Any]) -> dict[str, Any]:
    address = web_address(row["url"])
    licence = describe_licence(row["licence"])
    return {
        "@type": "Dataset",
        "name": clean_text(f"{row['publisher']}: {row['title']} ({row['table_code']})"),
        "version": format_date(row["as_of"]),
        "license": licence.get("path", licence["title"]),
        **({"url": address} if address else {}),
    }


def render_dataset(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """JSON-LD of a schema.org Dataset with a download per file."""
    downloads = [
        {
            "@type": "DataDownload",
            "name": one.title,
            "contentUrl": one.path,
            "encodingFormat": one.media_type,
            "contentSize": f"{one.n_bytes} B",
            "sha256": one.sha256,
            **({"inLanguage": one.language} if one.language else {}),
        }
        for one in list_files(edition, files)
    ]
    identifier = f"urn:uuid:{identify(edition, files)}"
    return write_json({**describe_dataset(edition), "identifier": identifier, "distribution": downloads})

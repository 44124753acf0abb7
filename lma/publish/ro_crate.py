"""ro-crate-metadata.json: where an edition comes from, as a research object: inputs, software, parameters, run, outputs.

References: RO-Crate 1.1, https://w3id.org/ro/crate/1.1; Process Run Crate 0.5, https://w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lma.contracts import Edition
from lma.publish.csv_package import write_json
from lma.publish.grid import clean_text, format_date
from lma.publish.inventory import EditionFile, identify, list_files, list_sources, web_address
from lma.publish.licences import describe_licence

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CRATE = "https://w3id.org/ro/crate/1.1"
_RUN = "#run"
_SOFTWARE = "#lma"


def render(edition: Edition, files: Mapping[str, bytes]) -> bytes:
    """JSON-LD of the crate: a flat graph of entities that name each other by ``@id``."""
    parts = list_files(edition, files)
    inputs = [_describe_input(row) for row in list_sources(edition)]
    parameters = _list_parameters(edition)
    licences = {
        _licence_id(text): _describe_licence(text) for text in sorted(set(edition.sources["licence"]))
    }
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": _CRATE},
            "about": {"@id": "./"},
        },
        _describe_root(edition, files, parts, list(licences)),
        _describe_run(edition, parts, [*inputs, *parameters]),
        *_describe_software(edition),
        *(_describe_part(part) for part in parts),
        *inputs,
        *parameters,
        *licences.values(),
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
    ]
    context = [f"{_CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
    return write_json({"@context": context, "@graph": graph})


def _refer(ids: list[str]) -> list[dict[str, str]]:
    return [{"@id": one} for one in ids]


def _describe_root(
    edition: Edition, files: Mapping[str, bytes], parts: list[EditionFile], licences: list[str]
) -> dict[str, Any]:
    return {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": _PROFILE},
        "identifier": f"urn:uuid:{identify(edition, files)}",
        "name": f"Labour market assessment of {clean_text(edition.label)}, edition {edition.edition}",
        "description": f"Tables, documents and their sources; figures as known on {edition.as_of.isoformat()}.",
        "version": edition.edition,
        "datePublished": edition.as_of.isoformat(),
        "license": _refer(licences) or "no source has a licence",
        "hasPart": _refer([part.path for part in parts]),
        "mentions": {"@id": _RUN},
    }


def _describe_run(edition: Edition, parts: list[EditionFile], used: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@id": _RUN,
        "@type": "CreateAction",
        "name": f"Assessment of {clean_text(edition.label)}",
        "description": "Figures of the sources checked, projected, rated and laid out; steps of each cell in its column step.",
        "endTime": edition.as_of.isoformat(),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "instrument": {"@id": _SOFTWARE},
        "object": _refer([one["@id"] for one in used]),
        "result": _refer([part.path for part in parts]),
    }


def _describe_software(edition: Edition) -> list[dict[str, Any]]:
    """The program, by version and hash of its code, and what it ran on."""
    versions = {name: clean_text(text) for name, text in sorted(edition.run.get("versions", {}).items())}
    own = {"lma", "code", "method", "classifications"}
    needed = [
        {
            "@id": f"#software-{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, version in versions.items()
        if name not in own
    ]
    hashes = [
        f"{name} {versions[name]}" for name in ("code", "method", "classifications") if name in versions
    ]
    return [
        {
            "@id": _SOFTWARE,
            "@type": "SoftwareApplication",
            "name": "lma",
            "softwareVersion": versions.get("lma", "not recorded"),
            "description": f"sha256 of {', '.join(hashes)}" if hashes else "hashes not recorded",
            "softwareRequirements": _refer([one["@id"] for one in needed]),
        },
        *needed,
    ]


def _describe_part(part: EditionFile) -> dict[str, Any]:
    return {
        "@id": part.path,
        "@type": "File",
        "name": part.title,
        "encodingFormat": part.media_type,
        "contentSize": str(part.n_bytes),
        "sha256": part.sha256,
        **({"inLanguage": part.language} if part.language else {}),
    }


def _describe_input(row: Mapping[Any, Any]) -> dict[str, Any]:
    address, sha = web_address(row["url"]), clean_text(row["snapshot_sha"])
    return {
        "@id": f"#source-{clean_text(row['source_id'])}-{sha}",
        "@type": "CreativeWork",
        "name": clean_text(f"{row['publisher']}: {row['title']} ({row['table_code']})"),
        "alternateName": clean_text(row["file_name"]),
        "version": format_date(row["as_of"]),
        "sha256": sha,
        "contentSize": str(int(row["n_bytes"])),
        "license": {"@id": _licence_id(row["licence"])},
        **({"url": address} if address else {}),
    }


def _licence_id(licence: Any) -> str:
    described = describe_licence(licence)
    return described["path"] if described.get("title") in _PLAIN else f"#licence-{described['name']}"


# Licences whose words say no more than their own text: their address names them.
_PLAIN = frozenset({"CC BY 4.0", "CC BY-SA 4.0", "CC BY 3.0 IGO", "Etalab 2.0"})


def _describe_licence(licence: Any) -> dict[str, Any]:
    described = describe_licence(licence)
    found = {"@id": _licence_id(licence), "@type": "CreativeWork", "name": described["title"]}
    return {**found, "url": described["path"]} if "path" in described else found


def _list_parameters(edition: Edition) -> list[dict[str, Any]]:
    return [
        {
            "@id": f"#parameter-{name}",
            "@type": "PropertyValue",
            "name": name,
            "value": clean_text(value) if value is not None else "none",
        }
        for name, value in sorted(edition.run.get("parameters", {}).items())
    ]

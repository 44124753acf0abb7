"""observations.structure.xml: the SDMX-ML 2.1 structure message of observations.sdmx.csv.

It holds the dataflow, the data structure with every dimension, measure and attribute, the concepts in words,
and codelists with the codes that the file uses, each with its name. sdmx1 writes it and reads the pair back.
Reference: SDMX 2.1 technical specification, section 3A (structure messages), https://sdmx.org.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lma.contracts import Column, Edition, codelist
from lma.errors import ContractError
from lma.publish.csv_package import format_value
from lma.publish.grid import BASIS_WORDS, clean_text, is_missing

AGENCY, FLOW, VERSION = "LMA", "OBSERVATIONS", "1.0.0"
AGENCY_NAME = "Labour market assessment"
UNIT_MULT = Column("unit_mult", "INTEGER", "Power of ten of the figure: 0, the unit itself.", required=True)
_CODES = {
    "ref_area": ("areas", "area"),
    "counterpart_area": ("areas", "area"),
    "indicator": ("indicators", "indicator"),
    "sex": ("sexes", "sex"),
    "age": ("ages", "age"),
    "economic_activity": ("economic_activities", "code"),
    "activity_revision": ("classifications", "classification"),
    "unit_measure": ("units", "unit_measure"),
    "obs_status": ("obs_statuses", "obs_status"),
}
_NAMES = {
    "freq": {"A": "Annual", "Q": "Quarterly", "M": "Monthly"},
    "citizenship": {"NAT": "Nationals", "FOR": "Foreigners"},
    "basis": BASIS_WORDS,
}
_ANYWHERE = {"_T": "Total", "_Z": "Not applicable"}
# What an identifier of SDMX may hold; one that a spreadsheet takes for a formula would not read back from the CSV.
_IDENTIFIER = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_@$-]*")
_TYPES = {"DOUBLE": "double", "INTEGER": "integer", "BOOLEAN": "boolean", "DATE": "gregorianDay"}


def render(
    edition: Edition, dimensions: Iterable[Column], measure: Column, attributes: Iterable[Column]
) -> bytes:
    """SDMX-ML of the structure; ``ContractError`` where a code is no identifier of SDMX."""
    import sdmx
    from sdmx import message
    from sdmx.model import common, v21

    logging.getLogger("sdmx").setLevel(logging.ERROR)
    agency = common.Agency(id=AGENCY, name={"en": AGENCY_NAME})
    shared: dict[str, Any] = {
        "version": VERSION,
        "maintainer": agency,
        "is_final": True,
        "is_external_reference": False,
    }
    scheme = common.ConceptScheme(id="CONCEPTS", name={"en": "Concepts of the observations"}, **shared)
    structure = v21.DataStructureDefinition(id=FLOW, name={"en": _TITLE}, **shared)
    structure.dimensions.id, structure.attributes.id = "DimensionDescriptor", "AttributeDescriptor"
    structure.measures.id = "MeasureDescriptor"
    codelists = _codelists(edition, [*dimensions, *attributes], shared)
    at_observation = {"related_to": v21.PrimaryMeasureRelationship()}
    for order, column in enumerate(dimensions, start=1):
        kind = common.TimeDimension if column.name == "time_period" else common.Dimension
        structure.dimensions.append(kind(order=order, **_component(column, scheme, codelists)))
    structure.measures.append(v21.PrimaryMeasure(**_component(measure, scheme, codelists)))
    for column in attributes:
        status = common.UsageStatus["mandatory" if column.required else "conditional"]
        about = {**_component(column, scheme, codelists), **at_observation, "usage_status": status}
        structure.attributes.append(common.DataAttribute(**about))
    flow = v21.DataflowDefinition(id=FLOW, name={"en": _TITLE}, structure=structure, **shared)
    made = message.StructureMessage(header=_header(edition, agency))
    for part in (scheme, *codelists.values(), structure, flow):
        made.add(part)
    return bytes(sdmx.to_xml(made, pretty_print=True))


_TITLE = "Published figures behind an assessment"


def _header(edition: Edition, agency: Any) -> Any:
    """Prepared on the data cut-off: the clock has no place in an edition."""
    from sdmx import message

    prepared = dt.datetime.combine(edition.as_of, dt.time(), tzinfo=dt.UTC)
    name = f"{edition.ref_area}-{edition.edition}"
    return message.Header(id=name, prepared=prepared, sender=agency, test=False)


def _component(column: Column, scheme: Any, codelists: Mapping[str, Any]) -> dict[str, Any]:
    """Id, concept and representation of a column; its concept is added to the scheme."""
    from sdmx.model import common

    name = column.name.upper()
    concept = common.Concept(
        id=name, name={"en": name.replace("_", " ").capitalize()}, description={"en": column.description}
    )
    scheme.append(concept)
    if column.name in codelists:
        shown = common.Representation(enumerated=codelists[column.name])
    else:
        kind = (
            "observationalTimePeriod"
            if column.name == "time_period"
            else _TYPES.get(column.physical_type, "string")
        )
        shown = common.Representation(non_enumerated=[common.Facet(value_type=common.FacetValueType[kind])])
    return {"id": name, "concept_identity": concept, "local_representation": shown}


def _codelists(edition: Edition, columns: Iterable[Column], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Column -> codelist of the codes that the observations use."""
    from sdmx.model import common

    found = {}
    for column in columns:
        if not (column.name in _CODES or column.valid_values or column.name == "source_id"):
            continue
        names = _code_names(edition, column.name)
        title = f"Codes of {column.name.upper()}"
        codes = common.Codelist(id=f"CL_{column.name.upper()}", name={"en": title}, **shared)
        for code in _used_codes(edition, column):
            codes.append(common.Code(id=code, name={"en": names.get(code, _ANYWHERE.get(code, code))}))
        found[column.name] = codes
    return found


def _used_codes(edition: Edition, column: Column) -> list[str]:
    used = {
        format_value(value, column.physical_type)
        for value in edition.observations[column.name]
        if not is_missing(value)
    }
    if wrong := sorted(code for code in used if not _IDENTIFIER.fullmatch(code)):
        raise ContractError(
            f"the code {wrong[0]!r} in {column.name} of the observations of {edition.ref_area} is no identifier of SDMX "
            "(letters, digits, _, -, @, $): correct it in the source's mapping. Nothing is published."
        )
    return sorted(used)


def _code_names(edition: Edition, name: str) -> dict[str, str]:
    """Code -> name, of the project's codelists and of the sources of this edition."""
    if name == "source_id":
        rows = edition.sources.to_dict("records")
        return {str(row["source_id"]): clean_text(f"{row['publisher']}: {row['title']}") for row in rows}
    if name not in _CODES:
        return _NAMES.get(name, {})
    table, key = _CODES[name]
    listed = codelist(table)
    return dict(zip(listed[key], listed["label_en"], strict=True))

"""SDMX queries, held against the publisher's own data structure before they are sent. The only reader of SDMX structures.

sdmx1 reads the structure message; it makes no request of its own here.
"""

from __future__ import annotations

import difflib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lma.errors import DefinitionError, InputError


@dataclass(frozen=True)
class Structure:
    """Dimensions of a dataflow in the order of its key, each with its codes (None: any text). Time is no part of the key."""

    dimensions: dict[str, frozenset[str] | None]

    @property
    def order(self) -> str:
        """The key's form, such as REF_AREA.FREQ.MEASURE.SEX.AGE."""
        return ".".join(self.dimensions)


def read_structure(body: bytes, flow: str) -> Structure:
    """Structure of ``agency,dataflow,version`` in an SDMX-ML structure message; ``InputError`` when it is not one."""
    if b"<!DOCTYPE" in body[:4096] or b"<!ENTITY" in body:
        raise InputError(
            "the structure message declares XML entities, which no publisher needs: it is not read."
        )
    import sdmx

    logging.getLogger("sdmx").setLevel(logging.ERROR)
    try:
        message: Any = sdmx.read_sdmx(io.BytesIO(body))
        dataflow: Any = message.dataflow[flow.split(",")[1]]
        dimensions = sorted(dataflow.structure.dimensions.components, key=lambda d: d.order or 0)
        found = {d.id: _codes_of(d) for d in dimensions if type(d).__name__ != "TimeDimension"}
    except (
        Exception
    ) as error:  # whatever a publisher's XML makes a reader stumble over, it is the answer that is wrong
        raise InputError(f"the answer is no structure of {flow} ({type(error).__name__}: {error})") from None
    if not found:
        raise InputError(f"the structure of {flow} has no dimensions")
    return Structure(found)


def _codes_of(dimension: Any) -> frozenset[str] | None:
    representation = dimension.local_representation or getattr(
        dimension.concept_identity, "core_representation", None
    )
    codes = getattr(representation, "enumerated", None)
    return frozenset(codes.items) if codes is not None and len(codes.items) else None


def build_key(
    structure: Structure, key: str | Mapping[str, str | list[str]], where: str
) -> dict[str, list[str]]:
    """Codes asked for, by dimension in the order of the key; an empty list is a wildcard.

    ``DefinitionError`` for a key of the wrong length, for a dimension or a code that the structure does not have.
    """
    asked = (
        _split_key(structure, key, where)
        if isinstance(key, str)
        else {name: _as_list(codes) for name, codes in key.items()}
    )
    unknown = [name for name in asked if name not in structure.dimensions]
    if unknown:
        raise DefinitionError(
            f"{where}: download.key names {', '.join(unknown)}, the dimensions are {structure.order}: correct it."
        )
    for name, codes in asked.items():
        _check_codes(structure, name, codes, where)
    return {name: asked.get(name, []) for name in structure.dimensions}


def _split_key(structure: Structure, key: str, where: str) -> dict[str, list[str]]:
    parts = key.split(".")
    if len(parts) != len(structure.dimensions):
        raise DefinitionError(
            f"{where}: download.key {key!r} has {len(parts)} parts, the structure has {len(structure.dimensions)}: {structure.order}. "
            "An empty part asks for everything."
        )
    return {
        name: part.split("+") if part else [] for name, part in zip(structure.dimensions, parts, strict=True)
    }


def _check_codes(structure: Structure, name: str, codes: list[str], where: str) -> None:
    known = structure.dimensions[name]
    for code in codes:
        if not code or "+" in code or "." in code:
            raise DefinitionError(
                f"{where}: download.key has {code!r} as a code of {name}: leave {name} out to ask for everything."
            )
        if known is not None and code not in known:
            near = difflib.get_close_matches(code, sorted(known), n=3)
            raise DefinitionError(
                f"{where}: download.key asks for {name} {code!r}, which the publisher's codelist does not have"
                f"{' (close: ' + ', '.join(near) + ')' if near else ''}. The order of the key is {structure.order}."
            )


def _as_list(codes: str | list[str]) -> list[str]:
    return [codes] if isinstance(codes, str) else list(codes)


def write_key(asked: Mapping[str, list[str]]) -> str:
    """The key as it stands in an address."""
    return ".".join("+".join(codes) for codes in asked.values())

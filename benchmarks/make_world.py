"""Cut the map of `lma site` out of its publishers' files.

    python benchmarks/make_world.py COUNTRIES_110M GEO_CEPII [OUT]

COUNTRIES_110M: countries-110m.json of the npm package world-atlas 2.0.2 (licence ISC), which is Natural Earth 4.1.0,
Admin 0 countries 1:110m (public domain). GEO_CEPII: geo_cepii.xls of CEPII, GeoDist (Etalab 2.0), for the capitals.
OUT (lma/publish/site/world.json) has the outlines as TopoJSON, by ISO 3166-1 numeric code, without Antarctica, and the
longitude and latitude of every capital by alpha-3 code. Same files in, same bytes out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import python_calamine

ANTARCTICA = "010"
OUT = Path(__file__).parent.parent / "lma" / "publish" / "site" / "world.json"
# Codes of CEPII that ISO 3166-1 has replaced.
RENAMED = {"ROM": "ROU", "ZAR": "COD", "TMP": "TLS", "YUG": "SRB", "PAL": "PSE"}
SOURCES = [
    "Natural Earth 4.1.0, Admin 0 countries 1:110m, public domain; as TopoJSON in world-atlas 2.0.2, ISC licence",
    "CEPII, GeoDist, geo_cepii.xls (2011): coordinates of capitals, Etalab 2.0",
]


def cut_outlines(world: dict[str, Any]) -> dict[str, Any]:
    """The topology with the countries alone; arcs that none of them has are left out."""
    found = [one for one in world["objects"]["countries"]["geometries"] if one.get("id") != ANTARCTICA]
    place: dict[int, int] = {}
    geometries = [
        {
            "type": one["type"],
            "arcs": renumber(one["arcs"], place),
            **({"id": one["id"]} if "id" in one else {}),
        }
        for one in found
    ]
    arcs = [world["arcs"][arc] for arc in place]
    countries = {"type": "GeometryCollection", "geometries": geometries}
    return {
        "type": "Topology",
        "transform": world["transform"],
        "objects": {"countries": countries},
        "arcs": arcs,
    }


def renumber(arcs: Any, place: dict[int, int]) -> Any:
    """Numbers of arcs in the order of first use; TopoJSON writes an arc that is run backwards as ``-number - 1``."""
    if isinstance(arcs, list):
        return [renumber(one, place) for one in arcs]
    new = place.setdefault(arcs if arcs >= 0 else ~arcs, len(place))
    return new if arcs >= 0 else ~new


def read_capitals(path: Path) -> dict[str, list[float]]:
    """Alpha-3 code -> longitude and latitude, degrees to a hundredth; the capital, or the city CEPII names instead."""
    rows = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    cities = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    best = sorted(cities, key=lambda city: (city["cap"] != 1, city["maincity"] != 1))
    found: dict[str, list[float]] = {}
    for city in best:
        if city["lat"] not in ("", ".") and city["lon"] not in ("", "."):
            place = [round(float(city["lon"]), 2), round(float(city["lat"]), 2)]
            found.setdefault(RENAMED.get(city["iso3"], city["iso3"]), place)
    return dict(sorted(found.items()))


def main(arguments: list[str]) -> None:
    outlines = cut_outlines(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    content = {"sources": SOURCES, "outlines": outlines, "capitals": read_capitals(Path(arguments[1]))}
    out = Path(arguments[2]) if len(arguments) > 2 else OUT
    out.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{out}: {out.stat().st_size:,} bytes, {len(content['capitals'])} capitals")


if __name__ == "__main__":
    main(sys.argv[1:])

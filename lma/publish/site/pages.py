"""Every page and data file of the site by its path."""

from __future__ import annotations

from collections.abc import Mapping

from lma.publish.site import (
    catalogue,
    changes,
    country_pages,
    downloads,
    methods,
    overview,
    search,
    sector_pages,
)
from lma.publish.site.changes import Change
from lma.publish.site.frame import Place
from lma.publish.site.reading import Shelf
from lma.publish.site.writing import MARKER, describe_site


def render(shelf: Shelf, compared: Mapping[str, Change]) -> dict[str, bytes]:
    """The whole site but the editions themselves; ``compared``: country -> what its newest edition changed."""
    data = {**downloads.render_data(shelf), downloads.CATALOGUE: catalogue.render(shelf)}
    files = {MARKER: describe_site(shelf), **data}
    for code in shelf.languages:
        files |= _render_language(shelf, compared, data, code)
    return files | {
        f"methods/{document.name}.html": methods.render(document) for document in methods.read_documents()
    }


def _render_language(
    shelf: Shelf, compared: Mapping[str, Change], data: Mapping[str, bytes], code: str
) -> dict[str, bytes]:
    sectors = sector_pages.list_sectors(shelf)
    place = {
        name: Place(name, code, shelf.languages)
        for name in ("index", "sectors", "news", "downloads", "methods", "search")
    }
    files = {
        place["index"].path: overview.render(shelf, place["index"]),
        place["sectors"].path: sector_pages.render_list(sectors, shelf, place["sectors"]),
        place["news"].path: changes.render_news(shelf, compared, place["news"]),
        place["downloads"].path: downloads.render(shelf, data, place["downloads"]),
        place["methods"].path: methods.render_list(place["methods"]),
        place["search"].path: search.render(shelf, sectors, place["search"]),
    }
    for sector in sectors:
        here = Place(sector.page, code, shelf.languages)
        files[here.path] = sector_pages.render(sector, shelf, here)
    for ref_area in shelf.countries:
        here = Place(f"country/{ref_area}", code, shelf.languages)
        files[here.path] = country_pages.render(shelf, ref_area, compared.get(ref_area), here)
    return files

"""search.html: a page that holds its own index, so that it works from a folder and without a network."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from lma.publish.edition import name_form
from lma.publish.grid import clean_text
from lma.publish.markup import Html, element, embed_json, escape_text
from lma.publish.site.frame import Place, compose, country_name, edition_path, paragraph, read_asset
from lma.publish.site.methods import read_documents
from lma.publish.site.reading import KeptEdition, Shelf
from lma.publish.site.sector_pages import Sector

# Figures of assessment.html, which it names by a figcaption.
_FIGURE = re.compile(r'<figure\b[^>]*\bid="([^"]+)"[^>]*>\s*<figcaption\b[^>]*>(.*?)</figcaption>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")

Entry = tuple[str, str, str, str]
"""Title, what it is, link, further words it is found by."""


def render(shelf: Shelf, sectors: Sequence[Sector], place: Place) -> bytes:
    """The page in one language."""
    words = place.words
    entries = list(list_entries(shelf, sectors, place))
    label = element(
        "label", escape_text(words.say("Countries, sectors, tables, figures, methods")), for_="query"
    )
    box = Html('<input type="search" id="query" autocomplete="off" spellcheck="false" maxlength="200">')
    said = {
        "data_none": words.say("Nothing found."),
        "data_found": words.say("Found: {count}", count="{n}"),
        "data_more": words.say("Found: {count}, the first {most} are shown", count="{n}", most="{most}"),
    }
    count = element("p", id="count", role="status", **said)
    results = element("ol", id="results", class_="results")
    without = element(
        "noscript",
        paragraph(
            words.say("The search needs JavaScript. Everything it finds is linked from the other pages.")
        ),
    )
    index = Html(f'<script type="application/json" id="index">{embed_json(entries)}</script>')
    return compose(
        place, words.say("Search"), label, box, count, results, without, index, script=read_asset("search.js")
    )


def list_entries(shelf: Shelf, sectors: Sequence[Sector], place: Place) -> Iterator[Entry]:
    """Everything that can be found, in the language of the page; the English words find it too."""
    words = place.words
    newest = sorted(shelf.newest, key=lambda kept: country_name(words, kept).casefold())
    for kept in newest:
        yield (
            country_name(words, kept),
            words.say("Country"),
            place.page(f"country/{kept.ref_area}"),
            _also(kept.ref_area, kept.label),
        )
    for sector in sectors:
        yield (
            words.text(sector.label),
            words.say("Sector"),
            place.page(sector.page),
            _also(sector.code, sector.label),
        )
    for kept in newest:
        yield from _inside(kept, place)
    for document in read_documents():
        link = place.link(f"methods/{document.name}.html")
        yield document.title, words.say("Methods"), link, ""
        yield from (
            (said, words.say("Methods: {document}", document=document.title), f"{link}#{name}", "")
            for name, said in document.headings[1:]
        )


def _also(*further: str) -> str:
    return clean_text(" ".join(further))


def _inside(kept: KeptEdition, place: Place) -> Iterator[Entry]:
    """Tables and figures of the page of one edition, in the reader's language where the edition has it."""
    words, name = place.words, country_name(place.words, kept)
    code = place.code if place.code in kept.languages else "en"
    page = name_form("assessment.html", code)
    if not kept.holds(page):
        return
    link = place.link(edition_path(kept, page))
    for table_id, title in kept.table_titles.items():
        said = words.say("{table} {title}", table=table_id, title=words.text(title))
        yield (
            said,
            words.say("Table: {country}", country=name),
            f"{link}#{table_id}",
            _also(kept.ref_area, kept.label, title),
        )
    for figure_id, caption in list_figures((kept.folder / page).read_text(encoding="utf-8")):
        yield (
            caption,
            words.say("Figure: {country}", country=name),
            f"{link}#{figure_id}",
            _also(kept.ref_area, kept.label),
        )


def list_figures(page: str) -> list[tuple[str, str]]:
    """Id and title of every figure of a page of an edition."""
    found = (
        (figure_id, clean_text(html.unescape(_TAG.sub("", caption))).strip())
        for figure_id, caption in _FIGURE.findall(page)
    )
    return [(figure_id, caption) for figure_id, caption in found if caption]

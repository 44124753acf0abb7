"""index.html: the map and the table of countries."""

from __future__ import annotations

import re
from collections import Counter

from lma.contracts import countries
from lma.languages import Language
from lma.publish.markup import Html, element, embed_json, escape_text, join
from lma.publish.site import world_map
from lma.publish.site.catalogue import describe_catalogue
from lma.publish.site.frame import (
    Place,
    anchor,
    compose,
    country_name,
    link_sentence,
    page_path,
    paragraph,
    rank_rating,
    section,
    site_title,
    table,
)
from lma.publish.site.reading import KeptEdition, Shelf

_GAP = re.compile(r"T3\.[^.\s,;()]+\.gap_")


def render(shelf: Shelf, place: Place) -> bytes:
    """The first page in one language."""
    words = place.words
    about = words.say(
        "Which sectors will lack workers, by how many, how sure is that, and where could labour migration fill the gap? "
        "One assessment per country, each in editions that never change."
    )
    data = Html(f'<script type="application/ld+json">{embed_json(describe_catalogue(shelf))}</script>')
    return compose(
        place,
        site_title(words),
        paragraph(about, class_="lead"),
        _map(shelf, place),
        section("countries", words.say("Countries"), _table(shelf, place)),
        data,
    )


def _map(shelf: Shelf, place: Place) -> Html:
    words = place.words
    marks = [_mark(kept, place) for kept in shelf.newest]
    label = words.say("Map of the countries that have an edition; the table below has the same links")
    key = [(world_map.WITH_GAP, "dot", words.say("edition with a gap between demand and supply"))]
    if any(not mark.has_gap for mark in marks):
        key.append(
            (world_map.WITHOUT_GAP, "dot square", words.say("edition without a gap: the table says why"))
        )
    entries = [
        element("li", Html(f'<i class="{kind}" style="background:{colour}"></i>'), escape_text(said))
        for colour, kind, said in key
    ]
    note = words.say(
        "Outlines: Natural Earth. They imply no opinion on the status of a territory or on a border. Dots: capitals."
    )
    caption = element("figcaption", element("ul", *entries, class_="key"), paragraph(note, class_="quiet"))
    return element("figure", world_map.draw_map(marks, label), caption, class_="map")


def _mark(kept: KeptEdition, place: Place) -> world_map.Mark:
    words = place.words
    label = words.say("{country}, edition {edition}", country=country_name(words, kept), edition=kept.edition)
    return world_map.Mark(
        kept.ref_area, label, page_path(f"country/{kept.ref_area}", place.code), why_no_gap(kept) is None
    )


def _table(shelf: Shelf, place: Place) -> Html:
    words = place.words
    header = (
        words.say("Country"),
        words.say("Role"),
        words.say("Newest edition"),
        words.say("Data cut-off"),
        words.say("Headline finding"),
        words.say("Ratings of sectors"),
        words.say("Labour migration"),
    )
    ordered = sorted(shelf.newest, key=lambda kept: (country_name(words, kept).casefold(), kept.ref_area))
    rows = [_row(kept, shelf, place) for kept in ordered]
    return table(words.say("Countries with an edition"), [(said, False) for said in header], rows)


def _row(kept: KeptEdition, shelf: Shelf, place: Place) -> tuple[Html, ...]:
    words = place.words
    n_errata = sum(one.edition == kept.edition for one in shelf.errata.get(kept.ref_area, ()))
    href = place.page(f"country/{kept.ref_area}", "errata")
    errata = (
        element("p", anchor(words.count("{n} erratum", "{n} errata", n_errata), href))
        if n_errata
        else Html("")
    )
    return (
        anchor(country_name(words, kept), place.page(f"country/{kept.ref_area}")),
        escape_text(say_role(words, kept)),
        join(escape_text(kept.edition), errata),
        escape_text(words.date(kept.as_of)),
        headline(place, kept),
        rating_counts(words, kept),
        decision_counts(words, kept),
    )


def say_role(words: Language, kept: KeptEdition) -> str:
    """Whether the country's file calls it a destination of workers or an origin; said too where it has no file."""
    known = countries().get(kept.ref_area)
    said = {"destination": words.say("destination of workers"), "origin": words.say("origin of workers")}
    return said[known.role] if known else words.say("not set: assessed as a destination")


def headline(place: Place, kept: KeptEdition) -> Html:
    """The sentence about the gap, else the first one; why there is no gap where there is none."""
    sentences = [one.text for one in kept.table("T0").figures.values()]
    chosen = next((text for text in sentences if _GAP.search(text)), next(iter(sentences), ""))
    words, reason = place.words, why_no_gap(kept)
    parts = [element("p", link_sentence(place, kept, chosen), class_="finding")] if chosen else []
    if reason is not None:
        parts.append(
            paragraph(
                words.say(
                    "No gap: {reason}", reason=words.text(reason) or words.say("the edition does not say why")
                )
            )
        )
    return join(*parts)


def why_no_gap(kept: KeptEdition) -> str | None:
    """Why an edition has no gap in any sector, in its own words; None where it has one."""
    gaps = kept.table("T3").column("gap_q50").values()
    if any(one.value is not None for one in gaps):
        return None
    reasons = [one.reason for one in (*gaps, *kept.table("T6").figures.values())]
    return next((text for text in reasons if text), "")


def _count(kept: KeptEdition, table_id: str, column_id: str) -> list[tuple[str, int]]:
    """Code -> number of sectors, in order of the numbers; the row of all sectors together is not one of them."""
    cells = kept.table(table_id).column(column_id)
    found = [one.text for row_id, one in cells.items() if row_id != "_T" and one.text]
    return sorted(Counter(found).items(), key=lambda item: (-item[1], item[0]))


def rating_counts(words: Language, kept: KeptEdition) -> Html:
    """How many sectors have which rating."""
    rows = [
        words.say("{what}: {n}", what=words.text(code), n=n)
        for code, n in sorted(_count(kept, "T3", "final_rating"), key=lambda pair: rank_rating(pair[0]))
    ]
    return _lines(rows or [words.say("no sector rated")])


def decision_counts(words: Language, kept: KeptEdition) -> Html:
    """For how many sectors the tests ended how."""
    rows = [words.say("{what}: {n}", what=words.text(code), n=n) for code, n in _count(kept, "T10", "result")]
    return _lines(rows or [words.say("no sector tested")])


def _lines(rows: list[str]) -> Html:
    return element("ul", *[element("li", escape_text(row)) for row in rows], class_="lines")

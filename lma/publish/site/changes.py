"""news.html, and on a country's page what changed from one edition to the next and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lma.languages import Language
from lma.publish.markup import Html, element, escape_text, join
from lma.publish.site.frame import Place, anchor, compose, country_name, paragraph, section, table, unit_words
from lma.publish.site.reading import KeptEdition, Shelf


@dataclass(frozen=True)
class Cause:
    """One reason for change: ``kind`` is data, method, classification or calendar; ``subject``: a source of data.

    ``words``: what happened to it; without words nothing did, or the page knows how to say it.
    """

    kind: str
    subject: str = ""
    words: str = ""


@dataclass(frozen=True)
class Moved:
    """One cell whose number changed."""

    address: str
    row_label: str
    column_label: str
    before: float
    after: float
    decimals: int
    unit: str


@dataclass(frozen=True)
class Change:
    """From one edition of a country to the next: causes, how many cells changed in which way, and those that moved most."""

    before: str
    after: str
    causes: tuple[Cause, ...]
    counts: Mapping[str, int]
    n_cells: int
    largest: tuple[Moved, ...]


def render_news(shelf: Shelf, changes: Mapping[str, Change], place: Place) -> bytes:
    """What changed with the newest edition of every country, the newest first."""
    words = place.words
    ordered = sorted(shelf.newest, key=lambda kept: country_name(words, kept).casefold())
    ordered = sorted(ordered, key=lambda kept: kept.edition[:7], reverse=True)
    parts = [_country_news(kept, changes.get(kept.ref_area), place) for kept in ordered]
    lead = words.say(
        "What the newest edition of each country changed, and whether new data, another method or another classification did it."
    )
    return compose(place, words.say("What changed"), paragraph(lead, class_="lead"), *parts)


def _country_news(kept: KeptEdition, change: Change | None, place: Place) -> Html:
    words = place.words
    title = words.say("{country}, edition {edition}", country=country_name(words, kept), edition=kept.edition)
    link = element(
        "p",
        anchor(
            words.say("All editions of {country}", country=country_name(words, kept)),
            place.page(f"country/{kept.ref_area}"),
        ),
    )
    return section(kept.ref_area, title, show_change(words, change), link)


def show_change(words: Language, change: Change | None) -> Html:
    """One change in full; a first edition says that it is one."""
    if change is None:
        return paragraph(words.say("First edition on this site: there is nothing to compare it with."))
    said = words.say("From {before} to {after}: {changed} of {n} cells differ.", before=change.before, after=change.after,
                     changed=sum(change.counts.values()), n=change.n_cells)  # fmt: skip
    ways = {
        "revised": words.say("numbers revised"),
        "reworded": words.say("texts reworded"),
        "added": words.say("cells added"),
        "removed": words.say("cells removed"),
    }
    counts = [
        words.say("{what}: {n}", what=said_way, n=change.counts[way])
        for way, said_way in ways.items()
        if change.counts.get(way)
    ]
    listed = element("ul", *[element("li", escape_text(one)) for one in counts]) if counts else Html("")
    return join(paragraph(said), listed, _causes(words, change), _largest(words, change))


def say_kind(words: Language, kind: str) -> str:
    """Kind of a cause in words."""
    said = {
        "data": words.say("Data"),
        "method": words.say("Method"),
        "classification": words.say("Classification"),
        "calendar": words.say("Passing of time"),
    }
    return said.get(kind, kind)


def _say_subject(words: Language, cause: Cause) -> str:
    said = {
        "data": words.say("all sources"),
        "method": words.say("program, libraries, parameters"),
        "classification": words.say("codelists and crosswalks"),
        "calendar": words.say("ages of data"),
    }
    return cause.subject or said.get(cause.kind, "")


def _say_words(words: Language, cause: Cause) -> str:
    said = {
        "data": words.say("every source has the vintage it had"),
        "calendar": words.say("they are counted up to the month of the edition"),
    }
    return words.text(cause.words) or said.get(cause.kind, "")


def _causes(words: Language, change: Change) -> Html:
    rows = [
        tuple(map(escape_text, (say_kind(words, one.kind), _say_subject(words, one), _say_words(words, one))))
        for one in change.causes
    ]
    header = [(words.say("Why"), False), (words.say("What"), False), (words.say("How"), False)]
    caption = words.say("Why it changed, {before} to {after}", before=change.before, after=change.after)
    return table(caption, header, rows)


def _largest(words: Language, change: Change) -> Html:
    if not change.largest:
        said = words.say(
            "No number changed but in tables about the sources, the models and the ratings themselves."
        )
        return paragraph(said)
    header = [
        (words.say("Cell"), False),
        (change.before, True),
        (change.after, True),
        (words.say("Unit"), False),
    ]
    rows = [
        (
            escape_text(
                words.say(
                    "{address} {row}, {column}",
                    address=one.address,
                    row=words.text(one.row_label),
                    column=words.text(one.column_label),
                )
            ),
            escape_text(words.number(one.before, one.decimals).replace("-", "\u2212")),
            escape_text(words.number(one.after, one.decimals).replace("-", "\u2212")),
            escape_text(unit_words(words, one.unit)),
        )
        for one in change.largest
    ]
    caption = words.say(
        "Numbers that moved most, {before} to {after}", before=change.before, after=change.after
    )
    return table(caption, header, rows)

"""sectors.html and sector/<code>.html: one sector in every country. Only reported figures are ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lma.contracts import codelist
from lma.languages import Language
from lma.publish.markup import Html, element, escape_text, join
from lma.publish.site.frame import (
    Place,
    anchor,
    compose,
    country_name,
    explain_missing,
    legend,
    paragraph,
    rank_rating,
    section,
    table,
    write_figure,
)
from lma.publish.site.reading import NO_FIGURE, Figure, KeptEdition, Shelf

_REPORTED = "REP_"
MEASURES: dict[str, Callable[[Language], str]] = {
    "employment": lambda words: words.say("Employment, persons"),
    "share": lambda words: words.say("Share of employment, %"),
    "growth_1y": lambda words: words.say("Growth of employment over 1 year, % a year"),
    "growth_5y": lambda words: words.say("Growth of employment over 5 years, % a year"),
    "female": lambda words: words.say("Women among the employed, %"),
    "informal": lambda words: words.say("Informal employment, %"),
    "migrant_share": lambda words: words.say("Foreign workers, %"),
    "earnings_relative": lambda words: words.say("Earnings relative to the national mean, %"),
    "hours": lambda words: words.say("Weekly hours"),
    "vacancy_rate": lambda words: words.say("Vacancy rate, %"),
}
"""Columns of T2 that are compared. Earnings in national currency are not: a rank would compare currencies."""


@dataclass(frozen=True)
class Sector:
    """One activity, or the same activity at two levels; ``codes``: its row ids in the tables, the first names its page."""

    code: str
    label: str
    order: int
    codes: tuple[str, ...]

    @property
    def page(self) -> str:
        """Name of its page."""
        return f"sector/{self.code}"


@dataclass
class _Found:
    codes: dict[str, str] = field(default_factory=dict)


def list_sectors(shelf: Shelf) -> list[Sector]:
    """Every activity that a newest edition has, in the order of the classification."""
    listed = codelist("economic_activities")
    order = dict(zip(listed["code"], listed["order"].astype(int), strict=True))
    sections = dict(zip(listed["code"], listed["sections"], strict=True))
    groups: dict[str, _Found] = {}
    for row_id, label in _activity_rows(shelf.newest):
        code = plain_code(row_id)
        groups.setdefault(sections.get(code) or code, _Found()).codes.setdefault(row_id, label)
    return sorted(
        (_as_sector(found.codes, order) for found in groups.values()), key=lambda one: (one.order, one.code)
    )


def _activity_rows(editions: Iterable[KeptEdition]) -> Iterable[tuple[str, str]]:
    for kept in editions:
        rated = {
            row: label
            for row, label in kept.rows("T3").items()
            if kept.figure("T3", row, "final_rating").text
        }
        zones = {row: label for row, label in kept.rows("T10").items()}
        yield from {**zones, **kept.rows("T2"), **rated}.items()


def plain_code(row_id: str) -> str:
    """Code of an activity from a row id of T2, where reported rows begin with REP_."""
    code = row_id.removeprefix(_REPORTED)
    return "_T" if row_id == "REP_T" else code


def _as_sector(codes: dict[str, str], order: dict[str, int]) -> Sector:
    listed = codelist("economic_activities")
    labels = dict(zip(listed["code"], listed["label_en"], strict=True))
    ranked = sorted(codes, key=lambda row: (order.get(plain_code(row), 9999), row.startswith(_REPORTED), row))
    first = plain_code(ranked[0])
    label = labels.get(first) or codes[ranked[0]]
    return Sector(first, label, order.get(first, 9999), tuple(ranked))


# ---------------------------------------------------------------- the pages


def render_list(sectors: Sequence[Sector], shelf: Shelf, place: Place) -> bytes:
    """All sectors with how many countries have them, and the rating of each country."""
    words = place.words
    rows = [_list_row(one, shelf, place) for one in sectors]
    header = [
        (words.say("Sector"), False),
        (words.say("Countries with figures"), True),
        (words.say("Ratings of the newest editions"), False),
    ]
    lead = words.say("One page per sector: what the newest edition of every country says of it.")
    return compose(
        place,
        words.say("Sectors"),
        paragraph(lead, class_="lead"),
        table(words.say("Sectors of all countries"), header, rows),
    )


def _list_row(sector: Sector, shelf: Shelf, place: Place) -> tuple[Html, ...]:
    words = place.words
    having = [kept for kept in shelf.newest if _has(kept, sector)]
    rated: dict[str, list[str]] = {}
    for kept in having:
        code = _first(kept, "T3", sector, "final_rating").text
        if code:
            rated.setdefault(code, []).append(country_name(words, kept))
    lines = [
        words.say("{what}: {who}", what=words.text(code), who=_shorten(words, sorted(names)))
        for code, names in sorted(rated.items(), key=lambda pair: rank_rating(pair[0]))
    ]
    listed = element("ul", *[element("li", escape_text(line)) for line in lines], class_="lines")
    return (
        anchor(words.text(sector.label), place.page(sector.page)),
        escape_text(words.number(len(having))),
        listed if lines else escape_text(words.say("not rated")),
    )


def _shorten(words: Language, names: list[str], most: int = 6) -> str:
    """Names one after the other; of many the first few and how many more."""
    shown = ", ".join(names[:most])
    return (
        shown if len(names) <= most else words.say("{names} and {n} more", names=shown, n=len(names) - most)
    )


def render(sector: Sector, shelf: Shelf, place: Place) -> bytes:
    """The page of one sector."""
    words = place.words
    having = sorted(
        (kept for kept in shelf.newest if _has(kept, sector)),
        key=lambda kept: country_name(words, kept).casefold(),
    )
    lead = words.say("What the newest edition of every country says of this sector.")
    return compose(
        place,
        words.text(sector.label),
        paragraph(lead, class_="lead"),
        section("ranked", words.say("Reported figures, ranked"), *_ranked(sector, having, place)),
        section(
            "assessed",
            words.say("Ratings, gaps and modelled figures, not ranked"),
            *_assessed(sector, having, place),
        ),
        legend(words),
    )


def _has(kept: KeptEdition, sector: Sector) -> bool:
    return any(code in kept.rows(table_id) for table_id in ("T2", "T3", "T10") for code in sector.codes)


def _first(
    kept: KeptEdition, table_id: str, sector: Sector, column_id: str, *, reported: bool | None = None
) -> Figure:
    """The first cell of the sector's rows that holds something; ``reported`` asks for rows of that kind alone."""
    codes = [code for code in sector.codes if reported is None or code.startswith(_REPORTED) == reported]
    found = [kept.figure(table_id, code, column_id) for code in codes]
    held = [one for one in found if one.value is not None or one.text]
    return next(iter([*held, *(one for one in found if one.reason)]), NO_FIGURE)


def _reported(kept: KeptEdition, sector: Sector, column_id: str) -> Figure | None:
    """The reported figure of one measure: of T2, and for foreign workers of T7 where T2 has none."""
    places = [("T2", code, column_id) for code in sector.codes]
    if column_id == "migrant_share":
        places += [("T7", code, "share") for code in sector.codes]
    return next((one for one in (kept.figure(*place) for place in places) if one.is_reported), None)


# ---------------------------------------------------------------- ranked


def _ranked(sector: Sector, having: Sequence[KeptEdition], place: Place) -> list[Html]:
    words = place.words
    why = words.say(
        "A rank compares what countries counted. Modelled and projected figures are not ranked: they rest on assumptions that "
        "countries share, so their order would say more about the model than about the countries."
    )
    tables = [
        _ranked_table(column_id, sector, having, place) for column_id in MEASURES if column_id != "employment"
    ]
    found = [one for one in tables if one]
    none = paragraph(words.say("No edition has a reported figure of this sector, so nothing is ranked."))
    caution = words.say(
        "Periods and surveys differ between countries; a note beside a figure marks a break or low reliability."
    )
    return [paragraph(why), *([paragraph(caution, class_="quiet"), *found] if found else [none])]


def _ranked_table(column_id: str, sector: Sector, having: Sequence[KeptEdition], place: Place) -> Html:
    words = place.words
    pairs = [(kept, one) for kept in having if (one := _reported(kept, sector, column_id))]
    if not pairs:
        return Html("")
    ordered = sorted(pairs, key=lambda pair: -(pair[1].value or 0.0))
    rows = [
        _ranked_row(kept, one, rank, column_id, sector, place)
        for rank, (kept, one) in zip(_ranks(ordered), ordered, strict=True)
    ]
    name = MEASURES[column_id](words)
    header = [
        (words.say("Country"), False),
        (words.say("Rank"), True),
        (name, True),
        (words.say("Period"), False),
        (words.say("Source"), False),
        (words.say("Vintage"), False),
    ]
    return table(name, header, rows)


def _ranks(ordered: Sequence[tuple[KeptEdition, Figure]]) -> list[int]:
    """Rank from the largest; equal figures as shown share a rank; a figure alone is not ranked (0)."""
    if len(ordered) < 2:
        return [0] * len(ordered)
    shown = [round(one.value or 0.0, one.decimals) for _, one in ordered]
    return [shown.index(value) + 1 for value in shown]


def _ranked_row(
    kept: KeptEdition, one: Figure, rank: int, column_id: str, sector: Sector, place: Place
) -> tuple[Html, ...]:
    words = place.words
    period = one.period or kept.figure("T2", sector.codes[0], f"{column_id}_period").text
    alone = element(
        "abbr", escape_text("[z]"), class_="symbol", title=words.say("one country alone is not ranked")
    )
    return (
        _country_link(kept, place),
        escape_text(words.number(rank)) if rank else alone,
        write_figure(words, one),
        escape_text(period) if period else write_figure(words, NO_FIGURE),
        _source(kept, one),
        element("span", escape_text(one.as_of), class_="day")
        if one.as_of
        else write_figure(words, NO_FIGURE),
    )


def _source(kept: KeptEdition, one: Figure) -> Html:
    """Publisher and id of the source, or of the sources, of one figure."""
    if not one.source_id:
        return Html("[x]")
    ids = one.source_id.split(" + ")
    return join(
        *[
            element("span", escape_text(f"{kept.publishers.get(name, '')} ({name})".strip()), class_="source")
            for name in ids
        ]
    )


def _country_link(kept: KeptEdition, place: Place) -> Html:
    return anchor(country_name(place.words, kept), place.page(f"country/{kept.ref_area}"))


# ---------------------------------------------------------------- not ranked


def _assessed(sector: Sector, having: Sequence[KeptEdition], place: Place) -> list[Html]:
    words = place.words
    note = words.say(
        "Countries in alphabetical order. A gap above zero means that workers are lacking, below zero a surplus."
    )
    return [
        paragraph(note),
        *_ratings(words, {kept: _judged(kept, sector) for kept in having}, place),
        *_gaps(words, {kept: _counted(kept, sector) for kept in having}, place),
    ]


def _judged(kept: KeptEdition, sector: Sector) -> list[Figure]:
    """Rating, confidence, decision, foreign share."""
    columns = (("T3", "final_rating"), ("T3", "confidence"), ("T10", "result"))
    foreign = _reported(kept, sector, "migrant_share") or _first(kept, "T2", sector, "migrant_share")
    return [*(_first(kept, table_id, sector, column_id) for table_id, column_id in columns), foreign]


def _counted(kept: KeptEdition, sector: Sector) -> list[Figure]:
    """Employment modelled and reported, gap from low to high, probability."""
    employment = [_first(kept, "T2", sector, "employment", reported=kind) for kind in (False, True)]
    gaps = [_first(kept, "T3", sector, column) for column in ("gap_q10", "gap_q50", "gap_q90", "p_shortage")]
    return [*employment, *gaps]


def _ratings(words: Language, judged: dict[KeptEdition, list[Figure]], place: Place) -> list[Html]:
    header = [
        (words.say("Country"), False),
        (words.say("Rating"), False),
        (words.say("Confidence, A to D"), False),
        (words.say("Labour migration"), False),
        (words.say("Foreign workers, %"), True),
    ]
    rows = [
        (
            _country_link(kept, place),
            *[write_figure(words, one) for one in figures],
        )
        for kept, figures in judged.items()
    ]
    missing = [one for figures in judged.values() for one in figures]
    return [table(words.say("Ratings and decisions"), header, rows), explain_missing(words, missing)]


def _gaps(words: Language, counted: dict[KeptEdition, list[Figure]], place: Place) -> list[Html]:
    header = [
        (words.say("Country"), False),
        (words.say("Employment, modelled or projected, persons"), True),
        (words.say("Employment, reported, persons"), True),
        (words.say("Gap, low (q10), persons"), True),
        (words.say("Gap, median, persons"), True),
        (words.say("Gap, high (q90), persons"), True),
        (words.say("Probability of a shortage, %"), True),
    ]
    rows = [
        (
            _country_link(kept, place),
            *[
                write_figure(words, one) if n > 1 else _with_period(words, one)
                for n, one in enumerate(figures)
            ],
        )
        for kept, figures in counted.items()
    ]
    periods = sorted({figures[3].period for figures in counted.values() if figures[3].period})
    caption = (
        words.say("Employment and gap over {periods}", periods=", ".join(periods))
        if periods
        else words.say("Employment and gap")
    )
    missing = [one for figures in counted.values() for one in figures]
    return [table(caption, header, rows), explain_missing(words, missing)]


def _with_period(words: Language, one: Figure) -> Html:
    """A figure and the period it is of."""
    shown = write_figure(words, one)
    if one.value is None or not one.period:
        return shown
    return Html(
        f"{shown} {element('span', escape_text(words.say('({period})', period=one.period)), class_='quiet')}"
    )

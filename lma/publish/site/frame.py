"""What every page of the site has: its name, heading, ways to the other pages and languages, and its figures."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lma.contracts import codelist
from lma.languages import ENGLISH, Language, language
from lma.publish.edition import name_form
from lma.publish.grid import BASIS_WORDS, SYMBOLS, clean_text
from lma.publish.layout import BASIS_LETTERS, split_references
from lma.publish.markup import Html, compose_page, element, escape_text, fragment, join, keep_spaces
from lma.publish.site.reading import Figure, KeptEdition

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Place:
    """Where a page stands: its name without language and ending (``country/MUS``), its language, all languages."""

    name: str
    code: str
    codes: tuple[str, ...]

    @property
    def words(self) -> Language:
        """Its language."""
        return language(self.code)

    @property
    def path(self) -> str:
        """Path of the page from the root of the site."""
        return page_path(self.name, self.code)

    def link(self, path: str) -> str:
        """A path from the root of the site as a link from this page."""
        return "../" * self.name.count("/") + quote(path, safe="/._-~")

    def page(self, name: str, anchor: str = "") -> str:
        """Link to another page in the same language."""
        return self.link(page_path(name, self.code)) + (f"#{quote(anchor, safe='._-~')}" if anchor else "")


def page_path(name: str, code: str) -> str:
    """``country/MUS.html`` in English, ``country/MUS.fr.html`` in French."""
    return f"{name}.html" if code == ENGLISH else f"{name}.{code}.html"


def edition_path(kept: KeptEdition, path: str = "") -> str:
    """Path of a file of an edition from the root of the site."""
    return f"editions/{kept.ref_area}/{kept.edition}/{path}"


@functools.cache
def read_asset(name: str) -> str:
    """Text of a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def compose(place: Place, title: str, *content: Html, script: str = "") -> bytes:
    """A whole page in the site's frame; the same content gives the same bytes."""
    words = place.words
    header = element(
        "header",
        element("a", escape_text(words.say("Skip to the content")), class_="skip", href="#main"),
        element("p", element("a", escape_text(site_title(words)), href=place.page("index")), class_="site"),
        element("nav", _ways(place), aria_label=words.say("Pages")),
        _languages(place),
    )
    main = element("main", element("h1", escape_text(title)), *content, id="main", tabindex="-1")
    ending = Html(f"<script>{script}</script>") if script else Html("")
    body = join(header, main, element("footer", _footer(words)), ending)
    full = (
        title if place.name == "index" else words.say("{page} - {site}", page=title, site=site_title(words))
    )
    return compose_page(full, body, script, place.code, read_asset("site.css")).encode("utf-8")


def site_title(words: Language) -> str:
    """Name of the whole site."""
    return words.say("Labour market assessments")


def _ways(place: Place) -> Html:
    words = place.words
    ways = (
        ("index", words.say("Countries")),
        ("sectors", words.say("Sectors")),
        ("news", words.say("What changed")),
        ("downloads", words.say("Downloads")),
        ("methods", words.say("Methods")),
        ("search", words.say("Search")),
    )
    here = {name: {"aria_current": "page"} if name == place.name else {} for name, _ in ways}
    return element(
        "ul",
        *[
            element("li", element("a", escape_text(said), href=place.page(name), **here[name]))
            for name, said in ways
        ],
    )


def _languages(place: Place) -> Html:
    """Ways to the same page in the other languages, each in its own name."""
    if len(place.codes) < 2:
        return Html("")
    links = []
    for code in place.codes:
        href = place.link(page_path(place.name, code))
        here = {"aria_current": "true"} if code == place.code else {}
        links.append(
            element(
                "li",
                element(
                    "a", escape_text(language(code).own_name), href=href, lang=code, hreflang=code, **here
                ),
            )
        )
    return element("nav", element("ul", *links), aria_label=place.words.say("Languages"), class_="languages")


def _footer(words: Language) -> Html:
    said = words.say(
        "Every figure is copied from a published edition, where it can be traced to its publisher's row. Projections show what "
        "happens if trends continue; they are not targets."
    )
    return element("p", escape_text(said))


# ---------------------------------------------------------------- pieces


def paragraph(text: str, **attributes: str) -> Html:
    """One paragraph of plain text."""
    return element("p", escape_text(text), **attributes)


def anchor(text: str, href: str, **attributes: str) -> Html:
    """A link."""
    return element("a", escape_text(text), href=href, **attributes)


def section(section_id: str, title: str, *content: Html) -> Html:
    """A section with its heading."""
    return element("section", element("h2", escape_text(title)), *content, id=section_id)


def table(
    caption: str, header: Sequence[tuple[str, bool]], rows: Iterable[Sequence[Html]], *, heads: int = 0
) -> Html:
    """A table that scrolls sideways by itself; ``header``: words and whether its column holds numbers.

    The cell number ``heads`` heads its row. On a phone every cell says its column.
    """
    columns = [
        element("th", escape_text(said), scope="col", **({"class_": "n"} if numbers else {}))
        for said, numbers in header
    ]
    body = [
        element("tr", *[_table_cell(cell, header[n], n == heads) for n, cell in enumerate(row)])
        for row in rows
    ]
    content = (
        element("caption", escape_text(caption)),
        element("thead", element("tr", *columns)),
        element("tbody", *body),
    )
    return element(
        "div",
        element("table", *content),
        class_="scroll",
        role="group",
        aria_label=clean_text(caption),
        tabindex="0",
    )


def _table_cell(content: Html, heading: tuple[str, bool], is_head: bool) -> Html:
    if is_head:
        return element("th", content, scope="row", dir="auto")
    kind = {"class_": "n"} if heading[1] else {}
    return element("td", content, data_label=heading[0], dir="auto", **kind)


def country_name(words: Language, kept: KeptEdition) -> str:
    """Name of the country in a language."""
    return words.text(kept.label)


def write_figure(words: Language, figure: Figure, *, unit: bool = False) -> Html:
    """A cell as it is read: number with its basis, text, or the symbol that says why there is none."""
    if figure.value is None and figure.text:
        return escape_text(words.text(figure.text))
    if figure.value is None:
        return _symbol(words, figure)
    number = escape_text(words.number(figure.value, figure.decimals).replace("-", "\u2212"))
    measured = (
        Html(f"&nbsp;{escape_text(unit_words(words, figure.unit))}") if unit and figure.unit else Html("")
    )
    doubt = Html(f"&nbsp;{_symbol(words, figure)}") if figure.symbol else Html("")
    return Html(f"{number}{measured}{basis_letter(words, figure.basis)}{doubt}")


def unit_words(words: Language, unit: str) -> str:
    """The sign of a unit as it stands after a number."""
    return words.text(_unit_signs().get(unit, unit))


@functools.cache
def _unit_signs() -> dict[str, str]:
    listed = codelist("units")
    return dict(zip(listed["unit_measure"], listed["symbol"], strict=True))


def basis_letter(words: Language, basis: str) -> Html:
    """R, M, P or I beside a number, with its meaning; nothing for another basis."""
    letter = BASIS_LETTERS.get(basis)
    if letter is None:
        return Html("")
    return element(
        "abbr", escape_text(letter), class_=f"basis {letter}", title=words.text(BASIS_WORDS[basis])
    )


def _symbol(words: Language, figure: Figure) -> Html:
    symbol = figure.symbol or "[x]"
    reason = words.text(figure.reason or SYMBOLS.get(symbol, ""))
    return element("abbr", escape_text(symbol), class_="symbol", title=reason)


def explain_missing(words: Language, figures: Iterable[Figure]) -> Html:
    """Why cells of a table are empty: each symbol with its reason, once."""
    missing = {(one.symbol or "[x]", one.reason) for one in figures if one.value is None and not one.text}
    said = [
        words.say("{symbol} {reason}", symbol=symbol, reason=words.text(reason or SYMBOLS.get(symbol, "")))
        for symbol, reason in sorted(missing)
    ]
    return (
        element("ul", *[element("li", escape_text(one)) for one in said], class_="under")
        if said
        else Html("")
    )


def link_sentence(place: Place, kept: KeptEdition, text: str) -> Html:
    """A sentence of an edition in the reader's language; the tables and cells it names lead into the edition's page."""
    code = place.code if kept.holds(name_form("assessment.html", place.code)) else ENGLISH
    page = name_form("assessment.html", code)
    if not kept.holds(page):
        return _in_its_language(place.words, text, escape_text(place.words.text(text)))
    link = place.link(edition_path(kept, page))
    parts = split_references(place.words.text(text), lambda _: True)
    shown = "".join(
        element("a", keep_spaces(part), href=link + fragment(target)) if target else keep_spaces(part)
        for part, target in parts
    )
    return _in_its_language(place.words, text, Html(shown))


def _in_its_language(words: Language, text: str, shown: Html) -> Html:
    """Marked as English where the language has no words for the text, for the voice that reads it."""
    return shown if words.code == ENGLISH or words.has(text) else element("span", shown, lang=ENGLISH)


def legend(words: Language) -> Html:
    """What the letters and symbols beside figures mean."""
    letters = [
        element("li", basis_letter(words, basis), Html(" "), escape_text(words.text(BASIS_WORDS[basis])))
        for basis in BASIS_LETTERS
    ]
    symbols = [
        element("li", element("strong", escape_text(mark)), Html(" "), escape_text(words.text(said)))
        for mark, said in SYMBOLS.items()
    ]
    return element(
        "section",
        element("h2", escape_text(words.say("Letters and symbols"))),
        element("ul", *letters, *symbols, class_="legend"),
        id="legend",
    )


RATINGS = ("SEVERE", "SHORTAGE", "WATCH", "BALANCE", "SURPLUS", "NONE", "N")
"""From the gravest to none."""


def rank_rating(code: str) -> int:
    """Place of a rating in their order; unknown codes last."""
    return RATINGS.index(code) if code in RATINGS else len(RATINGS)

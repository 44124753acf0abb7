"""country/<ISO3>.html: every edition of one country with its files, and what changed since the last."""

from __future__ import annotations

from lma.contracts import Erratum
from lma.languages import ENGLISH, Language, language, list_languages
from lma.publish.ledger import Removal
from lma.publish.markup import Html, element, escape_text, join
from lma.publish.site.changes import Change, show_change
from lma.publish.site.frame import (
    Place,
    anchor,
    compose,
    country_name,
    edition_path,
    link_sentence,
    paragraph,
    section,
    table,
)
from lma.publish.site.overview import decision_counts, rating_counts, say_role, why_no_gap
from lma.publish.site.reading import File, KeptEdition, Shelf

_UNITS = ("kB", "MB", "GB")


def render(shelf: Shelf, ref_area: str, change: Change | None, place: Place) -> bytes:
    """The page of one country."""
    words, editions = place.words, shelf.countries[ref_area]
    newest = editions[0]
    name = country_name(words, newest)
    about = words.say("{role}. Newest edition {edition}, data cut-off {date}.", role=_capital(say_role(words, newest)),
                      edition=newest.edition, date=newest.as_of)  # fmt: skip
    return compose(
        place,
        name,
        paragraph(about, class_="lead"),
        _errata(shelf.errata.get(ref_area, ()), place),
        section("findings", words.say("Headline findings"), _findings(place, newest)),
        section("overview", words.say("Ratings and decisions"), _ratings(words, newest)),
        section(
            "editions",
            words.say("Editions"),
            *[_edition(kept, place, is_open=kept is newest) for kept in editions],
        ),
        _removals(shelf.removals.get(ref_area, ()), place),
        section(
            "changes", words.say("What changed"), show_change(words, change), _older_changes(words, editions)
        ),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _findings(place: Place, kept: KeptEdition) -> Html:
    words = place.words
    texts = [one.text for one in kept.table("T0").figures.values()]
    sentences = [element("li", link_sentence(place, kept, text)) for text in texts if text]
    reason = why_no_gap(kept)
    told = (
        paragraph(
            words.say(
                "No gap: {reason}", reason=words.text(reason) or words.say("the edition does not say why")
            )
        )
        if reason is not None
        else Html("")
    )
    return join(element("ul", *sentences), told)


def _ratings(words: Language, kept: KeptEdition) -> Html:
    pairs = (
        (words.say("Ratings of sectors"), rating_counts(words, kept)),
        (words.say("Labour migration"), decision_counts(words, kept)),
    )
    return element(
        "dl", *[join(element("dt", escape_text(said)), element("dd", counts)) for said, counts in pairs]
    )


# ---------------------------------------------------------------- editions and files


def _edition(kept: KeptEdition, place: Place, *, is_open: bool) -> Html:
    words = place.words
    title = words.say("Edition {edition}, data cut-off {date}", edition=kept.edition, date=kept.as_of)
    forms = [_forms(kept, code, place) for code in kept.form_languages]
    caption = words.say("To read and to edit, edition {edition}", edition=kept.edition)
    header = [(words.say("Language"), False), (words.say("Files"), False)]
    none = words.say("This edition was made without files for readers; its tables are below.")
    opened = {"open": ""} if is_open else {}
    return element(
        "details",
        element("summary", element("h3", escape_text(title))),
        table(caption, header, forms) if forms else paragraph(none),
        element("h4", escape_text(words.say("For machines"))),
        element(
            "ul",
            *[element("li", file_link(kept, one, place)) for one in _machine_files(kept)],
            class_="files",
        ),
        paragraph(words.say("Tables as CSV or Parquet, one row per cell:")),
        element(
            "ul",
            *[
                element("li", _table_link(kept, table_id, title, place))
                for table_id, title in kept.table_titles.items()
            ],
            class_="files tables",
        ),
        **opened,
    )


def _is_form(path: str, code: str) -> bool:
    parts = path.split(".")
    return parts[0] == "assessment" and parts[1:-1] == ([] if code == ENGLISH else [code])


def _forms(kept: KeptEdition, code: str, place: Place) -> tuple[Html, ...]:
    order = {"html": 0, "pdf": 1, "docx": 2, "xlsx": 3, "ods": 4}
    files = sorted(
        (one for one in kept.files if _is_form(one.path, code)),
        key=lambda one: order.get(_ending(one.path), 9),
    )
    links = [
        element("li", file_link(kept, one, place, say_form(place.words, _ending(one.path)), code))
        for one in files
    ]
    own = language(code).own_name if code in list_languages() else code
    return escape_text(own), element("ul", *links, class_="files")


def _ending(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def say_form(words: Language, ending: str) -> str:
    """What a file for readers is, by its ending."""
    said = {
        "html": words.say("Page"),
        "pdf": words.say("PDF"),
        "docx": words.say("Text document (docx)"),
        "xlsx": words.say("Workbook (xlsx)"),
        "ods": words.say("Workbook (ods)"),
    }
    return said.get(ending, ending)


def file_link(kept: KeptEdition, file: File, place: Place, said: str = "", code: str = ENGLISH) -> Html:
    """Link to a file of an edition with its size."""
    href = place.link(edition_path(kept, file.path))
    return Html(
        f"{anchor(said or file.path, href, hreflang=code)} {element('span', escape_text(say_size(place.words, file.n_bytes)), class_='quiet')}"
    )


def say_size(words: Language, n_bytes: int) -> str:
    """A size to one decimal in kB, MB or GB (powers of 1,000)."""
    power = 0
    while n_bytes >= 1000 ** (power + 2) * 0.99995 and power < len(_UNITS) - 1:
        power += 1
    number = words.number(n_bytes / 1000 ** (power + 1), 1)
    return words.say("{number} {unit}", number=number, unit=_UNITS[power])


def _machine_files(kept: KeptEdition) -> list[File]:
    return [one for one in kept.files if not one.path.startswith(("assessment.", "tables/"))]


def _table_link(kept: KeptEdition, table_id: str, title: str, place: Place) -> Html:
    """Link to a table as CSV, and as Parquet where the edition has it."""
    words = place.words
    files = {
        _ending(one.path): one for one in kept.files if one.path.rpartition(".")[0] == f"tables/{table_id}"
    }
    said = words.say("{table} {title}", table=table_id, title=words.text(title))
    links = [file_link(kept, files["csv"], place, said)] if "csv" in files else [escape_text(said)]
    links += [file_link(kept, files["parquet"], place, "Parquet")] if "parquet" in files else []
    return join(*links)


# ---------------------------------------------------------------- the ledger


def _errata(errata: tuple[Erratum, ...], place: Place) -> Html:
    """What was found wrong in editions, and by which edition it was corrected; nobody is named."""
    if not errata:
        return Html("")
    words = place.words
    rows = [
        (
            escape_text(one.edition),
            escape_text(one.address or words.say("the whole edition")),
            escape_text(one.reason),
            escape_text(one.corrected_by or words.say("not corrected yet")),
            escape_text(one.recorded_on),
        )
        for one in errata
    ]
    header = (
        words.say("Edition"),
        words.say("Table or cell"),
        words.say("What is wrong"),
        words.say("Corrected by edition"),
        words.say("Recorded on"),
    )
    shown = table(words.say("Errors found after publication"), [(said, False) for said in header], rows)
    return section("errata", words.say("Errata"), shown)


def _removals(removals: tuple[Removal, ...], place: Place) -> Html:
    """Editions that were published and are no longer kept; the sum of their sums stays, so that a copy can be checked."""
    if not removals:
        return Html("")
    words = place.words
    rows = [
        (
            escape_text(one.edition),
            escape_text(one.as_of),
            escape_text(one.removed_on),
            element("code", escape_text(one.sums_sha256)),
        )
        for one in removals
    ]
    header = (
        words.say("Edition"),
        words.say("Data cut-off"),
        words.say("Removed on"),
        words.say("sha256 of its SHA256SUMS"),
    )
    shown = table(words.say("Editions no longer kept"), [(said, False) for said in header], rows)
    return section("removed", words.say("Editions no longer kept"), shown)


# ---------------------------------------------------------------- earlier changes


def _older_changes(words: Language, editions: tuple[KeptEdition, ...]) -> Html:
    """What the change log of each earlier edition gives as causes, in its own words."""
    parts = [_own_log(words, kept) for kept in editions[1:]]
    found = [part for part in parts if part]
    return join(element("h3", escape_text(words.say("Earlier editions"))), *found) if found else Html("")


def _own_log(words: Language, kept: KeptEdition) -> Html:
    reasons = [
        row_id
        for row_id in kept.rows("T13")
        if row_id in ("METHOD", "CLASSIFICATION", "CALENDAR") or row_id.startswith("DATA_")
    ]
    rows = [
        (
            escape_text(words.text(kept.rows("T13")[row])),
            escape_text(words.text(kept.figure("T13", row, "finding").text)),
        )
        for row in reasons
    ]
    caption = words.say("Why edition {edition} differed from the one before it", edition=kept.edition)
    return table(caption, [(words.say("What"), False), (words.say("How"), False)], rows) if rows else Html("")

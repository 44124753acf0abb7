"""What a reader meets, in the reader's language: words, numbers, dates.

English is written in the code and in the contracts and is the key of every message. A language is one
gettext catalogue, ``languages/<code>.po``, in which translators see each message with its placeholders;
numbers, dates and plurals follow CLDR (Babel). What a catalogue lacks is shown in English, and a test of
the project fails.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lma.contracts import Area, Decimal, Edition, Label, Listed, Sentence, Verbatim, crosswalk, resource_root
from lma.errors import DefinitionError
from lma.languages.catalogues import read_catalogue, read_messages
from lma.languages.messages import area_names, names, put_words
from lma.languages.phrases import NUMBER, SHARE, Phrase, Phrases, list_messages, render

ENGLISH = "en"
_DATES = {"hy": "y թ. MMMM d"}
"""Order of a date where the long form of CLDR is not what official texts of the language write."""


def languages_dir() -> Path:
    """Folder of the catalogues."""
    return resource_root() / "languages"


def list_languages() -> tuple[str, ...]:
    """Codes (ISO 639-1) of all languages there are: English first, then every catalogue."""
    return (ENGLISH, *sorted(path.stem for path in languages_dir().glob("*.po")))


@dataclass(frozen=True)
class Language:
    """One language; ``messages``: English message -> its forms, first the singular."""

    code: str
    messages: dict[str, tuple[str, ...]]

    def say(self, message: str, **values: object) -> str:
        """A whole message with its ``{placeholders}`` filled; numbers and dates among the values as CLDR writes them."""
        found = self.messages.get(message, (message,))[0]
        return found.format(**{name: self._write(value) for name, value in values.items()})

    def compose(self, sentence: Sentence) -> str:
        """A sentence with its values, each as this language writes it."""
        return self._translate(sentence.message).format(
            **{name: self._fill(value) for name, value in sentence.values.items()}
        )

    def _fill(self, value: object) -> str:
        match value:
            case Sentence():
                return self.compose(value)
            case Listed():
                return "; ".join(self._fill(item) for item in value.items)
            case Decimal():
                return self.number(value.value, value.decimals)
            case Area():
                return self.area(value.ref_area) or value.ref_area
            case Label():
                return self.text(value.text)
            case Verbatim():
                return value.text
        raise TypeError(f"{value!r} is no value of a sentence.")

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """The form of a message that the language uses for ``n`` things; ``{n}`` is the number."""
        forms = self.messages.get(one, ())
        found = _choose_form(self._locale(), forms, n) if forms else one if n == 1 else many
        return found.format(n=self.number(n), **{name: self._write(value) for name, value in values.items()})

    def text(self, text: str) -> str:
        """A text of an edition (its English wording) in this language, codes in it as words; English where the catalogue lacks it."""
        worded = put_words(text)
        if self.code == ENGLISH or not text or worded in self.messages:
            return self._translate(worded)
        phrase = read_phrase(worded)
        return render(phrase, self._translate, self._rewrite) if phrase and self._knows(phrase) else worded

    def has(self, text: str) -> bool:
        """True when the whole of a text can be said in this language."""
        phrase = read_phrase(put_words(text))
        return phrase is not None and self._knows(phrase)

    def _knows(self, phrase: Phrase) -> bool:
        return all(message in self.messages for message in list_messages(phrase))

    def _translate(self, message: str) -> str:
        return self.messages.get(message, (message,))[0]

    def _rewrite(self, figure: str) -> str:
        """A figure of an English text as the language writes it; the name of a country; anything else as it is."""
        if (area := area_names().get(figure)) is not None:
            return self.area(area) or self._translate(figure)
        if found := SHARE.fullmatch(figure):
            return (
                self._rewrite(found.group(1)) + self._percent_space() + "%"
                if found.group(2)
                else self._rewrite(found.group(1)) + "%"
            )
        return _rewrite_number(figure, self.code) if NUMBER.fullmatch(figure) else self._translate(figure)

    def area(self, ref_area: str) -> str:
        """Name of a country (ISO 3166-1 alpha-3) by CLDR, in English by codelists/areas.csv; empty where there is none."""
        if self.code == ENGLISH:
            return {code: name for name, code in area_names().items()}.get(ref_area, "")
        return str(self._locale().territories.get(_alpha_2().get(ref_area, ""), ""))

    def _percent_space(self) -> str:
        return "\xa0" if re.search(r"\s", self._locale().percent_formats[None].pattern) else ""

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the language's separators: 1,234.5 is ``1 234,5`` in French."""
        return _format_number(str(value), decimals, self.code)

    def date(self, value: dt.date) -> str:
        """A date in words: 24 November 2026."""
        from babel.dates import format_date

        return str(format_date(value, format=_DATES.get(self.code, "long"), locale=self._date_locale()))

    def join(self, items: Iterable[str]) -> str:
        """Items in one line with what the language puts between them: ``a; b``, French ``a ; b``."""
        return functools.reduce(lambda line, item: self.say("{a}; {b}", a=line, b=item), items)

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``: which way its script runs."""
        return str(self._locale().text_direction)

    @property
    def own_name(self) -> str:
        """What the language calls itself: Français."""
        name = str(self._locale().get_display_name(self.code))
        return name[:1].upper() + name[1:]

    def _date_locale(self) -> str:
        return "en_GB" if self.code == ENGLISH else self.code

    def _write(self, value: object) -> object:
        if isinstance(value, dt.date):
            return self.date(value)
        return self.number(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def _locale(self) -> Any:
        from babel import Locale

        return Locale.parse(self.code)


@functools.lru_cache(maxsize=100_000)
def _format_number(value: str, decimals: int, code: str) -> str:
    """Kept by what Babel reads of a number, its decimal text: the forms of an edition write the same ones."""
    from decimal import Decimal as Exact

    from babel.numbers import format_decimal

    return str(format_decimal(Exact(value), format=f"#,##0.{'0' * decimals}", locale=code))


def _rewrite_number(figure: str, code: str) -> str:
    from babel.numbers import get_decimal_symbol, get_group_symbol, get_minus_sign_symbol

    symbols = {",": get_group_symbol(code), ".": get_decimal_symbol(code)}
    sign = get_minus_sign_symbol(code) if figure[0] in "-\u2212" else figure[0] if figure[0] == "+" else ""
    return sign + "".join(symbols.get(letter, letter) for letter in figure.lstrip("-+\u2212"))


@functools.cache
def _alpha_2() -> dict[str, str]:
    """ISO 3166-1: code of three letters -> of two, as CLDR names territories."""
    listed = crosswalk("area_codes_iso2")
    return dict(zip(listed["ref_area"], listed["published"], strict=True))


def read_phrase(text: str) -> Phrase | None:
    """A text of an edition taken apart; None where some part of it is no message."""
    return _phrases().read(text)


@functools.cache
def _phrases() -> Phrases:
    return Phrases(read_messages(languages_dir() / "messages.pot"), area_names(), names())


def _choose_form(locale: Any, forms: tuple[str, ...], n: int) -> str:
    order = [
        tag
        for tag in ("zero", "one", "two", "few", "many", "other")
        if tag in {*locale.plural_form.tags, "other"}
    ]
    return forms[min(order.index(locale.plural_form(n)), len(forms) - 1)]


@functools.cache
def language(code: str) -> Language:
    """A language by its code; ``DefinitionError`` where there is no such catalogue or it is wrong."""
    if code == ENGLISH:
        return Language(code, {})
    path = languages_dir() / f"{code}.po"
    if not path.is_file():
        raise DefinitionError(
            f"no language {code!r}: there are {', '.join(list_languages())}. Add {path} to have it."
        )
    return Language(code, read_catalogue(path))


# ---------------------------------------------------------------- an edition in another language


def translate_edition(edition: Edition, code: str) -> Edition:
    """The same edition with every text a reader meets in another language; figures, codes and addresses stay.

    English too is put into words: ``INSUFFICIENT_DATA`` is "insufficient data". ``cells`` has a further column
    ``code``: what stood in ``text`` before, where that was a code or began with an outcome (``fail: NO_SHORTAGE``); None
    elsewhere. What no catalogue has stays English (``list_untranslated``).
    """
    say = language(code).text
    run = (
        {**edition.run, "limits": [say(limit) for limit in edition.run.get("limits", ())]}
        if "limits" in edition.run
        else edition.run
    )
    return replace(
        edition,
        language=code,
        label=say(edition.label),
        tables=tuple(
            replace(
                spec,
                title=say(spec.title),
                description=say(spec.description),
                row_heading=say(spec.row_heading),
            )
            for spec in edition.tables
        ),
        cells=_translate_cells(edition, language(code)),
        series=_translate_columns(edition.series, ["label"], functools.cache(say)),
        notes={note: say(text) for note, text in edition.notes.items()},
        run=run,
    )


TEXT_COLUMNS = ("row_label", "column_label", "text", "reason", "step")
"""Columns of the cells of an edition that a reader reads."""


def _translate_cells(edition: Edition, words: Language) -> pd.DataFrame:
    cells = edition.cells
    codes = [text if isinstance(text, str) and is_coded(text) else None for text in cells["text"]]
    translated = _translate_columns(cells, TEXT_COLUMNS, functools.cache(words.text))
    if words.code != ENGLISH:
        said = {address: words.compose(sentence) for address, sentence in edition.sentences.items()}
        translated["text"] = (
            translated["address"].map(said).where(translated["address"].isin(said), translated["text"])
        )
    return translated.assign(code=pd.Series(codes, index=cells.index, dtype=object))


def _translate_columns(
    frame: pd.DataFrame, columns: Iterable[str], say: Callable[[str], str]
) -> pd.DataFrame:
    """The frame with other words in some of its columns; each distinct text is translated once."""
    words = {
        column: pd.Series(
            [say(text) if isinstance(text, str) else text for text in frame[column]],
            index=frame.index,
            dtype=object,
        )
        for column in columns
        if column in frame
    }
    return frame.assign(**words)


def is_coded(text: str) -> bool:
    """True where a cell holds a code of ours, an outcome, or an outcome with its code."""
    return bool(_CODED.fullmatch(text))


_CODED = re.compile(
    r"(pass|fail|not assessed|none|try first|consider|for review|no gap to fill|not needed|ruled out|no|yes)(: ?[A-Z][A-Z0-9_]*)?"
    r"|[A-Z]|[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|SHORTAGE|SEVERE|WATCH|BALANCE|SURPLUS|NONE|RESULT|CONSTANT"
)


def list_texts(edition: Edition) -> list[str]:
    """Every distinct text of an edition that a reader meets, as it is written in English."""
    found: dict[str, None] = {edition.label: None}
    for spec in edition.tables:
        found |= dict.fromkeys((spec.title, spec.description, spec.row_heading))
    for column in TEXT_COLUMNS:
        found |= dict.fromkeys(text for text in edition.cells[column] if isinstance(text, str))
    found |= dict.fromkeys([*edition.notes.values(), *edition.run.get("limits", ())])
    return [text for text in found if text]


def list_untranslated(edition: Edition, code: str) -> list[str]:
    """Distinct texts of an edition that a language lacks, wholly or in a part: they are shown in English."""
    if code == ENGLISH:
        return []
    words = language(code)
    composed = set(edition.cells.loc[edition.cells["address"].isin(edition.sentences), "text"])
    missing = [
        sentence.message for sentence in edition.sentences.values() if sentence.message not in words.messages
    ]
    return [text for text in list_texts(edition) if text not in composed and not words.has(text)] + missing

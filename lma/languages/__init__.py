"""What a reader meets, in the reader's language: words, numbers, dates.

English is written in the code and in the contracts and is the key of every message. A language is one
gettext catalogue, ``languages/<code>.po``, in which translators see each message with its placeholders;
numbers, dates and plurals follow CLDR (Babel). What a catalogue lacks is shown in English, and a test of
the project fails.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lma.contracts import Edition, resource_root
from lma.errors import DefinitionError

ENGLISH = "en"


def languages_dir() -> Path:
    """Folder of the catalogues."""
    return resource_root() / "languages"


def list_languages() -> tuple[str, ...]:
    """Codes (ISO 639-1) of all languages there are: English first, then every catalogue."""
    return (ENGLISH, *sorted(path.stem for path in languages_dir().glob("*.po")))


@dataclass(frozen=True)
class Language:
    """One language; ``messages``: English message (with context where it has one) -> its forms, first the singular."""

    code: str
    messages: dict[tuple[str, str], tuple[str, ...]]

    def say(self, message: str, context: str = "", **values: object) -> str:
        """A whole message with its ``{placeholders}`` filled; numbers and dates among the values as CLDR writes them."""
        found = self.messages.get((context, message), (message,))[0] or message
        return found.format(**{name: self._write(value) for name, value in values.items()})

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """The form of a message that the language uses for ``n`` things; ``{n}`` is the number."""
        forms = self.messages.get(("", one), ())
        plural = self._locale().plural_form(n) if len(forms) > 1 else "one" if n == 1 else "other"
        found = _choose_form(self._locale(), forms, n) if len(forms) > 1 else one if plural == "one" else many
        return found.format(n=self.number(n), **{name: self._write(value) for name, value in values.items()})

    def text(self, text: str) -> str:
        """A text of an edition (its English wording) in this language; as it is where the catalogue lacks it."""
        return (self.messages.get(("", text), (text,))[0] or text) if text else text

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the language's separators: 1,234.5 is ``1 234,5`` in French."""
        from babel.numbers import format_decimal

        return str(format_decimal(value, format=f"#,##0.{'0' * decimals}", locale=self.code))

    def date(self, value: dt.date) -> str:
        """A date in words: 24 November 2026."""
        from babel.dates import format_date

        return str(format_date(value, format="long", locale=self._date_locale()))

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


def read_catalogue(path: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """(context, English message) -> forms of a gettext catalogue."""
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    return {
        (message.context or "", _as_forms(message.id)[0]): _as_forms(message.string)
        for message in catalogue
        if message.id
    }


def _as_forms(words: Any) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def translate_edition(edition: Edition, code: str) -> Edition:
    """The same edition with every text a reader meets in another language; figures, codes and addresses stay."""
    return replace(edition, language=code)

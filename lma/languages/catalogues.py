"""Gettext catalogues: read, check, bring up to date. Babel does the format; what is refused is said so that it can be mended."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lma.errors import DefinitionError
from lma.languages.phrases import PLACEHOLDER

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

    from lma.languages.messages import Message

NO_REVIEW = "The translations were made without a review by a native speaker, unless a comment of the entry says who reviewed it."
_HEADER = """\
# Translations of lma, English to {code}.
# {review}
# How to add a language, translate and review: docs/languages.md.
"""
Forms = tuple[str, ...]


def read_catalogue(path: Path) -> dict[str, Forms]:
    """English message -> its forms in the language; ``DefinitionError`` where the catalogue cannot be trusted."""
    catalogue = _parse(path)
    problems = list(find_problems(catalogue))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DefinitionError(
            f"{path}: {problems[0]}{more}. `lma languages` lists every problem of every catalogue."
        )
    return {
        _forms(m.id)[0]: _forms(m.string) for m in catalogue if m.id and all(_forms(m.string)) and not m.fuzzy
    }


def list_problems(path: Path) -> list[str]:
    """Everything wrong with the entries of a catalogue, one sentence each."""
    return list(find_problems(_parse(path)))


def list_translated(path: Path) -> set[str]:
    """English messages that a catalogue has a whole translation of."""
    return {_forms(m.id)[0] for m in _parse(path) if m.id and all(_forms(m.string)) and not m.fuzzy}


def list_messages(path: Path) -> list[str]:
    """English messages of a catalogue or template."""
    return [_forms(message.id)[0] for message in _parse(path) if message.id]


def read_messages(path: Path) -> list[str]:
    """The messages of a template that texts of an edition are made of: all that do not come from the forms alone."""
    return [
        _forms(message.id)[0]
        for message in _parse(path)
        if message.id
        and not all(place.startswith(("lma/publish", "flows")) for place, _ in message.locations)
    ]


def _parse(path: Path) -> Catalog:
    from babel.core import Locale, UnknownLocaleError
    from babel.messages.pofile import PoFileError, read_po

    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        locale = None if path.suffix == ".pot" else Locale.parse(path.stem)
        _check_quotes(path, text)
        return read_po(io.BytesIO(content), locale=locale, abort_invalid=True)
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"{path}: byte {error.start} is not UTF-8. Save the catalogue as UTF-8."
        ) from error
    except (UnknownLocaleError, ValueError) as error:
        raise DefinitionError(
            f"{path}: {path.stem!r} names no language that CLDR knows ({error}). Name the file by its code of ISO 639-1, such as fr.po."
        ) from error
    except PoFileError as error:
        raise DefinitionError(
            f"{path}: no gettext catalogue: {error}. Mend that line, or start again with `lma languages --update`."
        ) from error


def _check_quotes(path: Path, text: str) -> None:
    """Babel closes an open quotation silently, and a translation would lose its end."""
    for number, line in enumerate(text.splitlines(), start=1):
        told = line.strip()
        if (
            told
            and not told.startswith("#")
            and not re.fullmatch(r'(?:msg\w+(?:\[\d\])? )?"(?:[^"\\]|\\.)*"', told)
        ):
            raise DefinitionError(
                f"{path}: no gettext catalogue: line {number}, {told[:60]!r}, is neither a comment nor a keyword with a text in "
                'double quotes. Close its quotation marks; write \\" for one inside.'
            )


def find_problems(catalogue: Catalog) -> Iterator[str]:
    """What is wrong with the entries of a catalogue, one sentence each."""
    for message in catalogue:
        if message.id and not message.fuzzy:
            yield from _find_in_entry(message, catalogue.num_plurals)


def _find_in_entry(message: Any, n_plurals: int) -> Iterator[str]:
    english, forms = _forms(message.id), _forms(message.string)
    if not any(forms):
        return
    where = f"line {message.lineno}, message {english[0]!r}" if message.lineno else f"message {english[0]!r}"
    if len(english) > 1 and (len(forms) != n_plurals or not all(forms)):
        yield f"{where} has {len([f for f in forms if f])} of the {n_plurals} plural forms of the language: fill msgstr[0] to msgstr[{n_plurals - 1}]"
    wanted = set(PLACEHOLDER.findall(english[-1]))
    for form in filter(None, forms):
        found = set(PLACEHOLDER.findall(form))
        missing, foreign = wanted - found, found - wanted
        if foreign:
            yield f"{where}: the translation {form!r} has {_braced(foreign)}, which the message does not have. Use {_braced(wanted) or 'none'}"
        if missing and not (len(english) > 1 and missing == {"n"}):
            yield f"{where}: the translation {form!r} lacks {_braced(missing)}. Put it in, spelt exactly so"
        if form.count("{") != form.count("}") or PLACEHOLDER.sub("", form).count("{"):
            yield f"{where}: the translation {form!r} has a brace that belongs to no placeholder. Close it or take it out"


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


def _forms(words: Any) -> Forms:
    return (words or "",) if isinstance(words, str) or words is None else tuple(word or "" for word in words)


def make_template(messages: Iterable[Message], code: str | None = None) -> Catalog:
    """A catalogue of all messages without translations; no date is written, so that the same code gives the same bytes."""
    from babel.messages.catalog import Catalog

    catalogue = Catalog(
        locale=code,
        project="lma",
        header_comment=_HEADER.format(code=code or "...", review=NO_REVIEW),
        fuzzy=False,
    )
    for message in messages:
        words = (message.text, message.plural) if message.plural else message.text
        catalogue.add(words, locations=[(place, 0) for place in sorted(message.places)[:3]])
    return catalogue


def update_catalogue(path: Path, messages: Iterable[Message]) -> bytes:
    """The catalogue with every message there is: translations kept, new messages empty, dead ones dropped."""
    template = make_template(messages, path.stem)
    if path.is_file():
        for old in _parse(path):
            new = template.get(old.id) if old.id else None
            if new is not None and len(_forms(new.id)) == len(_forms(old.id)):
                new.string, new.user_comments, new.flags = (
                    old.string,
                    old.user_comments,
                    old.flags - {"python-format"},
                )
    return write_catalogue(template)


def write_catalogue(catalogue: Catalog) -> bytes:
    """Bytes of a catalogue file."""
    from babel.messages.pofile import write_po

    target = io.BytesIO()
    write_po(target, catalogue, width=0, omit_header=False, include_lineno=False)
    kept = [
        line
        for line in target.getvalue().decode("utf-8").splitlines()
        if not line.startswith(
            (
                '"POT-Creation-Date',
                '"PO-Revision-Date',
                '"Generated-By',
                '"Last-Translator',
                '"Language-Team',
                '"Report-Msgid',
            )
        )
        and line != "#, python-format"
        and not line.startswith("#, python-brace-format")
    ]
    return ("\n".join(kept) + "\n").encode("utf-8")

"""The catalogues of languages: how complete each is, what is wrong in one, and bringing all of them up to date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lma.errors import OutputError
from lma.languages import catalogues, languages_dir
from lma.languages.messages import Message, collect


@dataclass(frozen=True)
class Completeness:
    """What a catalogue has of all messages, and what is wrong in it."""

    code: str
    translated: int
    wanted: int
    problems: tuple[str, ...]


def examine_catalogues() -> list[Completeness]:
    """One record per catalogue, by its code; ``DefinitionError`` for a file that is no catalogue."""
    messages = collect()
    return [_examine(path, messages) for path in sorted(languages_dir().glob("*.po"))]


def _examine(path: Path, messages: tuple[Message, ...]) -> Completeness:
    problems = catalogues.list_problems(path)
    translated = catalogues.list_translated(path)
    return Completeness(
        path.stem, sum(message.text in translated for message in messages), len(messages), tuple(problems)
    )


def print_catalogues(console: Console) -> bool:
    """Show every language with its share of the messages; True when no catalogue has a wrong entry."""
    found = examine_catalogues()
    table = Table(box=None, pad_edge=False)
    for heading in ("language", "messages", "translated", "%", "wrong"):
        table.add_column(heading, justify="left" if heading == "language" else "right")
    for one in found:
        share = f"{100 * one.translated / one.wanted:.1f}"
        table.add_row(one.code, f"{one.wanted:,}", f"{one.translated:,}", share, str(len(one.problems)))
    console.print(table)
    console.print(f"catalogues in {languages_dir()}", markup=False)
    for one in found:
        for problem in one.problems:
            console.print(f"{one.code}.po: {problem}", markup=False)
    return not any(one.problems for one in found)


def update_catalogues() -> list[str]:
    """Write every message of the code into the template and every catalogue, dead ones dropped; the files that changed."""
    messages, folder = collect(), languages_dir()
    wanted = {folder / "messages.pot": catalogues.write_catalogue(catalogues.make_template(messages))}
    wanted |= {path: catalogues.update_catalogue(path, messages) for path in sorted(folder.glob("*.po"))}
    changed = [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]
    for path in changed:
        try:
            path.write_bytes(wanted[path])
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror}. Catalogues are brought up to date in a checkout of the project."
            ) from error
    return [path.name for path in changed]

"""What a folder of editions holds: whole editions, newest first, and what was left out and why."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lma.contracts import Erratum
from lma.errors import InputError
from lma.languages import ENGLISH, list_languages
from lma.publish.csv_package import guard_text
from lma.publish.edition import SUMS
from lma.publish.grid import clean_text
from lma.publish.ledger import LEDGER, Removal, read_errata, read_removals
from lma.publish.shelf import read_name, read_sums

_REF_AREA = re.compile(r"[A-Z]{3}")
_FORM = re.compile(r"assessment(?:\.([a-z]{2}))?\.[a-z]+")


@dataclass(frozen=True)
class File:
    """One file of an edition: path inside it, size in bytes, sha256."""

    path: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Figure:
    """One cell as an edition publishes it; ``value`` is None where it has a text, or a symbol with its reason."""

    value: float | None
    text: str
    decimals: int
    unit: str
    basis: str
    period: str
    source_id: str
    as_of: str
    symbol: str
    reason: str

    @property
    def is_reported(self) -> bool:
        """True for a number that somebody counted; everything else rests on a model."""
        return self.value is not None and self.basis == "reported"


NO_FIGURE = Figure(None, "", 0, "", "", "", "", "", "[x]", "")


@dataclass(frozen=True)
class Table:
    """One table: row id -> row label, in order; (row id, column id) -> cell, in order."""

    rows: dict[str, str]
    figures: dict[tuple[str, str], Figure]

    def column(self, column_id: str) -> dict[str, Figure]:
        """Row id -> cell of one column."""
        return {row: one for (row, column), one in self.figures.items() if column == column_id}


@dataclass(frozen=True, eq=False)
class KeptEdition:
    """One whole edition in its folder; ``record`` is its run.json, ``package`` its datapackage.json."""

    folder: Path
    ref_area: str
    label: str
    edition: str
    as_of: dt.date
    files: tuple[File, ...]
    record: dict[str, Any]
    package: dict[str, Any]
    read: dict[str, Table] = field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def languages(self) -> tuple[str, ...]:
        """Languages it has a form in, of those the project speaks; English first, and always."""
        return tuple(code for code in list_languages() if code in {*self.form_languages, ENGLISH})

    @functools.cached_property
    def form_languages(self) -> tuple[str, ...]:
        """Every language it has a form in, English first; one of them may have no catalogue any more."""
        found = {match[1] or ENGLISH for one in self.files if (match := _FORM.fullmatch(one.path))}
        return tuple(sorted(found, key=lambda code: (code != ENGLISH, code)))

    @functools.cached_property
    def table_titles(self) -> dict[str, str]:
        """Table id -> English title, in the order of the edition."""
        resources = [one for one in self.package.get("resources", []) if isinstance(one, dict)]
        found = {Path(str(one.get("path", ""))).stem: clean_text(one.get("title", "")) for one in resources
                 if str(one.get("path", "")).startswith("tables/") and str(one.get("path", "")).endswith(".csv")}  # fmt: skip
        return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))

    @functools.cached_property
    def publishers(self) -> dict[str, str]:
        """Source -> who publishes it."""
        inputs = [one for one in self.record.get("inputs", []) if isinstance(one, dict)]
        return {str(one.get("source_id")): clean_text(one.get("publisher", "")) for one in inputs}

    def holds(self, path: str) -> bool:
        """True when the edition has this file."""
        return any(one.path == path for one in self.files)

    def table(self, table_id: str) -> Table:
        """Cells of one table, texts as they were before the guard against formulas; without cells if absent."""
        if table_id not in self.read:
            self.read[table_id] = _read_table(self, f"tables/{table_id}.csv")
        return self.read[table_id]

    def rows(self, table_id: str) -> dict[str, str]:
        """Row id -> row label of one table, in its order."""
        return self.table(table_id).rows

    def figure(self, table_id: str, row_id: str, column_id: str) -> Figure:
        """One cell; ``[x]`` without a reason where the edition has none."""
        return self.table(table_id).figures.get((row_id, column_id), NO_FIGURE)


@dataclass(frozen=True)
class LeftOut:
    """Something in the folder that is no whole edition, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Shelf:
    """All whole editions by country, newest first; countries by code. What the ledgers of the countries record."""

    countries: dict[str, tuple[KeptEdition, ...]]
    left_out: tuple[LeftOut, ...]
    errata: dict[str, tuple[Erratum, ...]] = field(default_factory=dict)
    removals: dict[str, tuple[Removal, ...]] = field(default_factory=dict)

    @functools.cached_property
    def newest(self) -> tuple[KeptEdition, ...]:
        """The newest edition of every country, by the country's English name."""
        return tuple(
            sorted((kept[0] for kept in self.countries.values()), key=lambda one: (one.label, one.ref_area))
        )

    @functools.cached_property
    def editions(self) -> tuple[KeptEdition, ...]:
        """Every edition, country by country."""
        return tuple(one for kept in self.countries.values() for one in kept)

    @functools.cached_property
    def languages(self) -> tuple[str, ...]:
        """Every language that any edition has a form in."""
        found = {code for one in self.editions for code in one.languages}
        return tuple(code for code in list_languages() if code in found)


def unguard_text(text: str) -> str:
    """A text of a CSV file as it was before the guard against formulas put an apostrophe before it."""
    return text[1:] if guard_text(text[1:]) == text else text


def order_key(edition: str) -> tuple[str, int]:
    """Natural order: 2026-11, 2026-11.2, 2026-11.10."""
    return read_name(edition) or (edition, 0)


def read_shelf(folder: Path) -> Shelf:
    """Every whole edition below ``folder``; ``InputError`` when there is none. Hidden folders are unfinished and not told."""
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder of editions. Make editions with `lma run`, or name their folder with --editions."
        )
    countries: dict[str, tuple[KeptEdition, ...]] = {}
    left_out: list[LeftOut] = []
    for path, ref_area in _list_countries(folder, left_out):
        kept = [one for one in (_try_edition(child, ref_area, left_out) for child in _visible(path)) if one]
        if kept:
            countries[ref_area] = tuple(sorted(kept, key=lambda one: order_key(one.edition), reverse=True))
    if not countries:
        told = "".join(f" {one.path}: {one.reason.rstrip('.')}." for one in left_out[:5])
        raise InputError(
            f"{folder} holds no whole edition (COUNTRY/YYYY-MM).{told} Make editions with `lma run`."
        )
    errata, removals = _read_ledgers(folder, countries, left_out)
    return Shelf(countries, tuple(left_out), errata, removals)


def _read_ledgers(
    folder: Path, ref_areas: Iterable[str], left_out: list[LeftOut]
) -> tuple[dict[str, tuple[Erratum, ...]], dict[str, tuple[Removal, ...]]]:
    errata, removals = {}, {}
    for ref_area in ref_areas:
        try:
            errata[ref_area] = tuple(read_errata(folder / ref_area))
            removals[ref_area] = tuple(read_removals(folder / ref_area))
        except InputError as error:
            left_out.append(LeftOut(f"{ref_area}/{LEDGER}", str(error).replace(str(folder), folder.name)))
    return errata, removals


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name != LEDGER)


def _list_countries(folder: Path, left_out: list[LeftOut]) -> Iterator[tuple[Path, str]]:
    for path in _visible(folder):
        if path.is_dir() and _REF_AREA.fullmatch(path.name):
            yield path, path.name
        else:
            left_out.append(LeftOut(path.name, "its name is no country code (three capital letters)"))


def _try_edition(folder: Path, ref_area: str, left_out: list[LeftOut]) -> KeptEdition | None:
    try:
        return read_edition(folder, ref_area)
    except InputError as error:
        left_out.append(LeftOut(f"{ref_area}/{folder.name}", str(error)))
    except OSError as error:
        left_out.append(LeftOut(f"{ref_area}/{folder.name}", f"it cannot be read: {error.strerror or error}"))
    return None


def read_edition(folder: Path, ref_area: str) -> KeptEdition:
    """One edition, every file held to its sum; ``InputError`` says what is wrong with it."""
    if not folder.is_dir() or read_name(folder.name) is None:
        raise InputError("its name is no edition (YYYY-MM or YYYY-MM.N)")
    files = tuple(_check_file(folder, digest, name) for name, digest in _read_sums(folder).items())
    record, package = _read_json(folder, "run.json"), _read_json(folder, "datapackage.json")
    if (record.get("ref_area"), record.get("edition")) != (ref_area, folder.name):
        said = f"{record.get('ref_area')} {record.get('edition')}"
        raise InputError(f"run.json says {said}: it was moved or renamed")
    try:
        as_of = dt.date.fromisoformat(str(record.get("as_of")))
    except ValueError:
        raise InputError(f"run.json has as_of {record.get('as_of')!r}, which is no date") from None
    own = folder / SUMS
    files = (*files, File(SUMS, own.stat().st_size, hashlib.sha256(own.read_bytes()).hexdigest()))
    label = clean_text(record.get("label")) or ref_area
    return KeptEdition(folder, ref_area, label, folder.name, as_of, files, record, package)


def _read_sums(folder: Path) -> dict[str, str]:
    """Path -> sha256; a path that leads out of the edition is refused."""
    sums = read_sums(folder)
    if not sums:
        raise InputError(f"{SUMS} is missing or empty: it is no finished edition")
    for name, digest in sums.items():
        place = PurePosixPath(name)
        leads_out = place.is_absolute() or ".." in place.parts or "\\" in name
        if leads_out or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise InputError(f"{SUMS} has {name[:80]!r}, which is no file of the edition with its sum")
    return sums


def _check_file(folder: Path, digest: str, name: str) -> File:
    path = folder / name
    if not path.is_file() or path.is_symlink():
        raise InputError(f"{name} is missing")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(
            f"{name} was changed after the edition was made: its sha256 is not the one in {SUMS}"
        )
    return File(name, len(content), digest)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{name} is no JSON object")
    return content


def _read_table(kept: KeptEdition, path: str) -> Table:
    if not kept.holds(path):
        return Table({}, {})
    content = (kept.folder / path).read_text(encoding="utf-8")
    cells = list(csv.DictReader(io.StringIO(content, newline=""), restval=""))
    rows = {str(cell.get("row_id", "")): unguard_text(cell.get("row_label", "")) for cell in cells}
    figures = {(cell.get("row_id", ""), cell.get("column_id", "")): _as_figure(cell) for cell in cells}
    return Table(rows, figures)


def _as_figure(cell: Mapping[str, str]) -> Figure:
    number = float(cell["value"]) if cell.get("value") else None
    decimals = int(float(cell.get("decimals") or 0))
    symbol = cell.get("symbol") or {"B": "[b]", "U": "[u]"}.get(cell.get("obs_status", ""), "")
    return Figure(
        value=number,
        text=unguard_text(cell.get("text", "")),
        decimals=decimals,
        unit=cell.get("unit_measure", ""),
        basis=cell.get("basis", ""),
        period=cell.get("time_period", ""),
        source_id=cell.get("source_id", ""),
        as_of=cell.get("as_of", ""),
        symbol=symbol,
        reason=unguard_text(cell.get("reason", "")),
    )

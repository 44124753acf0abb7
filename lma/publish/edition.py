"""An edition on disk: written beside its place, renamed into it, never changed afterwards.

``OUT/<ISO3>/<edition>/`` appears whole or not at all. The same content under the same id is left alone; other
content gets the next id (``2025-09.2``). While an edition is being written the country's folder is locked,
so a hidden folder found there afterwards is the rest of a run that died, and is removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lma.contracts import Edition, resource_root
from lma.errors import OutputError, UsageError
from lma.languages import ENGLISH, languages_dir, translate_edition
from lma.publish import (
    csv_package,
    data_package,
    metadata,
    open_lineage,
    parquet,
    ro_crate,
    run_json,
    sdmx_csv,
)
from lma.publish.grid import check_edition
from lma.publish.ledger import read_removals

SUMS = "SHA256SUMS"
Made = TypeVar("Made")  # what a form makes: one file, or several by their path
TEMPORARY = ".unfinished-"
_ABANDONED_AFTER_SECONDS = 3600.0


def _render_xlsx(edition: Edition) -> bytes:
    from lma.publish import xlsx

    return xlsx.render(edition)


def _render_ods(edition: Edition) -> bytes:
    from lma.publish import ods

    return ods.render(edition)


def _render_html(edition: Edition) -> bytes:
    from lma.publish import html

    return html.render(edition).encode("utf-8")


def _render_pdf(edition: Edition) -> bytes:
    from lma.publish import pdf

    return pdf.render(edition)


def _render_docx(edition: Edition) -> bytes:
    from lma.publish import docx

    return docx.render(edition)


# Output forms that a person reads, made in every language of the edition; heavy modules are imported when they run.
READER_FORMS: dict[str, Callable[[Edition], bytes]] = {
    "assessment.xlsx": _render_xlsx,
    "assessment.ods": _render_ods,
    "assessment.html": _render_html,
    "assessment.pdf": _render_pdf,
    "assessment.docx": _render_docx,
}
# Output forms that a program reads: codes and English, once; each gives its files by their path.
MACHINE_FORMS: dict[str, Callable[[Edition], dict[str, bytes]]] = {
    "csv": csv_package.render_tables,
    "parquet": parquet.render_files,
    "sdmx": sdmx_csv.render_files,
}
# Files that describe the others, in this order: each is given the files made before it.
DESCRIPTIONS: dict[str, Callable[[Edition, Mapping[str, bytes]], bytes]] = {
    "run.json": run_json.render,
    "datapackage.json": data_package.render,
    "dcat.jsonld": metadata.render_dcat,
    "dataset.jsonld": metadata.render_dataset,
    "openlineage.ndjson": open_lineage.render,
    "ro-crate-metadata.json": ro_crate.render,
}
METADATA = "metadata"  # name of the form of all descriptions but the two that are always made
ALWAYS_MADE = "csv"  # later editions, `lma compare` and `lma audit` read the tables


def list_forms() -> tuple[str, ...]:
    """Names by which a run chooses output forms: the ending of a reader's form, or the name of a machine form."""
    return (*(_name_ending(name) for name in READER_FORMS), *MACHINE_FORMS, METADATA)


def _name_ending(name: str) -> str:
    return name.rpartition(".")[2]


def choose_forms(names: Sequence[str]) -> tuple[str, ...]:
    """Names of forms in their order, the tables as CSV always among them; ``UsageError`` for an unknown one."""
    if unknown := [name for name in names if name not in list_forms()]:
        raise UsageError(f"there is no form {unknown[0]!r}. Forms: {', '.join(list_forms())}.")
    return tuple(name for name in list_forms() if name in names or name == ALWAYS_MADE) if names else ()


def name_form(name: str, language: str) -> str:
    """File name of a form in a language: ``assessment.html`` in English, ``assessment.fr.html`` in French."""
    stem, _, ending = name.rpartition(".")
    return name if language == ENGLISH else f"{stem}.{language}.{ending}"


def hash_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """sha256 of every file by its path inside the edition."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def _render_form(name: str, form: Callable[[Edition], Made], edition: Edition) -> Made:
    try:
        return form(edition)
    except OSError as error:  # such as an asset of the page: not a fault of the output folder
        raise OutputError(
            f"cannot make {name} of {edition.ref_area} {edition.edition}: {error}. Reinstall lma if a file of it is missing."
        ) from error


def render_files(edition: Edition) -> dict[str, bytes]:
    """Every file of an edition by its path, ``SHA256SUMS`` (as `sha256sum -c` reads it) last.

    ``ContractError`` when a cell cannot be published; what a form raises goes through.
    """
    check_edition(edition)
    wanted = choose_forms(edition.forms) or list_forms()
    files: dict[str, bytes] = {}
    for name, machine_form in MACHINE_FORMS.items():
        if name in wanted:
            files |= _render_form(name, machine_form, edition)
    for code in edition.languages:
        translated = translate_edition(edition, code)
        for name, form in READER_FORMS.items():
            if _name_ending(name) in wanted:
                files[name_form(name, code)] = _render_form(name, form, translated)
    for name, describe in DESCRIPTIONS.items():
        if METADATA in wanted or name in ("run.json", "datapackage.json"):
            files[name] = describe(edition, files)
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(hash_files(files).items()))
    return {**files, SUMS: sums.encode()}


# ---------------------------------------------------------------- the folder


def refuse_folder(folder: Path, error: OSError) -> OutputError:
    """The error to raise where a folder cannot be written."""
    why = error.strerror or str(error)
    return OutputError(
        f"cannot write {folder}: {why}. Nothing was changed there. Make the folder writable or free space on "
        "its disk, or choose another folder with --out."
    )


def _check_names(edition: Edition) -> None:
    """``OutputError`` where a name would lead out of the output folder."""
    for what, name in (
        ("country", edition.ref_area),
        ("edition", edition.edition),
        *(("table", spec.table_id) for spec in edition.tables),
    ):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise OutputError(
                f"{name!r} cannot name the file or folder of a {what}: use letters, digits, "
                "full stop, hyphen and underscore."
            )


def check_place(folder: Path) -> None:
    """``OutputError`` where a folder could not be made or written; nothing is made yet."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise OutputError(
            f"{existing} is a file, so no edition can be put into {folder}. Nothing was changed: name a folder with --out."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise refuse_folder(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


@contextlib.contextmanager
def _make_folder(folder: Path) -> Iterator[None]:
    """Make a folder with its parents; on any error take away those it made, if they are empty."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[bool]:
    """Hold the folder against other publishers; False where the system or its disk offers no lock."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except ImportError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            held = True
        except OSError:
            held = False
        yield held
    finally:
        os.close(handle)


def remove_abandoned(folder: Path, locked: bool) -> int:
    """Remove what dead runs left in a country's folder (unlocked: what is an hour old); how many."""
    removed = 0
    for path in sorted(folder.glob(f"{TEMPORARY}*")):
        if locked or time.time() - path.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
            removed += not path.exists()
    return removed


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """A new hidden folder that is gone afterwards unless it was renamed."""
    path = folder / f"{TEMPORARY}{secrets.token_hex(6)}"
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """True when the folder has exactly these files with these bytes; the disk is read, not its SHA256SUMS."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return found.keys() == files.keys() and hash_files(
        {name: path.read_bytes() for name, path in found.items()}
    ) == hash_files(files)


@functools.cache
def fingerprint_code() -> str:
    """sha256 over everything of the project that shapes an edition: its Python, YAML, SQL and codelists."""
    return _fingerprint([*_method_folders(), _codelist_folder()])


@functools.cache
def fingerprint_method() -> str:
    """The same without the codelists and crosswalks."""
    return _fingerprint(_method_folders())


@functools.cache
def fingerprint_classifications() -> str:
    """sha256 over the codelists and crosswalks alone."""
    return _fingerprint([_codelist_folder()])


def _method_folders() -> list[tuple[Path, str]]:
    package, resources = Path(__file__).parent.parent, resource_root()
    folders = [(package, "*"), (package.parent / "flows", "*.py"), (languages_dir(), "*.po")]
    return [*folders, (resources / "data_contracts", "*.yaml"), (resources / "warehouse", "*.sql")]


def _codelist_folder() -> tuple[Path, str]:
    return resource_root() / "warehouse" / "codelists", "*.csv"


def _fingerprint(folders: Sequence[tuple[Path, str]]) -> str:
    digest = hashlib.sha256()
    for folder, pattern in folders:
        for path in sorted(folder.rglob(pattern)):
            inside = path.relative_to(folder)
            if path.is_file() and not {"__pycache__", "_resources"} & set(inside.parts):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{inside.as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _says_its_code(edition: Edition) -> bool:
    """True when run.json will hold the code's fingerprint: then code and inputs there decide every byte."""
    return "code" in edition.run.get("versions", {})


def _was_made_alike(folder: Path, edition: Edition) -> bool:
    """True when the edition in the folder was made by the same code from the same inputs and is still whole."""
    record, sums = folder / "run.json", folder / SUMS
    if not (record.is_file() and sums.is_file()) or not run_json.is_of(record.read_bytes(), edition):
        return False
    lines = sums.read_text(encoding="utf-8").splitlines()
    kept = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return hash_files({name: path.read_bytes() for name, path in found.items() if name != SUMS}) == kept


def is_taken_by_another(edition: Edition, out_dir: Path) -> bool:
    """True when other content has the edition's name, or what it published under it is no longer whole."""
    country_folder = Path(out_dir) / edition.ref_area
    target = country_folder / edition.edition
    if edition.edition in _list_removed(country_folder):
        return True
    return target.exists() and _says_its_code(edition) and not _was_made_alike(target, edition)


def _list_removed(country_folder: Path) -> set[str]:
    """Names of editions that retention took away: whoever cites one must never find another under its name."""
    return {gone.edition for gone in read_removals(country_folder)}


def _candidates(edition: Edition) -> Iterator[Edition]:
    """The edition under its id, then under ``<id>.2``, ``<id>.3`` and so on."""
    yield edition
    number = 2
    while True:
        yield dataclasses.replace(edition, edition=f"{edition.edition}.{number}")
        number += 1


def _place(edition: Edition, country_folder: Path, temporary: Path) -> Path:
    """Folder of the first id that is free or has this content already."""
    removed = _list_removed(country_folder)
    for candidate in _candidates(edition):
        target = country_folder / candidate.edition
        if candidate.edition in removed:
            continue
        if target.exists() and _says_its_code(candidate):  # run.json decides: no need to render and compare
            if _was_made_alike(target, candidate):
                return target
            continue
        files = render_files(candidate)
        if target.exists():
            if _holds(target, files):
                return target
            continue
        for name, content in files.items():
            _write_file(temporary / name, content)
        temporary.rename(target)
        return target
    raise AssertionError("ids do not run out")


def publish(edition: Edition, out_dir: Path) -> Path:
    """Folder ``out_dir/<ISO3>/<edition>`` with every output form; an existing edition is never changed.

    The same content again: nothing is written and its folder is returned. Other content under an id that
    exists: the next free id. ``OutputError`` when the folder cannot be written; nothing is left behind by
    any error, and earlier editions stay as they are.
    """
    _check_names(edition)
    country_folder = Path(out_dir) / edition.ref_area
    try:
        with _make_folder(country_folder), lock_folder(country_folder) as locked:
            remove_abandoned(country_folder, locked)
            with _temporary_folder(country_folder) as temporary:
                return _place(edition, country_folder, temporary)
    except OSError as error:
        raise refuse_folder(country_folder, error) from error

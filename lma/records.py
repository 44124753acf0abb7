"""Unit-level migration records: read, validate, pseudonymise, aggregate, keep apart.

The default of the project is to work without such records. Where a ministry feeds its own permit file, only
counts leave this module: messages, reports and exceptions name row, column and rule, never a value. Records
are kept, pseudonymised, in a folder that the caller names, as files that only their owner may read.

The file is a CSV with the columns of COLUMNS; lines that start with ``#`` before the header are comments.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import hmac
import io
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.contracts import codelist, known_country_codes
from lma.errors import InputError, LmaError, OutputError, UsageError

COLUMNS = (
    "person_id",
    "birth_date",
    "sex",
    "citizenship",
    "occupation",
    "economic_activity",
    "permit_type",
    "valid_from",
    "valid_to",
    "employer_id",
)
STORED_COLUMNS = (
    "person",
    "birth_year",
    "sex",
    "citizenship",
    "occupation",
    "economic_activity",
    "permit_type",
    "valid_from",
    "valid_to",
    "employer",
)
COUNT_COLUMNS = ("citizenship", "sex", "economic_activity", "time_period", "persons")
KEY_VARIABLE = "LMA_PSEUDONYM_KEY"
MIN_KEY_BYTES, MIN_AGE, MAX_AGE = 32, 15, 80
SYNTHETIC_NOTE = "#SYN synthetic permit records, made by generate_records; no row is about a real person"

Result = TypeVar("Result")


@dataclass(frozen=True)
class RecordsReport:
    """What may be said about a file of records: how many rows, which failed which rule, and the counts."""

    rows: int
    valid: int
    failures: pd.DataFrame
    counts: pd.DataFrame
    stored: Path


# ---------------------------------------------------------------- the whole path


def process_records(path: Path, store: Path, key: bytes, periods: Sequence[int]) -> RecordsReport:
    """Read, validate, pseudonymise, store and count one file; failing rows are reported and go no further.

    ``counts`` has COUNT_COLUMNS, unprotected: pass it through disclosure control before it is published.
    """
    frame = read_records(path)
    failures = _guard("validating", lambda: validate_records(frame))
    valid = frame.drop(index=frame.index[sorted(set(failures["row"] - 1))])
    pseudonyms = _guard("pseudonymising", lambda: pseudonymise(valid, key))
    stored = store_records(pseudonyms, store, f"records-{_hash_file(path)[:12]}.csv")
    counts = _guard("counting", lambda: aggregate_records(pseudonyms, periods))
    return RecordsReport(len(frame), len(valid), failures, counts, stored)


def _guard(stage: str, work: Callable[[], Result]) -> Result:
    """The result of ``work``. A library's own error may quote a record, so only its kind is passed on.

    Whatever the error is, its text must not travel; raised outside ``except``, so that the original is not
    chained to the new error either.
    """
    try:
        return work()
    except LmaError:
        raise
    except Exception as error:
        kind = type(error).__name__
    raise InputError(
        f"{stage} the records stopped with {kind}. Its text is withheld because it may quote a record: "
        f"check the file's encoding and delimiter, and that each row has the {len(COLUMNS)} columns."
    )


# ---------------------------------------------------------------- reading and validating


def read_records(path: Path) -> pd.DataFrame:
    """The records as text, columns of COLUMNS in that order; other columns are not read at all."""
    if not path.is_file():
        raise InputError(f"the file of records {path.name} does not exist: check the path.")
    return _guard("reading", lambda: _parse_records(path.read_bytes()))


def _parse_records(content: bytes) -> pd.DataFrame:
    """Rows of the CSV. A missing header is told by the columns it lacks, never by quoting what is there."""
    text = content.decode("utf-8-sig")
    while text.startswith("#"):
        text = text.partition("\n")[2]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(reader, [])
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(
            f"the file of records lacks the column {', '.join(missing)}: it must have {', '.join(COLUMNS)}."
        )
    rows = [row for row in reader if row]
    ragged = [number for number, row in enumerate(rows, start=1) if len(row) != len(header)]
    if ragged:
        shown = ", ".join(map(str, ragged[:5]))
        raise InputError(f"{len(ragged)} rows have not as many cells as the header: rows {shown}.")
    places = [header.index(name) for name in COLUMNS]
    return pd.DataFrame(
        [[row[place].strip() for place in places] for row in rows], columns=pd.Index(COLUMNS), dtype=str
    )


def validate_records(frame: pd.DataFrame) -> pd.DataFrame:
    """Broken rules as rows ``row`` (1-based, after the header), ``column`` and ``rule``; never a value."""
    frame = frame.reset_index(drop=True)
    found = [
        pd.DataFrame({"row": np.flatnonzero(broken.to_numpy()) + 1, "column": column, "rule": rule})
        for column, rule, broken in _list_rules(frame)
    ]
    columns = ["row", "column", "rule"]
    every = pd.concat(found, ignore_index=True)[columns].astype({"row": int})
    return every.sort_values(columns, ignore_index=True)


def _list_rules(frame: pd.DataFrame) -> list[tuple[str, str, pd.Series]]:
    """(column, rule, rows that break it). An empty cell breaks MISSING only."""
    dates = {name: _parse_dates(frame[name]) for name in ("birth_date", "valid_from", "valid_to")}
    filled = {name: frame[name] != "" for name in COLUMNS}
    rules = [(name, "MISSING", ~filled[name]) for name in COLUMNS]
    rules += [(name, "NOT_A_DATE", filled[name] & dates[name].isna()) for name in dates]
    rules += [(name, "UNKNOWN_CODE", filled[name] & ~known) for name, known in _know_codes(frame).items()]
    age = (dates["valid_from"] - dates["birth_date"]).dt.days / 365.25
    rules.append(("birth_date", "AGE_OUT_OF_RANGE", (age < MIN_AGE) | (age >= MAX_AGE + 1)))
    rules.append(("valid_to", "ENDS_BEFORE_START", dates["valid_to"] < dates["valid_from"]))
    twice = frame.duplicated(["person_id", "permit_type", "employer_id", "valid_from"]) & filled["person_id"]
    rules.append(("person_id", "DUPLICATE_PERMIT", twice))
    return rules


def _parse_dates(column: pd.Series) -> pd.Series:
    """Dates of the form 2025-07-31; anything else is no date."""
    shaped = column.where(column.str.fullmatch(r"\d{4}-\d{2}-\d{2}"))
    return pd.to_datetime(shaped, format="%Y-%m-%d", errors="coerce")


def _know_codes(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Column -> rows whose code exists."""
    activities = set(codelist("economic_activities")["code"]) - {"_T"}
    section_or_division = frame["economic_activity"].str.fullmatch(r"[A-U]\d{0,4}")
    return {
        "sex": frame["sex"].isin(["M", "F"]),
        "citizenship": frame["citizenship"].isin(known_country_codes()),
        "occupation": frame["occupation"].str.fullmatch(r"\d{1,4}"),
        "economic_activity": frame["economic_activity"].isin(activities) | section_or_division,
        "permit_type": frame["permit_type"].str.fullmatch(r"[A-Z][A-Z_]{1,30}"),
    }


# ---------------------------------------------------------------- pseudonyms


def load_key(environ: Mapping[str, str], path: Path | None = None) -> bytes:
    """Secret key from a file that only its owner may read, or from the variable LMA_PSEUDONYM_KEY."""
    if path is not None:
        if not path.is_file():
            raise UsageError(
                f"the key file {path} does not exist: make one of {MIN_KEY_BYTES} random bytes or more."
            )
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"others may read the key file {path}: run chmod 600 on it.")
        return _check_key(path.read_bytes().strip(), str(path))
    if KEY_VARIABLE not in environ:
        raise UsageError(f"no key: set {KEY_VARIABLE}, or name a key file of {MIN_KEY_BYTES} bytes or more.")
    return _check_key(environ[KEY_VARIABLE].encode(), KEY_VARIABLE)


def _check_key(key: bytes, where: str) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(
            f"the key of {where} has {len(key)} bytes: use {MIN_KEY_BYTES} random bytes or more."
        )
    return key


def pseudonymise(frame: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """Valid records with STORED_COLUMNS: HMAC-SHA256 of person and employer, year instead of date of birth.

    The same person has the same pseudonym under the same key, none can be undone without it. Persons and
    employers are keyed apart, so that equal identifiers do not meet.
    """
    _check_key(key, "the caller")
    return pd.DataFrame(
        {
            "person": _hash_column(frame["person_id"], key, b"person"),
            "birth_year": frame["birth_date"].str[:4],
            **{name: frame[name] for name in COLUMNS[2:9]},
            "employer": _hash_column(frame["employer_id"], key, b"employer"),
        }
    )[list(STORED_COLUMNS)].reset_index(drop=True)


def _hash_column(column: pd.Series, key: bytes, purpose: bytes) -> pd.Series:
    names = {
        name: hmac.new(key, purpose + b"\0" + str(name).encode(), hashlib.sha256).hexdigest()
        for name in column.unique()
    }
    return column.map(names)


# ---------------------------------------------------------------- counts


def aggregate_records(pseudonyms: pd.DataFrame, periods: Sequence[int]) -> pd.DataFrame:
    """Persons with a valid permit on 31 December of each year, with COUNT_COLUMNS and all margins ``_T``.

    A person with several permits counts once, at the one that began last, so that the cells sum to the
    totals. Counts are exact and not yet protected.
    """
    parts = [_count_year(pseudonyms, year) for year in periods]
    empty = pd.DataFrame(columns=pd.Index(COUNT_COLUMNS))
    return pd.concat(parts, ignore_index=True) if parts else empty


def _count_year(pseudonyms: pd.DataFrame, year: int) -> pd.DataFrame:
    day = f"{year}-12-31"
    held = pseudonyms[(pseudonyms["valid_from"] <= day) & (pseudonyms["valid_to"] >= day)]
    newest = held.sort_values(["person", "valid_from", "employer"], kind="stable").drop_duplicates(
        "person", keep="last"
    )
    dims = list(COUNT_COLUMNS[:3])
    copies = [newest[dims].assign(**dict.fromkeys(totals, "_T")) for totals in _list_margins(dims)]
    counted = pd.concat(copies).groupby(dims, sort=True).size().rename("persons").reset_index()
    return counted.assign(time_period=str(year))[list(COUNT_COLUMNS)]


def _list_margins(dims: Sequence[str]) -> list[list[str]]:
    """Every set of dimensions that becomes a total, the empty set included."""
    return [[name for place, name in enumerate(dims) if mask >> place & 1] for mask in range(2 ** len(dims))]


# ---------------------------------------------------------------- the restricted store


def store_records(pseudonyms: pd.DataFrame, store: Path, name: str) -> Path:
    """The file written, mode 0600 (a new folder 0700); written aside and renamed, never half there."""
    target = store / name
    aside = store / f".{name}.{os.getpid()}"
    text = pseudonyms.to_csv(index=False, lineterminator="\n")
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        reason = error.strerror
    else:
        return target
    raise OutputError(f"the restricted store {store} cannot be written: {reason}. Name another folder.")


def purge_store(store: Path) -> int:
    """Number of record files removed from the store; after counting, nothing needs them."""
    files = sorted(store.glob("records-*.csv")) if store.is_dir() else []
    for file in files:
        file.unlink()
    return len(files)


def _hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------- synthetic records


# After the public totals of a small island economy with recruited workers: three quarters in manufacturing and
# construction, nearly nine of ten men, four countries of origin for most. Within an activity the origins, the
# occupations and the share of women are invented, but differ as such records do.
_ACTIVITY = {"C": 50, "F": 25, "I": 9, "G": 6, "LMN": 4, "HJ": 3, "Q": 1.5, "P": 1, "K": 0.5}
_CITIZENSHIP = {
    "C": {"IND": 25, "BGD": 28, "MDG": 25, "NPL": 16, "CHN": 3, "LKA": 3},
    "F": {"IND": 50, "NPL": 26, "BGD": 14, "CHN": 9, "MDG": 1},
    "_T": {"IND": 44, "NPL": 24, "MDG": 15, "BGD": 6, "LKA": 3, "FRA": 3, "ZAF": 2, "PHL": 2, "CHN": 1},
}
_OCCUPATION = {
    "C": {"8153": 55, "8160": 15, "9329": 15, "7531": 10, "3122": 5},
    "F": {"7112": 40, "7114": 20, "7115": 15, "9313": 20, "3123": 5},
    "I": {"5131": 40, "5120": 35, "9412": 20, "1411": 5},
    "G": {"5223": 50, "7512": 40, "1420": 10},
    "LMN": {"2411": 30, "5414": 50, "9112": 20},
    "HJ": {"8332": 60, "2512": 40},
    "Q": {"2221": 60, "2211": 20, "5322": 20},
    "P": {"2320": 50, "2310": 50},
    "K": {"3312": 50, "2413": 50},
}
_WOMEN = {"C": 0.14, "F": 0.01, "I": 0.2, "G": 0.08, "LMN": 0.1, "HJ": 0.04, "Q": 0.5, "P": 0.4, "K": 0.3}
_PERMIT = {"WORK": 88, "OCCUPATION": 9, "SEASONAL": 3}
# Days in fours from 2018-01-01; few permits begin while the borders are closed.
_FIRST_DAY, _N_STARTS, _CLOSED, _CLOSED_WEIGHT = "2018-01-01", 640, slice(205, 340), 0.15


def generate_records(n: int, seed: int) -> pd.DataFrame:
    """``n`` synthetic permit records with COLUMNS, same for the same seed; identifiers start with SYN.

    A person keeps sex, citizenship and activity over several permits.
    """
    if n < 0:
        raise UsageError(f"{n} records cannot be made: give zero or more.")
    rng = np.random.default_rng(seed)
    people = max(1, round(0.9 * n))
    person = np.sort(np.concatenate([np.arange(min(n, people)), rng.integers(0, people, max(0, n - people))]))
    activities = _draw(rng, _ACTIVITY, people)
    women = rng.random(people) < np.array([_WOMEN[code] for code in activities])
    activity = activities[person]
    start, length = _draw_validity(rng, n)
    born = rng.normal(1990, 8, people).clip(1962, 2002).astype(int)
    birthday = rng.integers(0, 365, people).astype("timedelta64[D]")
    birth = (born.astype(str).astype("datetime64[Y]").astype("datetime64[D]") + birthday)[person]
    employer = np.minimum(rng.zipf(1.6, n), max(20, n // 40))
    return pd.DataFrame(
        {
            "person_id": [f"SYN-P{number:08d}" for number in person],
            "birth_date": birth.astype(str),
            "sex": np.where(women, "F", "M")[person],
            "citizenship": _draw_within(rng, _CITIZENSHIP, activities)[person],
            "occupation": _draw_within(rng, _OCCUPATION, activity),
            "economic_activity": activity,
            "permit_type": _draw(rng, _PERMIT, n),
            "valid_from": start.astype(str),
            "valid_to": (start + length).astype(str),
            "employer_id": [f"SYN-E{number:06d}" for number in employer],
        }
    )[list(COLUMNS)]


def _draw_validity(rng: np.random.Generator, n: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """First day and length of each permit."""
    weights = np.ones(_N_STARTS)
    weights[_CLOSED] = _CLOSED_WEIGHT
    chosen = rng.choice(_N_STARTS, n, p=weights / weights.sum())
    days = 4 * chosen + np.arange(n) % 4  # two permits of one person never begin together
    start = np.datetime64(_FIRST_DAY) + days.astype("timedelta64[D]")
    length = rng.choice([365, 730, 1095, 1460], n, p=[0.2, 0.35, 0.3, 0.15]).astype("timedelta64[D]")
    return start, length


def _draw_within(
    rng: np.random.Generator, weights: Mapping[str, Mapping[str, float]], activity: npt.NDArray[np.str_]
) -> npt.NDArray[np.str_]:
    """One code for each activity, by the weights of that activity, else by those of ``_T``."""
    found = np.full(len(activity), "", dtype="U8")
    for code in _ACTIVITY:
        chosen = activity == code
        found[chosen] = _draw(rng, weights.get(code) or weights["_T"], int(chosen.sum()))
    return found


def _draw(rng: np.random.Generator, weights: Mapping[str, float], n: int) -> npt.NDArray[np.str_]:
    shares = np.array(list(weights.values()), dtype=float)
    drawn: npt.NDArray[np.str_] = rng.choice(np.array(list(weights)), n, p=shares / shares.sum())
    return drawn


def write_synthetic(path: Path, n: int, seed: int) -> None:
    """A file of synthetic records whose first line says that it is synthetic."""
    body = generate_records(n, seed).to_csv(index=False, lineterminator="\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{SYNTHETIC_NOTE}\n{body}", encoding="utf-8")
    except OSError as error:
        reason = error.strerror
    else:
        return
    raise OutputError(f"{path} cannot be written: {reason}. Name another place.")


def is_synthetic(path: Path) -> bool:
    """True for a file that write_synthetic made: counts of it must say so."""
    with path.open("rb") as file:
        return file.read(4) == b"#SYN"

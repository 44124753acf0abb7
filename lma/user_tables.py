"""Tables a user hands in or asks for: CSV or Parquet by the ending of the file name. A rim module."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pandas as pd

from lma.errors import InputError, OutputError, UsageError

ENDINGS = (".csv", ".parquet")


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"{path} must end in one of {', '.join(ENDINGS)}: the ending tells how the table is stored."
        )
    return ending


def read_table(path: Path) -> pd.DataFrame:
    """The table in a user's file; columns keep the file's own types, codes such as ``01`` stay text."""
    ending = _ending(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the name.")
    try:
        if ending == ".parquet":
            return pd.read_parquet(path)
        text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except Exception as error:  # every reader has its own family of errors; the user needs one sentence
        raise InputError(
            f"{path} cannot be read as {ending[1:]}: {error}. Save it again as UTF-8 CSV with a header, or as Parquet."
        ) from error
    return pd.DataFrame({name: _as_numbers(text[name]) for name in text.columns})


def _as_numbers(column: pd.Series) -> pd.Series:
    """Numbers where every filled cell is one and none would lose a leading zero; text otherwise."""
    filled = column[column != ""]
    if filled.empty or filled.str.match(r"^-?0\d").any():
        return column
    numbers = pd.to_numeric(column.replace("", None), errors="coerce")
    return numbers if numbers.notna().sum() == len(filled) else column


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table beside its final place, then rename it, so that nobody reads half of it."""
    ending = _ending(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".parquet":
            frame.to_parquet(unfinished, index=False)
        else:
            frame.to_csv(unfinished, index=False, lineterminator="\n")
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): choose another folder or free some space."
        ) from error

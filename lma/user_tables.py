"""Tables a user hands in or asks for: CSV or Parquet by the ending of the file name. A rim module."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import pandas as pd

from lma.errors import InputError, OutputError, UsageError

ENDINGS = (".csv", ".parquet")
WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
SEPARATORS = ",;\t"
COMMA_NUMBER = r"[-+]?\d*,\d+"
PERHAPS_THOUSANDS = r"[-+]?[1-9]\d{0,2},\d{3}"
POINTED_THOUSANDS = r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+"


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        if ending in WORKBOOKS:
            raise UsageError(
                f"{path} must end in one of {', '.join(ENDINGS)}: workbooks are neither read nor "
                "written here. To hand one in, save the sheet of the workbook as CSV UTF-8."
            )
        raise UsageError(
            f"{path} must end in one of {', '.join(ENDINGS)}: the ending tells how the table is stored."
        )
    return ending


def check_result(result: Path) -> None:
    """``UsageError`` where a result could not be stored under its name; asked before the work is done."""
    _ending(result)


def check_places(table: Path, result: Path) -> None:
    """``UsageError`` where a result could not be stored under its name, or would replace the table it is made of.

    Asked before the work is done, not after it.
    """
    _ending(table), _ending(result)
    if table.resolve() == result.resolve():
        raise UsageError(f"{result} is the table itself: give the result another name.")


def read_table(path: Path, as_text: tuple[str, ...] = ()) -> pd.DataFrame:
    """The table in a user's file; columns keep the file's own types, codes such as ``01`` stay text.

    A csv may be separated by commas, semicolons or tabs, with or without a byte order mark; with the latter
    two a number may have a decimal comma. Columns in ``as_text`` stay as they are spelled.
    """
    ending = _ending(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the name.")
    try:
        return _read_parquet(path) if ending == ".parquet" else _read_csv(path, as_text)
    except InputError:
        raise
    except Exception as error:  # every reader has its own family of errors; the user needs one sentence
        said = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as {ending[1:]}: {said}. Save it again as UTF-8 CSV with a header, or as Parquet."
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    return frame.reset_index() if any(frame.index.names) else frame


def _read_csv(path: Path, as_text: tuple[str, ...]) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    names = next(csv.reader([header.rstrip("\r\n")], delimiter=separator), [])
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{path} has {names.count(twice[0])} columns {twice[0]!r} in its header: keep one.")
    text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=separator)
    if not isinstance(text.index, pd.RangeIndex):  # pandas takes the cells too many for an index
        raise InputError(
            f"{path} has more cells in its rows than the {len(names)} columns in its header: name every "
            "column, and put a number with a decimal comma in quotes or write it with a point."
        )
    text = text.fillna("")
    columns = {name: text[name] for name in text.columns}
    comma = separator != ","
    if comma:
        _refuse_pointed_thousands(path, {n: c for n, c in columns.items() if n not in as_text})
    return pd.DataFrame(
        {str(n): c if n in as_text else _as_numbers(c, decimal_comma=comma) for n, c in columns.items()}
    )


def _refuse_pointed_thousands(path: Path, columns: dict[str, pd.Series]) -> None:
    """``InputError`` where 987 and 1.010 stand in one column: read as decimals, a thousand would become one.

    Where decimals are meant, 987 would be written 987.000, or some number would not have three of them.
    """
    for name, column in columns.items():
        pointed = column[column.str.contains(".", regex=False)]
        if pointed.empty or not pointed.str.fullmatch(POINTED_THOUSANDS).all():
            continue
        others = column[column.str.fullmatch(r"[-+]?[1-9]\d{0,2}") | (column.str.count(r"\.") > 1)]
        if len(others):
            one, other = pointed.iloc[0], others.iloc[0]
            raise InputError(
                f"{path}: the point in {one!r} seems to part thousands (column {name!r}, data row "
                f"{pointed.index[0] + 1}), as {other!r} in data row {others.index[0] + 1} suggests: write "
                f"{one.replace('.', '')}, or, where decimals are meant, every number with as many of them."
            )


def _as_numbers(column: pd.Series, *, decimal_comma: bool) -> pd.Series:
    """Numbers where every filled cell is one and none would lose a leading zero; text otherwise."""
    filled = column[column != ""]
    if filled.empty or filled.str.match(r"^-?0\d").any():
        return column
    spelled = _with_points(column) if decimal_comma else column
    numbers = pd.to_numeric(spelled.replace("", None), errors="coerce")
    if numbers.notna().sum() == len(filled):
        # pandas.to_numeric is off by the last digit for three texts of ten; a column of whole numbers stays one
        is_whole = numbers.dtype.kind in "iu"
        return numbers if is_whole else spelled.replace("", "nan").astype(float)
    return spelled if 2 * numbers.notna().sum() >= len(filled) else column


def _with_points(column: pd.Series) -> pd.Series:
    """Decimal points for decimal commas, unless every comma may as well part thousands (``1,234``)."""
    commas = column.str.fullmatch(COMMA_NUMBER)
    if not commas.any() or column[commas].str.fullmatch(PERHAPS_THOUSANDS).all():
        return column
    return column.where(~commas, column.str.replace(",", ".", regex=False))


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

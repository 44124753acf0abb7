"""Delimited text: csv, tsv, sdmx-csv, gzipped or not. Nothing is guessed; the source declares all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lma.errors import DefinitionError, InputError
from lma.parsers.headers import name_columns
from lma.parsers.safety import check_not_page, check_options, unpack_gzip

_OPTIONS = {"delimiter", "encoding", "header_row", "skip_footer", "quotechar"}


def read_csv(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of a delimited file, all text.

    Options: ``delimiter`` (``,``), ``encoding`` (``utf-8``; a byte order mark is fine), ``header_row``
    (1-based line of the header, 1), ``skip_footer`` (lines below the table, 0), ``quotechar`` (``"``).
    Raises ``InputError`` for web pages, cut files, wrong encoding or delimiter, missing header.
    """
    check_options(options, _OPTIONS)
    text = decode_text(unpack_gzip(content), str(options.get("encoding", "utf-8")))
    rows, lines = split_records(text, str(options.get("delimiter", ",")), str(options.get("quotechar", '"')))
    first = int(options.get("header_row", 1))
    last = len(rows) - int(options.get("skip_footer", 0))
    return build_frame(rows[first - 1 : last], lines[first - 1 : last], str(options.get("delimiter", ",")))


def decode_text(content: bytes, encoding: str) -> str:
    """Text of the file, decoded strictly; never with replacement characters."""
    check_not_page(content)
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding)
    except UnicodeDecodeError as error:
        raise InputError(_describe_bad_byte(content, error, encoding)) from error
    except LookupError as error:
        raise DefinitionError(
            f"there is no encoding {encoding!r}: write utf-8, cp1252, latin-1 or utf-16."
        ) from error
    for sign, name in (("\0", "a zero byte"), ("\ufffd", "the replacement character U+FFFD")):
        if sign in text:
            line = text.count("\n", 0, text.index(sign)) + 1
            raise InputError(
                f"line {line} holds {name}: letters were lost before the file came here; download it again."
            )
    _check_not_utf8(content, encoding)
    return text


def _describe_bad_byte(content: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    byte = content[error.start : error.start + 1]
    meant = byte.decode("cp1252", "backslashreplace")
    return (
        f"byte offset {error.start} (line {line}) is 0x{byte.hex().upper()}, which is not {encoding}; in "
        "cp1252 it would "
        f"be {meant!r}: set `encoding` in the source's options to what the publisher uses."
    )


def _check_not_utf8(content: bytes, encoding: str) -> None:
    """Refuse UTF-8 declared as a one-byte encoding: every accented letter would become two wrong ones."""
    if (
        encoding.lower().replace("_", "-")
        not in {"cp1252", "windows-1252", "latin-1", "latin1", "iso-8859-1"}
        or content.isascii()
    ):
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return
    raise InputError(
        f"the file is UTF-8 but its source declares {encoding}: set `encoding: utf-8` in the source's "
        "options."
    )


def split_records(text: str, delimiter: str, quotechar: str = '"') -> tuple[list[list[str]], list[int]]:
    """Records of the text and the line on which each ends; blank lines are empty records."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quotechar, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num} cannot be split into fields ({error}): the file is cut off inside "
            "quotes, or damaged; download it again."
        ) from error
    return rows, lines


def build_frame(rows: Sequence[list[str]], lines: Sequence[int], delimiter: str) -> pd.DataFrame:
    """Frame of the records below a header; blank records are left out, uneven ones refused."""
    if not rows:
        raise InputError(
            "the file has no header row: it is cut off, or `header_row` in the source's options is wrong."
        )
    columns = name_columns(rows[0])
    _check_delimiter(rows[0], delimiter)
    kept = [(row, line) for row, line in zip(rows[1:], lines[1:], strict=True) if any(row)]
    _check_widths(kept, len(columns))
    table = list(zip(*(row for row, _ in kept), strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {name: pd.Series(cells, dtype=object) for name, cells in zip(columns, table, strict=True)}
    )


def _check_delimiter(header: list[str], delimiter: str) -> None:
    if len(header) > 1:
        return
    found = [other for other in (",", ";", "\t", "|") if other != delimiter and other in header[0]]
    if found:
        raise InputError(
            f"with the delimiter {delimiter!r} the header is one field, {header[0][:60]!r}: the file "
            f"seems to use {found[0]!r}; "
            "set `delimiter` in the source's options."
        )


def _check_widths(rows: Sequence[tuple[list[str], int]], width: int) -> None:
    uneven = [(position, len(row), line) for position, (row, line) in enumerate(rows) if len(row) != width]
    if not uneven:
        return
    position, found, line = uneven[0]
    if position == len(rows) - 1 and found < width:
        raise InputError(
            f"the last line ({line}) has {found} fields where the header has {width}: the file is cut "
            "off; download it again."
        )
    raise InputError(
        f"line {line} has {found} fields where the header has {width} ({len(uneven)} such lines): the "
        "file is damaged, has notes "
        "below the table (`skip_footer`), or another delimiter or header row than its source declares."
    )

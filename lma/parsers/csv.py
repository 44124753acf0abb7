"""Delimited text: csv, tsv, sdmx-csv, gzipped or not. Nothing is guessed; the source declares all."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lma.errors import DefinitionError, InputError
from lma.parsers.extent import EXTENT_OPTIONS, fill_down, find_end, find_header
from lma.parsers.headers import name_columns
from lma.parsers.safety import (
    check_is_text,
    check_letters,
    check_not_page,
    check_options,
    unpack_gzip,
)

_OPTIONS = {"delimiter", "encoding", "header_row", "skip_footer", "quotechar"} | EXTENT_OPTIONS


def read_csv(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of a delimited file, all text.

    Options: ``delimiter`` (``,``), ``encoding`` (``utf-8``; a byte order mark is fine), ``header_row``
    (1-based line of the header, 1), ``skip_footer`` (lines below the table, 0), ``quotechar`` (``"``),
    and those of ``lma.parsers.extent`` for a header line that moves.
    Raises ``InputError`` for web pages, cut files, wrong encoding or delimiter, missing header.
    """
    check_options(options, _OPTIONS)
    text = decode_text(unpack_gzip(content), str(options.get("encoding", "utf-8")))
    rows, lines = split_records(text, str(options.get("delimiter", ",")), str(options.get("quotechar", '"')))
    first = find_header(rows, options, int(options.get("header_row", 1)))
    last = find_end(rows, options, first + 1) - int(options.get("skip_footer", 0))
    table = build_frame(rows[first - 1 : last], lines[first - 1 : last], str(options.get("delimiter", ",")))
    return fill_down(table, options)


def decode_text(content: bytes, encoding: str) -> str:
    """Text of the file, decoded strictly; never with replacement or control characters."""
    check_not_page(content)
    check_is_text(content)
    _check_byte_order(content, encoding)
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in _UTF8 else encoding)
    except UnicodeDecodeError as error:
        raise InputError(_describe_bad_byte(content, error, encoding)) from error
    except LookupError as error:
        raise DefinitionError(
            f"there is no encoding {encoding!r}: write utf-8, cp1252, latin-1 or utf-16."
        ) from error
    if len(text) == len(content) and not content.isascii():
        _check_one_byte(content, text, encoding)
    check_letters(text, "")
    return text.removeprefix("\ufeff")


_UTF8 = {"utf-8", "utf8", "utf_8"}
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_UTF8_IN_ONE_BYTE = re.compile(rb"\xc3[\x80-\xbf]|\xe2\x80[\x90-\xbf]")


def _check_byte_order(content: bytes, encoding: str) -> None:
    """A file that says by its first bytes that it is utf-16 is declared so, and the other way round."""
    name = encoding.lower().replace("_", "-")
    found = next((own for mark, own in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if found and not name.startswith(found):
        raise InputError(
            f"the file begins with the byte order mark of {found}, its source declares {encoding}: set "
            f"`encoding: {found}` in the source's options."
        )
    if found is None and name in {"utf-16", "utf16", "utf-32", "utf32"}:
        raise InputError(
            f"the file has no byte order mark, so {encoding} has two readings: set `encoding: utf-16-le` (or "
            "-be), as the publisher writes, in the source's options."
        )


def _describe_bad_byte(content: bytes, error: UnicodeDecodeError, encoding: str) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    byte = content[error.start : error.start + 1]
    meant = byte.decode("cp1252", "backslashreplace")
    return (
        f"byte offset {error.start} (line {line}) is 0x{byte.hex().upper()}, which is not {encoding}; in "
        "cp1252 it would "
        f"be {meant!r}: set `encoding` in the source's options to what the publisher uses."
    )


def _check_one_byte(content: bytes, text: str, encoding: str) -> None:
    """Refuse UTF-8 declared as a one-byte encoding: every accented letter would become two wrong ones."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        raise InputError(
            f"the file is UTF-8 but its source declares {encoding}: set `encoding: utf-8` in the source's "
            "options."
        )
    mixed = _UTF8_IN_ONE_BYTE.search(content)
    if mixed:
        line = content.count(b"\n", 0, mixed.start()) + 1
        raise InputError(
            f"line {line} holds {text[mixed.start() : mixed.end()]!r}, which is {mixed[0].decode()!r} in "
            f"UTF-8, in a file that is otherwise not UTF-8: it mixes two encodings, of which {encoding} is "
            "declared; ask the publisher for a clean file."
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
        if "field limit" in str(error):
            raise InputError(
                f"line {reader.line_num} ends a cell of more than {csv.field_size_limit():,} letters: a quote is "
                "never closed, or the file is damaged or no table; download it again."
            ) from error
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
    _check_swallowed(rows, lines, delimiter)
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
            f"with the delimiter {delimiter!r} the header is one field, with {found[0]!r} it is "
            f"{header[0].count(found[0]) + 1}: the file seems to use {found[0]!r}; set `delimiter` in the source's options."
        )


def _check_widths(rows: Sequence[tuple[list[str], int]], width: int) -> None:
    uneven = [(position, len(row), line) for position, (row, line) in enumerate(rows) if len(row) != width]
    if not uneven:
        return
    position, found, line = uneven[0]
    if position == len(rows) - 1 and found < width:
        raise InputError(
            f"the last line ({line}) has {found} fields where the header has {width}: the file is cut "
            "off (download it again), or has a note below the table (`skip_footer`, `stop_at`)."
        )
    raise InputError(
        f"line {line} has {found} fields where the header has {width} ({len(uneven)} such lines): the "
        "file is damaged, has notes "
        "below the table (`skip_footer`), or another delimiter or header row than its source declares."
    )


def _check_swallowed(rows: Sequence[list[str]], lines: Sequence[int], delimiter: str) -> None:
    """Refuse a quoted cell that holds whole lines of the table: two stray quotes hide the rows between them."""
    for row, line, line_before in zip(rows[1:], lines[1:], lines, strict=False):
        if line - line_before == 1:
            continue
        parts = [part for cell in row if "\n" in cell or "\r" in cell for part in cell.splitlines()]
        if any(part.count(delimiter) >= max(len(rows[0]) - 1, 2) for part in parts):
            raise swallowed_lines(line)


def swallowed_lines(line: int) -> InputError:
    """The error of a record, ending on ``line``, that has swallowed whole lines of the table."""
    return InputError(
        f"the record that ends on line {line} has whole lines of the table inside one quoted cell: a "
        "quote is opened or closed in the wrong place; ask the publisher for a clean file."
    )

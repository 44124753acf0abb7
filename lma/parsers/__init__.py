"""Parsers: one module per file format, bytes in, rows as published out (all text).

A parser takes the bytes of a file and the ``options`` of its source, and returns a frame whose cells are
all ``str`` (empty cell = ``""``), whose columns are the publisher's headers, and whose rows are the
publisher's rows in file order. It raises ``InputError`` without the file's name; the caller adds it.
Every format has the option ``member``: the table is the one member of a zip archive whose name it matches.
Adding a format is one module of this folder and one line below.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from lma.errors import DefinitionError

Parser = Callable[[bytes, Mapping[str, Any]], pd.DataFrame]


def _lazily(module: str, function: str) -> Parser:
    """Parser that imports its module, and with it the heavy library, on first use."""

    def parse(content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
        parser: Parser = getattr(importlib.import_module(f"lma.parsers.{module}"), function)
        if "member" not in options:
            return parser(content, options)
        archives = importlib.import_module("lma.parsers.archives")
        own = {name: value for name, value in options.items() if name != "member"}
        return parser(archives.read_member(content, str(options["member"])), own)

    return parse


PARSERS: dict[str, Parser] = {
    "csv": _lazily("csv", "read_csv"),
    "xlsx_table": _lazily("xlsx_table", "read_xlsx_table"),
    "parquet": _lazily("parquet", "read_parquet"),
    "worldbank_csv": _lazily("worldbank_csv", "read_worldbank_csv"),
    "worldbank_json": _lazily("worldbank_json", "read_worldbank_json"),
    "eurostat_tsv": _lazily("eurostat_tsv", "read_eurostat_tsv"),
    "sdmx_csv": _lazily("sdmx_csv", "read_sdmx_csv"),
}


def find_parser(file_format: str) -> Parser:
    """Parser of a format; ``DefinitionError`` lists the formats that exist."""
    if file_format not in PARSERS:
        raise DefinitionError(f"there is no format {file_format!r}. Formats: {', '.join(PARSERS)}.")
    return PARSERS[file_format]

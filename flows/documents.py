"""Documents made from the contracts and sources, for people who read no YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lma import contracts, documentation
from lma.errors import OutputError


def make_documents() -> dict[str, str]:
    """File name -> text; only what is shipped, so that two checkouts make the same documents."""
    return {
        "data-dictionary.md": documentation.describe_tables(contracts.table_contracts().values()),
        "sources.md": documentation.describe_sources(contracts.shipped_sources().values()),
    }


def write_documents(folder: Path, console: Any) -> None:
    """Write the documents into a folder and print their names."""
    for name, text in make_documents().items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{folder / name} cannot be written: {error.strerror}. Choose another folder."
            ) from error
        console.print(f"{folder / name}", markup=False)

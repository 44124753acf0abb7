"""docs/broken-files.md, written from the table of broken files.

``python tests/broken_files_page.py`` writes it; a test holds the two together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lma import contracts

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "broken-files.md"
TABLE = ROOT / "tests" / "specimens" / "broken" / "expected.yaml"
HEAD = """# Broken files, and what becomes of them

Written from `tests/specimens/broken/expected.yaml` by `python tests/broken_files_page.py`; `tests/test_broken_files.py`
runs every case.

A file is read as its source declares, exactly, or it is refused with a message that says what is wrong, where, and what
to do; then nothing of it is loaded and it does not stay in the raw store. A cell that is no figure, and a row that breaks
the contract of the table, goes to quarantine; a file with more than 5 per cent of such rows (`expect.max_quarantined_share`)
is refused as a whole. Figures are written as `area period [activity, age, sex] = value [status]`, with status M for a
missing one; a cell in quarantine as `row, column: text`.

Rules that are not a matter of course:

- Nothing is guessed: encoding, delimiter, decimal and thousands separator, order of day and month, marks of missing
  figures, sheet and header row are declared by the source, or are the defaults (UTF-8, comma, decimal point, ISO dates).
- Hidden rows and columns are read as any other, because hiding is layout; a hidden sheet is read only by its name.
- Cells of a workbook are read as they are stored, not as they are shown: 5.5 % may be 0.055.
- Sectors that do not sum to their total are loaded as published; that is a question of coherence between figures.
- A file cut inside its very last figure looks whole; fetching compares the length that the server announced.
- Limits: a line 4 MB, a cell 131,072 letters, 20,000 columns, 50 million cells, 256 MB of text in memory (larger files of
  plain csv sources are read by SQL), an archive 100 times its size and 2,000 members (`lma/parsers/safety.py`).
"""


def write_page(table: dict[str, Any]) -> str:
    """The page: one section per group of cases, one row per case."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for case in table["cases"]:
        groups.setdefault(case["group"], []).append(case)
    count = f"\n{len(table['cases'])} cases.\n"
    return HEAD + count + "".join(_section(name, cases) for name, cases in groups.items())


def _section(name: str, cases: list[dict[str, Any]]) -> str:
    head = f"\n## {name[0].upper()}{name[1:]}\n\n| what is in the file | file | declared | outcome |\n|---|---|---|---|\n"
    rows = [[case["what"], _file(case), _declared(case), _outcome(case)] for case in cases]
    return head + "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _file(case: dict[str, Any]) -> str:
    return str(case.get("file") or case.get("definition") or "(written by the test)")


def _declared(case: dict[str, Any]) -> str:
    own = case.get("options", {}) | case.get("source", {})
    return "; ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in own.items())


def _outcome(case: dict[str, Any]) -> str:
    if "refused" in case:
        ((error, message),) = case["refused"].items()
        return f"refused, {error}: {message}"
    if "reads" in case:
        return "read: " + ", ".join(f"{key} {value!r}" for key, value in case["reads"].items())
    parts = [("loaded", case.get("loads")), ("quarantine", case.get("quarantines"))]
    parts.append(("breaks the contract", case.get("breaks")))
    return "; ".join(f"{name}: {', '.join(lines)}" for name, lines in parts if lines)


def _cell(text: str) -> str:
    """Text in a cell of the page: marks of the page's own language escaped, invisible letters named."""
    visible = "".join(
        letter if letter.isprintable() or letter == " " else f"\\u{ord(letter):04x}" for letter in text
    )
    return visible.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(write_page(contracts.read_yaml(TABLE)), encoding="utf-8")

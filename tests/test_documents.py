"""The documents say what the contracts say: they are made from them, and the committed ones are the made ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from world_builder import run_lma

from flows.documents import make_documents
from lma import contracts
from lma.contracts import Source
from lma.documentation import describe_sources, mapping_in_words, source_facts

DOCS = Path(__file__).parent.parent / "docs"


def test_committed_documents_are_the_made_ones() -> None:
    for name, text in make_documents().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name} is old: run `lma docs docs`"


def test_command_writes_them(tmp_path: Path) -> None:
    outcome = run_lma("docs", "out", folder=tmp_path)
    assert outcome.code == 0
    assert outcome.out.split() == ["out/data-dictionary.md", "out/sources.md"]
    for name, text in make_documents().items():
        assert (tmp_path / "out" / name).read_text(encoding="utf-8") == text
    (tmp_path / "file").write_text("", encoding="utf-8")
    outcome = run_lma("docs", "file", folder=tmp_path)
    assert outcome.code == 14 and "cannot be written" in outcome.err and "Traceback" not in outcome.err


def test_dictionary_has_every_table_column_and_threshold() -> None:
    text = make_documents()["data-dictionary.md"]
    for contract in contracts.table_contracts().values():
        part = text.split(f"\n## {contract.name}\n")[1].split("\n## ")[0]
        assert contract.grain in part
        for column in contract.columns:
            line = next(
                line
                for line in part.splitlines()
                if line.startswith((f"| `{column.name}` ", f"| `{column.name}` (key)"))
            )
            assert (
                column.physical_type in line
                and " ".join(column.description.split())[:40].replace("|", "\\|") in line
            )
            assert ("never empty" in line) == column.required
            assert column.minimum is None or f"at least {column.minimum:g}" in line
            assert column.maximum is None or f"at most {column.maximum:g}" in line
            assert all(f"`{value}`" in line for value in column.valid_values)
        assert all(f"| `{rule.rule_id}` |" in part for rule in contract.rules)


@pytest.mark.parametrize("source_id", contracts.shipped_sources())
def test_source_in_words_leaves_nothing_out(source_id: str) -> None:
    """Every text of the YAML that decides what is read or kept stands in the words."""
    source = contracts.source(source_id)
    words = "\n".join([*mapping_in_words(source), *(text for _, text in source_facts(source))])
    for text in texts_of(source):
        assert text in words, f"{text!r} of {source_id} is not in its description"
    assert bool(source.mapping.unlisted) == ("that are not listed stay as published" in words)
    assert bool(source.aggregate) == ("are added up" in words)


def texts_of(source: Source) -> set[str]:
    decides = (
        "files",
        "options",
        "aliases",
        "withhold",
        "extract",
        "wide",
        "basis",
        "mapping",
        "not_applicable",
    )
    found = source.model_dump(include=set(decides), exclude_defaults=True, mode="json")
    found["mapping"].pop("unit_multiplier", None)
    found["basis"] = {key: value for key, value in found["basis"].items() if key != "default"}
    # An inline code map is shown by its first values, a crosswalk by its name.
    codes = found["mapping"].pop("codes", {})
    named = {name.removesuffix(".csv") for name in codes.values() if isinstance(name, str)}
    return {text for text in leaves(found) if text.strip()} | set(codes) | named


def leaves(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in leaves(value)]
    if isinstance(node, list):
        return [text for value in node for text in leaves(value)]
    return [] if node is None or isinstance(node, bool) else [str(node)]


def test_markdown_tables_are_whole() -> None:
    """A bar inside a cell does not cut it, and every row has as many cells as its heading."""
    for text in [*make_documents().values(), describe_sources(contracts.shipped_sources().values())]:
        width = 0
        for line in text.splitlines():
            cells = line.replace("\\|", "").count("|") - 1
            if not line.startswith("|"):
                width = 0
            elif not width:
                width = cells
            else:
                assert cells == width, line

"""The direction of imports, one owner per library, and the shape of functions (DESIGN section 1)."""

from __future__ import annotations

import ast
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "lma").rglob("*.py"), *(ROOT / "flows").rglob("*.py")])
FOUNDATION = {"lma", "lma.errors", "lma.contracts", "lma.contract_rules", "lma.whole_file", "lma.languages"}
RIM = {
    "lma.snapshots", "lma.fetch", "lma.releases", "lma.withdrawals", "lma.kept_forecasts", "lma.records", "lma.warehouse",
    "lma.validation", "lma.publish", "lma.user_tables",
}  # fmt: skip
CORE = {
    "lma.parsers", "lma.staging", "lma.published_text", "lma.classifications", "lma.levels", "lma.breaks", "lma.coherence",
    "lma.forecasting", "lma.balance", "lma.shortages", "lma.migration", "lma.disclosure", "lma.assessment", "lma.pushdown",
    "lma.documentation", "lma.source_draft", "lma.layout_guesses",
}  # fmt: skip
OWNERS = {
    "duckdb": {"lma.warehouse"},
    "great_expectations": {"lma.validation"},
    "yaml": {"lma.contracts"},
    "httpx": {"lma.fetch.line"},
    "sdmx": {"lma.fetch.structures", "lma.publish.sdmx_structure"},  # reads a publisher's; writes ours
    "prefect": {"flows.deployments"},
    "typst": {"lma.publish.pdf"},
    "vl_convert": {"lma.publish.charts.drawing"},
    "xlsxwriter": {"lma.publish.xlsx"},
    "odfdo": {"lma.publish.ods"},
    "docx": {"lma.publish.docx"},
    "markdown_it": {"lma.publish.site.methods"},
    "babel": {"lma.languages", "lma.languages.catalogues"},
}
# Heavy libraries may only be imported inside functions, so that commands that do not need them do not pay.
HEAVY = {
    "great_expectations",
    "sklearn",
    "statsforecast",
    "altair",
    "vl_convert",
    "typst",
    "xlsxwriter",
    "openpyxl",
    "scipy",
    "httpx",
    "sdmx",
    "babel",
    "odfdo",
    "docx",
    "markdown_it",
}
CLOCKS = {"now", "today", "utcnow", "time", "time_ns"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    """The room a module belongs to: a module of lma, or a package of lma."""
    return ".".join(name.split(".")[:2])


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module in ("lma", "flows") or node.module.startswith("lma."):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (f"{module_name(path)}.{node.name}", node)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    doc = node.body[0] if ast.get_docstring(node) else None
    return node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)  # type: ignore[operator]


def rooms_imported(path: Path) -> set[str]:
    known = RIM | CORE | FOUNDATION
    return {room(name) for name in imported(parse(path)) if room(name) in known} - {
        room(module_name(path)),
        "lma",
    }


def test_every_module_has_a_room() -> None:
    rooms = {room(module_name(path)) for path in MODULES if path.is_relative_to(ROOT / "lma")}
    assert rooms - RIM - CORE - FOUNDATION == set()


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(module_name(path)) in CORE], ids=module_name
)
def test_core_imports_no_rim_and_reads_no_clock(path: Path) -> None:
    assert rooms_imported(path) & RIM == set()
    calls = [node.func for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    clocks = [call for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS]
    # `moment.time()` takes the hour out of a moment that is given; `time.time()` asks the machine.
    assert [
        ast.unparse(call)
        for call in clocks
        if call.attr not in ("time", "time_ns") or ast.unparse(call.value) == "time"
    ] == []


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(module_name(path)) in RIM], ids=module_name
)
def test_rim_modules_import_neither_core_nor_each_other(path: Path) -> None:
    assert rooms_imported(path) - FOUNDATION == set()


def test_foundation_imports_nothing_above_it() -> None:
    assert rooms_imported(ROOT / "lma" / "errors.py") == set()
    assert rooms_imported(ROOT / "lma" / "contracts.py") == {"lma.errors"}
    assert rooms_imported(ROOT / "lma" / "contract_rules.py") == {"lma.contracts"}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.is_relative_to(ROOT / "lma")], ids=module_name
)
def test_lma_never_imports_flows_or_prefect(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(parse(path))} & {"flows", "prefect"} == set()


@pytest.mark.parametrize("library", OWNERS)
def test_library_has_one_owner(library: str) -> None:
    users = {
        module_name(path)
        for path in MODULES
        if library in {name.split(".")[0] for name in imported(parse(path))}
    }
    assert users == OWNERS[library]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    top = ast.Module([node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    assert {name.split(".")[0] for name in imported(top)} & HEAVY == set()


def test_no_drawer_for_odds_and_ends() -> None:
    assert [
        path.name for path in MODULES if path.stem in ("utils", "helpers", "base", "common", "misc")
    ] == []


def test_functions_are_small_and_say_what_they_return() -> None:
    lengths = {name: length(node) for name, node in functions()}
    assert statistics.median(lengths.values()) <= 10
    assert {name: n for name, n in lengths.items() if n > 60} == {}
    assert [name for name, node in functions() if node.returns is None] == []


def test_only_yaml_sql_and_codelists_in_their_folders() -> None:
    kinds = {"data_contracts": {".yaml"}, "warehouse/indicators": {".sql"}, "warehouse/codelists": {".csv"}}
    for folder, endings in kinds.items():
        assert {path.suffix for path in (ROOT / folder).rglob("*") if path.is_file()} == endings, folder


def test_everything_that_runs_travels_in_the_wheel() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    packed = build["targets"]["wheel"]["force-include"]
    needed = {"data_contracts", *(f"warehouse/{path.name}" for path in (ROOT / "warehouse").glob("*.sql"))}
    needed |= {"docs", "languages"}
    needed |= {f"warehouse/{name}" for name in ("codelists", "indicators", "sample")}
    assert packed == {name: f"lma/_resources/{name}" for name in needed}

"""Every broken file of tests/specimens/broken comes out as its table says: exact to the figure, or refused with that message.

The table is tests/specimens/broken/expected.yaml. Each case runs the real way: parser, names, conform, contract.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from broken_files_page import PAGE, write_page
from world_builder import World

from lma import contracts, errors, validation, warehouse
from lma.contracts import Source
from lma.errors import LmaError
from lma.parsers import find_parser
from lma.staging import DEFAULTS, Conformed, FileFacts, conform, name_columns_as_declared

ROOT = Path(__file__).parent.parent
BROKEN = Path(__file__).parent / "specimens" / "broken"
TABLE = contracts.read_yaml(BROKEN / "expected.yaml")
CASES: dict[str, dict[str, Any]] = {case["case"]: case for case in TABLE["cases"]}
FILES = {name: case for name, case in CASES.items() if "file" in case}
DEFINITIONS = {name: case for name, case in CASES.items() if "definition" in case}
GIANTS = {name: case for name, case in CASES.items() if "giant" in case}
DIMENSIONS = ("counterpart_area", "economic_activity", "age", "sex")


@dataclass
class Outcome:
    """What became of one file, in the words of the table."""

    loads: list[str] = field(default_factory=list)
    quarantines: list[str] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    refused: LmaError | None = None


def build_source(case: dict[str, Any]) -> Source:
    """The mapping that the case names, with what differs from it."""
    shared, own = TABLE["sources"][case["like"]], case.get("source", {})
    facts = TABLE["publisher"] | {"source_id": "broken_files", "files": [{"name": ".*"}]} | shared | own
    mapping = shared["mapping"] | own.get("mapping", {})
    options = shared.get("options", {}) | case.get("options", {})
    return Source.model_validate(facts | {"mapping": mapping, "options": options})


def conform_file(case: dict[str, Any], content: bytes) -> Conformed:
    """What flows.refresh.read_observations does, without a raw store."""
    source, name = build_source(case), case["file"]
    parsed = find_parser(source.format)(content, source.options)
    raw = name_columns_as_declared(parsed, source, name)
    sha = hashlib.sha256(case["case"].encode()).hexdigest()
    day = dt.date(2025, 1, 1) + dt.timedelta(days=list(CASES).index(case["case"]))  # no two cases share a key
    return conform(raw, source, FileFacts(sha, name, day))


def describe_figure(row: Any) -> str:
    dimensions = [getattr(row, name) for name in DIMENSIONS if getattr(row, name) != DEFAULTS[name]]
    value = "" if pd.isna(row.obs_value) else f"{row.obs_value:.15g}"
    status = "" if row.obs_status == "A" else f" [{row.obs_status}]"
    return f"{' '.join([row.ref_area, row.time_period, *dimensions])} = {value}{status}"


def describe(conformed: Conformed, broken: pd.DataFrame) -> Outcome:
    """Outcome of a file that was conformed; ``broken``: its rows that break the contract."""
    figures = conformed.observations
    kept = figures[~figures["observation_id"].isin(broken["observation_id"])]
    rows = figures.set_index("observation_id")["raw_row"]
    return Outcome(
        loads=[describe_figure(row) for row in kept.itertuples()],
        quarantines=[f"{row.raw_row}, {row.column}: {row.value}" for row in conformed.rejected.itertuples()],
        breaks=sorted({f"{rows[row.observation_id]}: {row.rule_id}" for row in broken.itertuples()}),
    )


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Every file once; the contract is asked once for all of them, because asking takes seconds."""
    found: dict[str, Outcome] = {}
    conformed: dict[str, Conformed] = {}
    for name, case in FILES.items():
        try:
            conformed[name] = conform_file(case, (BROKEN / case["file"]).read_bytes())
        except LmaError as error:
            found[name] = Outcome(refused=error)
    contract = contracts.table_contract("staging.observations")
    figures = pd.concat([each.observations for each in conformed.values()], ignore_index=True)
    breakers = warehouse.find_rule_breakers(figures, contract)
    broken = validation.check_rows(figures, contract, breakers, "incoming").failed
    for name, each in conformed.items():
        own = broken["observation_id"].isin(each.observations["observation_id"])
        found[name] = describe(each, broken[own])
    return found


@pytest.mark.parametrize("name", FILES)
def test_file_comes_out_as_the_table_says(name: str, outcomes: dict[str, Outcome]) -> None:
    case, outcome = FILES[name], outcomes[name]
    if "refused" in case:
        ((error, message),) = case["refused"].items()
        assert type(outcome.refused).__name__ == error, outcome
        assert message in str(outcome.refused)
        return
    assert outcome.refused is None
    assert outcome.loads == case.get("loads", [])
    assert outcome.quarantines == case.get("quarantines", [])
    assert outcome.breaks == case.get("breaks", [])


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definition_comes_out_as_the_table_says(name: str) -> None:
    case = DEFINITIONS[name]
    path = BROKEN / case["definition"]
    if "reads" in case:
        assert contracts.read_yaml(path) == case["reads"]
        return
    ((error, message),) = case["refused"].items()
    with pytest.raises(LmaError) as caught:
        contracts.read_source(path)
    assert type(caught.value).__name__ == error
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_table_and_folder_hold_the_same_files() -> None:
    """No specimen without an outcome, no case twice, at least 60 of them."""
    listed = [case["case"] for case in TABLE["cases"]]
    assert len(listed) == len(set(listed)) >= 60
    named = {case.get("file") or case.get("definition") for case in TABLE["cases"]} - {None}
    assert named == {path.name for path in BROKEN.iterdir()} - {"expected.yaml"}
    assert all({"loads", "quarantines", "breaks", "refused", "reads"} & set(case) for case in TABLE["cases"])
    assert all(path.stat().st_size < 50_000 for path in BROKEN.iterdir() if path.name != "expected.yaml")


def test_page_is_written_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(TABLE), "run python tests/broken_files_page.py"


def test_no_letter_is_ever_replaced(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        assert "\ufffd" not in "".join([*outcome.loads, *outcome.quarantines]), name


# ---------------------------------------------------------------- as a command


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("name", [name for name, case in FILES.items() if case.get("ingest")])
def test_ingest_refuses_or_loads_the_whole_file(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code and message of the table; a refused file leaves no figure, no row, no byte in the raw store."""
    case, source = FILES[name], build_source(FILES[name])
    monkeypatch.setattr(contracts, "sources", lambda: {source.source_id: source})
    outcome = world.lma("ingest", source.source_id, BROKEN / case["file"], "--vintage", "2025-01-01")
    assert "Traceback" not in outcome.err
    with warehouse.open_for_writing(world.warehouse, command="tests") as opened:
        n_loaded = opened.count_rows("staging.observations")
        last = opened.read("meta.runs").iloc[-1]
        tables = set(contracts.table_contracts()) & set(opened._existing_columns())
    assert tables == set(contracts.table_contracts())
    error, message = next(
        iter(case.get("refused", case["ingest"] if case["ingest"] is not True else {}).items()), ("", "")
    )
    if error:
        assert outcome.code == getattr(errors, error).exit_code, outcome.err
        assert message in outcome.err.replace("\n", " ") and case["file"] in outcome.err
        assert (n_loaded, last["status"]) == (0, "FAILED")
        assert [path.name for path in world.raw.rglob("*") if path.is_file()] == []
        return
    assert outcome.code == 0, outcome.err
    assert (n_loaded, last["status"]) == (len(case["loads"]), "COMPLETED")


# ---------------------------------------------------------------- in a process of its own: writes and memory


def ingest_guarded(files: dict[str, Path], folder: Path) -> dict[str, dict[str, Any]]:
    """What guarded `lma ingest`s did, by case; home and temporary folder of the process are in ``folder``."""
    home = {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    process = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "guarded_ingest.py"), *(f"{name}={path}" for name, path in files.items())],
        cwd=folder, env=os.environ | home | paths, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return {line["case"]: line for line in map(json.loads, process.stdout.splitlines())}


HOSTILE = [name for name, case in FILES.items() if case["group"] == "hostile files" and "refused" in case]
HOSTILE += ["sql_in_area", "sql_in_header"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """All hostile files in one process, each with a warehouse of its own."""
    folder = tmp_path_factory.mktemp("hostile") / "work"
    folder.mkdir()
    return folder, ingest_guarded({name: BROKEN / FILES[name]["file"] for name in HOSTILE}, folder)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_writes_nothing_outside(
    name: str, hostile: tuple[Path, dict[str, dict[str, Any]]]
) -> None:
    """Every path that is opened for writing, made, moved or removed is in the working folder; nothing is started."""
    folder, found = hostile[0], hostile[1][name]
    refused = FILES[name].get("refused", {})
    assert found["code"] == (getattr(errors, next(iter(refused))).exit_code if refused else 0), found
    assert "Traceback" not in found["messages"]
    assert any(path.endswith(".duckdb.lock") for path in found["written"]), "the hook saw nothing"
    strayed = {p for p in found["written"] if not p.startswith(f"{folder.resolve()}{os.sep}")} - {"/dev/null"}
    assert strayed == set()
    assert found["started"] == []


def test_hostile_files_leave_nothing_behind(hostile: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    folder = hostile[0]
    assert [path.name for path in folder.parent.iterdir()] == ["work"]
    assert list(folder.rglob("*escaped*")) == []
    landed = {path.parent.parent.name for path in folder.rglob("raw/*") if path.is_file()}
    assert landed == {name for name in HOSTILE if "refused" not in FILES[name]}


MEGABYTE = 1 << 20
HEADER = b"country,year,sector,persons\n"


def write_pieces(path: Path, *pieces: tuple[bytes, int]) -> None:
    with path.open("wb") as file:
        for piece, times in pieces:
            for _ in range(times):
                file.write(piece)


def one_cell_of_a_gigabyte(folder: Path) -> Path:
    write_pieces(folder / "giant.csv", (HEADER, 1), (b"MUS,2020,", 1), (b"C" * MEGABYTE, 1024), (b",1\n", 1))
    return folder / "giant.csv"


def a_quoted_cell_of_a_gigabyte(folder: Path) -> Path:
    lines = (b"C" * 1023 + b"\n") * 1024
    write_pieces(folder / "giant.csv", (HEADER, 1), (b'MUS,2020,"', 1), (lines, 1024), (b'",1\n', 1))
    return folder / "giant.csv"


def two_million_columns(folder: Path) -> Path:
    names = ",".join(f"c{number}" for number in range(2_000_000))
    (folder / "giant.csv").write_text(f"{names}\n", encoding="ascii")
    return folder / "giant.csv"


def two_million_empty_columns(folder: Path) -> Path:
    write_pieces(folder / "giant.csv", (b"country", 1), (b",", 2_000_000), (b"\n", 1))
    return folder / "giant.csv"


def a_line_of_100_megabytes(folder: Path) -> Path:
    row = (b"MUS,2020,C,1\n", 1)
    write_pieces(folder / "giant.csv", (HEADER, 1), row, (b"MUS,2020,C," * 100_000, 91), (b"\n", 1), row)
    return folder / "giant.csv"


def gzip_of_ten_gigabytes(folder: Path) -> Path:
    """One member repeated: gzip allows it, and it takes no time to write."""
    part = gzip.compress(b"\0" * (64 * MEGABYTE), 9, mtime=0)
    write_pieces(folder / "giant.csv.gz", (part, 160))
    return folder / "giant.csv.gz"


def gzip_of_400_megabytes_of_rows(folder: Path) -> Path:
    draw = random.Random(1)
    rows = "".join(f"MUS,{draw.randint(1900, 2100)},C,{draw.random()}\n" for _ in range(200_000)).encode()
    write_pieces(folder / "giant.csv.gz", (gzip.compress(HEADER), 1), (gzip.compress(rows, 1, mtime=0), 60))
    return folder / "giant.csv.gz"


def csv_of_300_megabytes_with_decimal_commas(folder: Path) -> Path:
    write_pieces(folder / "giant.csv", (HEADER, 1), (b'MUS,2020,C,"1,5"\n' * 100_000, 180))
    return folder / "giant.csv"


def last_line_of_40_megabytes(folder: Path) -> Path:
    """DuckDB's parallel reader would leave it out."""
    rows = (b"MUS,2020,C,1\n" * 100_000, 50)
    write_pieces(
        folder / "giant.csv", (HEADER, 1), rows, (b"MUS,2020,", 1), (b"C" * MEGABYTE, 40), (b",1\n", 1)
    )
    return folder / "giant.csv"


def workbook_of_two_gigabytes(folder: Path) -> Path:
    path = folder / "giant.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet,
    ):
        for _ in range(2048):
            sheet.write(b" " * MEGABYTE)
    return path


def archive_of_many_members(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "giant.xlsx", "w") as archive:
        for number in range(2_001):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b"")
    return folder / "giant.xlsx"


def parquet_of_many_rows(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.nulls(30_000_000, pa.int8()) for name in ("country", "persons")}
    pq.write_table(pa.table(columns), folder / "giant.parquet")
    return folder / "giant.parquet"


@pytest.mark.parametrize("name", GIANTS)
def test_giant_is_refused_in_bounded_memory_and_time(name: str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "work").mkdir()
    path = globals()[GIANTS[name]["giant"]](tmp_path / "made")
    begun = time.monotonic()
    found = ingest_guarded({name: path}, tmp_path / "work")[name]
    seconds = time.monotonic() - begun
    path.unlink()
    ((error, message),) = GIANTS[name]["refused"].items()
    assert found["code"] == getattr(errors, error).exit_code, found
    assert message in found["messages"] and "Traceback" not in found["messages"]
    assert found["peak"] < 1 << 30, f"{found['peak']:,} bytes"
    assert seconds < 60
    assert sum(left.stat().st_size for left in tmp_path.rglob("*") if left.is_file()) < 50 * MEGABYTE

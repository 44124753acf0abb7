"""Names that a source withholds reach nothing: not the warehouse, the quarantine, a message or a log."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from flows import bulk
from flows.cli import app
from lma import contracts, staging
from lma.errors import InputError, LmaError
from lma.parsers import find_parser

SPECIMENS = Path(__file__).parent / "specimens" / "can_lmia_quarterly"
WITHHELD = ("Employer 1", "Employer 2", "Employer 7", "Employer 8", "Town 3", "Town 5", "A0A 0A0")
HEADER = "Province/Territory,Stream,Employer,Address,Occupation,Approved Positions\r\n"
ROW = 'Ontario,Low Wage,"Employer 7","Town 5, A0A 0A0",6322-Cooks,2\r\n'
NOTES = "Notes:,,,,,\r\n"


def assert_withheld(text: str) -> None:
    assert not [name for name in WITHHELD if name in text], text


def write_file(folder: Path, rows: str, notes: str = NOTES, header: str = HEADER) -> Path:
    path = folder / "June-2019.csv"
    path.write_bytes(("A title,,,,,\r\n" + header + rows + notes).encode("cp1252"))
    return path


def dump(warehouse: Path) -> str:
    """Every cell of every table as text."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        rows = [connection.table(f"{schema}.{table}").fetchall() for schema, table in tables]
        names = [connection.table(f"{schema}.{table}").columns for schema, table in tables]
    return repr((names, rows))


def test_ingested_file_leaves_no_name_in_warehouse_output_or_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixty good rows, and one whose positions cannot be read."""
    small = contracts.source("can_lmia_quarterly").model_copy(
        update={"expect": contracts.Expect(min_rows=1, max_quarantined_share=0.9)}
    )
    monkeypatch.setattr(contracts, "sources", lambda: {small.source_id: small})
    bad = ROW.replace(",2\r\n", ",two\r\n")
    path = write_file(tmp_path, ROW * 60 + bad)
    with caplog.at_level(logging.INFO):
        warehouse = tmp_path / "w" / "lma.duckdb"
        outcome = CliRunner().invoke(
            app, ["ingest", "can_lmia_quarterly", str(path), "--warehouse", str(warehouse)]
        )
    assert outcome.exit_code == 0, outcome.output
    held = dump(warehouse)
    assert "'two'" in held and "sum of 61 rows; 1 of them unreadable" in held
    for text in (held, outcome.output, caplog.text):
        assert_withheld(text)


def read_file(path: Path) -> staging.Conformed:
    source = contracts.source("can_lmia_quarterly")
    _, file, groups = next(iter(staging.match_sources({source.source_id: source}, path.name)))
    source = source.as_in(file)
    facts = staging.FileFacts("0" * 64, path.name, file.as_of, groups, file.constant)  # type: ignore[arg-type]
    parsed = find_parser(source.format)(path.read_bytes(), source.options)
    return staging.conform(staging.name_columns_as_declared(parsed, source, path.name), source, facts)


@pytest.mark.parametrize(
    ("rows", "header", "notes"),
    [
        (ROW * 3, HEADER, NOTES),
        (ROW * 4000, HEADER, ""),
        (ROW * 4000, HEADER.replace("Employer", "Company"), NOTES),
        (ROW * 4000, HEADER.replace("Province/Territory", "Province"), NOTES),
        (ROW * 4000, "", NOTES),
        (ROW * 4000 + ROW.replace("Ontario", "Ontari0"), HEADER, NOTES),
        (ROW * 4000 + ROW.replace("6322-Cooks", "Cooks"), HEADER, NOTES),
        (ROW * 4000 + ROW.replace("2\r\n", "2,9\r\n"), HEADER, NOTES),
        (ROW * 4000 + ROW.replace('"Town 5', '"Town 5"x'), HEADER, NOTES),
        (ROW.replace("Employer", "Employer\x81") * 4000, HEADER, NOTES),
    ],
    ids=["short", "cut", "renamed employer", "renamed place", "no header", "unknown place", "no code", "wide row", "quotes", "bytes"],
)  # fmt: skip
def test_no_message_of_a_refused_file_shows_a_name(
    tmp_path: Path, rows: str, header: str, notes: str
) -> None:
    path = tmp_path / "June-2019.csv"
    path.write_bytes(("A title,,,,,\r\n" + header + rows + notes).encode("cp1252", "surrogatepass")
                     if "\x81" not in rows else ("A title,,,,,\r\n" + header + rows + notes).encode("latin-1"))  # fmt: skip
    with pytest.raises(LmaError) as refused:
        read_file(path)
    assert_withheld(str(refused.value))


def test_specimens_name_only_invented_employers() -> None:
    for path in sorted(SPECIMENS.glob("*.csv")):
        if path.name == "known.csv":
            continue
        source = contracts.source("can_lmia_quarterly")
        file = next(iter(staging.match_sources({source.source_id: source}, path.name)))[1]
        parsed = find_parser(source.format)(path.read_bytes(), source.as_in(file).options)
        column = next(name for name in parsed.columns if name.startswith("Employer"))
        assert parsed[column].str.fullmatch(r"(Employer \d+( Ltée)?)?").all(), path.name


def test_a_file_without_the_withheld_column_is_refused() -> None:
    source = contracts.source("can_lmia_quarterly")
    parsed = find_parser("csv")((HEADER.replace("Employer", "Firm") + ROW).encode(), {})
    with pytest.raises(InputError, match="the column Employer, which must not be loaded, is not in the file"):
        staging.name_columns_as_declared(parsed, source, "a.csv")


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("by_sql", [False, True])
def test_a_first_row_that_is_taken_for_the_header_is_not_shown(
    tmp_path: Path, delimiter: str, by_sql: bool
) -> None:
    """Without the line of the header the first employer stands where the columns should."""
    plain = {"options": {"delimiter": ","}, "extract": {}, "aggregate": None, "aliases": {}}
    source = contracts.source("can_lmia_quarterly").model_copy(update=plain)
    content = "Employer 7,Town 5,2\nEmployer 8,Town 3,4\n".replace(",", delimiter).encode()
    (tmp_path / "landed.csv").write_bytes(content)
    with pytest.raises(InputError) as refused:
        if by_sql:
            header = bulk.read_header(tmp_path / "landed.csv", source)
            staging.name_columns_as_declared(pd.DataFrame(columns=header), source, "a.csv")
        else:
            staging.name_columns_as_declared(find_parser("csv")(content, source.options), source, "a.csv")
    assert_withheld(str(refused.value))
    words = "has 3 columns" if delimiter == "," else "seems to use ';'"
    assert words in str(refused.value)


def list_whole_files() -> list[Path]:
    folder = Path(__file__).parents[2] / "shared" / "data" / "can_lmia_quarterly"
    return sorted(folder.glob("*.csv")) if folder.is_dir() else []


@pytest.mark.shared_data
@pytest.mark.skipif(not list_whole_files(), reason="the publishers' whole files are not at hand")
@pytest.mark.parametrize("path", list_whole_files(), ids=lambda path: path.name)
def test_no_position_of_a_whole_file_is_lost_in_the_sums(path: Path) -> None:
    """The last cell of every line above the notes, added up without the project's own reader."""
    lines = path.read_text(encoding="latin-1").split("Notes:")[0]
    positions = [int(row[-1]) for row in csv.reader(lines.splitlines()) if row and row[-1].isdigit()]
    found = read_file(path)
    assert found.observations["obs_value"].sum() == sum(positions)
    assert len(found.observations) + found.n_collapsed == len(positions) == found.n_cells

"""A ministry's own sources: killed loads, one workbook of several sources, jobs started in another folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from world_builder import World, describe_warehouse, run_lma

from lma.warehouse import Warehouse

TEXT = """source_id: {name}
publisher: Statistical office
title: Employment by sex
table_code: T1
url: https://example.org/lfs
licence: open
note: a specimen
files:
  - name: {file}
    as_of: 2022-03-01
format: {format}
options: {options}
basis: {{default: reported}}
priority: 10
expect: {{min_rows: 3}}
mapping:
  source: {{obs_value: {column}, time_period: year}}
  constant: {{indicator: EMP, unit_measure: PS, ref_area: MUS, sex: {sex}}}
"""


def write_source(world: World, name: str, sex: str, **changes: str) -> Path:
    """One own source of a table of years."""
    given = {"file": r"lfs\.csv", "format": "csv", "options": "{}", "column": "employed"} | changes
    path = world.folder / "sources" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(TEXT.format(name=name, sex=sex, **given), encoding="utf-8")
    return path


def write_table(world: World, name: str = "lfs.csv") -> Path:
    path = world.folder / name
    rows = [f"{year},{1000 + year},{2000 + year}" for year in range(2015, 2022)]
    path.write_text("\n".join(["year,employed,women", *rows, ""]), encoding="utf-8")
    return path


def load_again(world: World) -> tuple[int, str]:
    """A run that only loads what has landed."""
    (world.folder / "none").mkdir(exist_ok=True)
    write_table(world, "none/lfs.csv")
    outcome = world.lma("refresh", "nat_men", "--offline", "--data", "none")
    return outcome.code, outcome.err


def test_what_a_killed_load_left_does_not_outlive_a_corrected_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    write_source(world, "nat_men", "M", column="women")  # the wrong column
    write_table(world)
    with monkeypatch.context() as killed:
        killed.setattr(Warehouse, "write_snapshot_facts", lambda *_: (_ for _ in ()).throw(SystemExit(9)))
        assert world.lma("ingest", "nat_men", "lfs.csv").code == 9
    write_source(world, "nat_men", "M")
    code, told = load_again(world)
    assert code == 0, told
    found = world.read("staging.observations")
    assert found["obs_value"].tolist() == [float(1000 + year) for year in range(2015, 2022)]
    before = describe_warehouse(world)
    world.warehouse.unlink()
    assert load_again(world)[0] == 0
    assert describe_warehouse(world) == before


@pytest.mark.parametrize("is_rebuilt", [False, True])
def test_job_started_in_another_folder_says_which_source_it_does_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_rebuilt: bool
) -> None:
    world = World(tmp_path)
    path = write_source(world, "nat_men", "M")
    write_table(world)
    assert world.lma("ingest", "nat_men", "lfs.csv").code == 0
    if is_rebuilt:
        world.warehouse.unlink()
    (tmp_path / "elsewhere").mkdir()
    job = ("refresh", "mus_eoe", "--offline", "--warehouse", world.warehouse)
    outcome = run_lma(*job, folder=tmp_path / "elsewhere")
    assert outcome.code == (0 if is_rebuilt else 10), outcome.err
    for words in ("nat_men", str(tmp_path / "elsewhere" / "sources"), "LMA_SOURCES"):
        assert words in outcome.err.replace("\n", "")
    monkeypatch.setenv("LMA_SOURCES", str(path.parent))
    found = run_lma(*job, folder=tmp_path / "elsewhere")
    assert found.code == 0 and "LMA_SOURCES" not in found.err
    assert "nat_men" in set(world.read("staging.observations")["source_id"])


def write_workbook(world: World) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for number, name in enumerate(("Men", "Women"), start=1):
        sheet = book.create_sheet(name)
        sheet.append(["year", "employed"])
        for year in range(2015, 2022):
            sheet.append([str(year), str(1000 * number + year)])
    book.save(world.folder / "lfs.xlsx")


def test_two_sheets_of_one_workbook_have_addresses_of_their_own(tmp_path: Path) -> None:
    """Women landed first keep the plain addresses, however the database is built; a trace finds the right row."""
    world = World(tmp_path)
    write_workbook(world)
    book = {"file": r"lfs\.xlsx", "format": "xlsx_table"}
    for name, sheet, sex in (("nat_women", "Women", "F"), ("nat_men", "Men", "M")):
        write_source(world, name, sex, options=f"{{sheet: {sheet}}}", **book)
        outcome = world.lma("ingest", name, "lfs.xlsx")
        assert outcome.code == 0, outcome.err
    found = world.read("staging.observations")
    assert found["observation_id"].is_unique and len(found) == 14
    plain = found["observation_id"].str.fullmatch("[0-9a-f]{12}:[0-9]+")
    assert plain.tolist() == (found["source_id"] == "nat_women").tolist()
    with world.open() as opened:
        nodes = opened.trace(list(found["observation_id"])).set_index("node_id")
        for row in found.to_dict("records"):
            node = nodes.loc[row["observation_id"]]
            raw = opened.raw_row(node["source_id"], node["snapshot_sha"], int(node["raw_row"]))
            assert (raw["year"], float(raw["employed"])) == (row["time_period"], row["obs_value"])
    before = describe_warehouse(world)
    world.warehouse.unlink()
    (tmp_path / "none").mkdir()
    (tmp_path / "lfs.xlsx").rename(tmp_path / "none" / "lfs.xlsx")
    assert world.lma("refresh", "nat_men", "--data", "none", "--offline").code == 0
    assert describe_warehouse(world) == before

"""From publishers' files to two editions: what they hold, whether every number finds its way back, and again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import network_guard
import openpyxl
import pandas as pd
import pytest
from world_builder import COUNTRIES, EDITION, SAMPLE, World, describe_warehouse, hash_files

from flows import refresh
from flows.refresh import batches, derive_figures, open_run
from flows.request import RunRequest
from flows.trace import find_path
from lma import contracts, kept_forecasts
from lma.publish.edition import name_form

FORMS = (
    "assessment.xlsx", "assessment.ods", "assessment.html", "assessment.pdf", "assessment.docx", "datapackage.json",
    "observations.sdmx.csv", "run.json", "source_conflicts.csv", "observations.structure.xml", "observations.parquet",
    "source_conflicts.parquet", "sources.csv", "units.csv", "notes.csv", "dcat.jsonld", "dataset.jsonld",
    "openlineage.ndjson", "ro-crate-metadata.json",
)  # fmt: skip
TABLES = (
    "T0",
    "T1",
    "T2",
    "T3",
    "T5",
    "T6",
    "T7",
    "T9",
    "T10",
    "T11",
    "T12",
    "T14",
    "T15",
    "T16",
    "T17",
    "T18",
)
SECTORS = contracts.codelist("economic_activities").query("classification == 'ISIC4_14'")["code"].tolist()
YEARS = [str(year) for year in range(2026, 2031)]
BOTH = pytest.mark.parametrize("ref_area", COUNTRIES)


@pytest.fixture(scope="module")
def cells(world: World) -> dict[str, pd.DataFrame]:
    """marts.assessments of each country by address."""
    return {
        code: world.read("marts.assessments", code).set_index("address", drop=False) for code in COUNTRIES
    }


@pytest.fixture(scope="module")
def observations(world: World) -> pd.DataFrame:
    return world.read("marts.observations")


def value(cells: pd.DataFrame, address: str) -> float:
    return float(cells.loc[address, "value"])


# ---------------------------------------------------------------- no network


def test_a_test_cannot_reach_the_network() -> None:
    with pytest.raises(network_guard.NetworkBlockedError, match=r"example\.org"):
        socket.create_connection(("example.org", 443), timeout=1)
    with pytest.raises(network_guard.NetworkBlockedError, match=r"192\.0\.2\.1"), socket.socket() as opened:
        opened.connect(("192.0.2.1", 443))
    with pytest.raises(network_guard.NetworkBlockedError), socket.socket() as opened:
        opened.connect(("127.0.0.1", 9))


def test_loopback_is_there_for_a_test_that_asks(loopback: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
    with pytest.raises(network_guard.NetworkBlockedError), socket.socket() as opened:
        opened.connect(("192.0.2.1", 443))


# ---------------------------------------------------------------- what an edition holds


@BOTH
def test_edition_has_every_form(world: World, ref_area: str) -> None:
    folder = world.edition(ref_area)
    others = [code for code in contracts.country(ref_area).languages if code != "en"]
    translated = {
        name_form(name, code) for name in FORMS if name.startswith("assessment.") for code in others
    }
    assert {path.name for path in folder.iterdir()} == {
        *FORMS,
        *translated,
        "SHA256SUMS",
        "tables",
    } and translated
    assert (folder / "assessment.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "assessment.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = hash_files(folder)
    files.pop("SHA256SUMS")
    assert sums == files
    assert list(folder.parent.iterdir()) == [folder], "a rest of an unfinished edition"


@BOTH
def test_every_table_is_in_every_form(world: World, ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    folder, names = world.edition(ref_area), set(cells[ref_area]["table_id"])
    assert names >= set(TABLES)
    assert {path.stem for path in (folder / "tables").glob("*.csv")} == names
    workbook = openpyxl.load_workbook(folder / "assessment.xlsx", read_only=True)
    assert names <= {name.split(" ")[0] for name in workbook.sheetnames}
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert {f"tables/{name}.csv" for name in names} <= {
        resource["path"] for resource in described["resources"]
    }
    page = (folder / "assessment.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in names)


@BOTH
def test_tables_on_disk_are_the_cells_of_the_warehouse(
    world: World, ref_area: str, cells: dict[str, pd.DataFrame]
) -> None:
    folder = world.edition(ref_area) / "tables"
    printed = pd.concat(
        [pd.read_csv(path, low_memory=False, float_precision="round_trip") for path in folder.glob("*.csv")]
    ).set_index("address")
    assert set(printed.index) == set(cells[ref_area].index)
    kept = cells[ref_area].loc[printed.index]
    pd.testing.assert_series_equal(printed["value"], kept["value"], check_exact=True)
    assert (printed["text"].fillna("") == kept["text"].fillna("")).mean() > 0.99  # line breaks are taken out


@BOTH
def test_every_cell_says_something(ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    frame = cells[ref_area]
    is_number, is_text = frame["value"].notna(), frame["text"].fillna("").str.strip() != ""
    is_explained = frame["symbol"].notna() & (frame["reason"].fillna("").str.strip() != "")
    assert frame[~(is_number | is_text | is_explained)].index.tolist() == []
    assert frame[is_number & frame["symbol"].notna() & ~is_explained].index.tolist() == []
    assert is_number.sum() > 1000


@BOTH
@pytest.mark.parametrize("fact", ["unit_measure", "basis", "source_id", "as_of", "step"])
def test_every_number_carries_its_facts(ref_area: str, fact: str, cells: dict[str, pd.DataFrame]) -> None:
    numbers = cells[ref_area][cells[ref_area]["value"].notna()]
    assert numbers[numbers[fact].isna()].index.tolist() == []
    assert numbers[numbers["inputs"].map(len) == 0].index.tolist() == []


@BOTH
def test_headline_quotes_cells_that_exist(ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    """Every address in a sentence is a cell, and the figure before it is what that cell shows."""
    frame = cells[ref_area]
    sentences = frame.loc[frame["table_id"] == "T0", "text"].tolist()
    quoted = [address for text in sentences for address in re.findall(r"\b(T\d+\.[\w.+-]+\w)", text)]
    assert len(quoted) >= 3
    assert [address for address in quoted if address not in frame.index] == []
    employment = next(text for text in sentences if "T5._T.2030" in text)
    assert f"{value(frame, 'T5._T.2030'):,.0f} in 2030" in employment
    assert f"{value(frame, 'T5._T.2030_lo80'):,.0f} to {value(frame, 'T5._T.2030_hi80'):,.0f}" in employment


def test_headline_counts_activities_without_the_export_zone_and_says_how_sure(
    cells: dict[str, pd.DataFrame],
) -> None:
    """14 activities in one sentence and 15 in the next would be two truths; likelier than not is not yet sure."""
    frame = cells["MUS"]
    said = " ".join(frame.loc[frame["table_id"] == "T0", "text"])
    activities = int((frame["table_id"].eq("T10") & frame["column_id"].eq("result")).sum()) - 1
    zone = frame.loc["T10.EOE.result", "row_label"]
    assert (
        f"none of the {activities} activities assessed, nor for what is assessed beside them, “{zone}”"
        in said
    )
    assert f"of {activities} activities, with the whole 80 % range above zero in " in said
    assert f"confidence {frame.loc['T3._T.confidence', 'text']} (T3." in said


# ---------------------------------------------------------------- what the figures say


def test_export_zone_contradicts_the_quoted_share(cells: dict[str, pd.DataFrame]) -> None:
    frame = cells["MUS"]
    shown = {name: value(frame, f"T7.EOE.{name}") for name in ("foreign", "total", "share", "claim")}
    assert shown == {
        "foreign": 13499,
        "total": 28434,
        "share": pytest.approx(13499 / 28434 * 100),
        "claim": 60,
    }
    assert round(shown["share"], 2) == 47.47
    assert frame.loc["T7.EOE.period", "text"] == "2025-Q3"
    assert value(frame, "T7.EOE.claim_minus_share") == pytest.approx(60 - 13499 / 28434 * 100)
    headline = " ".join(frame.loc[frame["table_id"] == "T0", "text"])
    assert "13,499 of 28,434 workers are foreign in 2025-Q3, 47.47 %" in headline
    assert "60 % is not what the series says" in headline
    finding = frame.loc["T11.CLAIM_EOE.finding", "text"]
    assert "Quoted: 60 %" in finding and "13,499 foreign of 28,434 workers" in finding and "47.47" in finding


def test_export_zone_is_in_the_page_and_the_workbook(world: World) -> None:
    page = (world.edition("MUS") / "assessment.html").read_text(encoding="utf-8")
    assert "13,499" in page and "28,434" in page and "47.47" in page
    workbook = openpyxl.load_workbook(world.edition("MUS") / "assessment.xlsx", read_only=True)
    sheet = next(workbook[name] for name in workbook.sheetnames if name.split(" ")[0] == "T7")
    shown = {cell for row in sheet.iter_rows(values_only=True) for cell in row}
    assert {13499, 28434} <= shown


def test_break_of_2018_is_shown_in_armenia(cells: dict[str, pd.DataFrame]) -> None:
    frame = cells["ARM"][cells["ARM"]["table_id"] == "T2"]
    broken = frame[frame["symbol"] == "[b]"]
    assert broken["value"].isna().all()
    assert broken["reason"].str.contains("2018").all()
    aggregates = ("AGR", "CON", "MAN", "MEL", "MKT", "PUB")
    assert set(broken.index) == {f"T2.REP_{name}.growth_5y" for name in aggregates}


@BOTH
def test_no_growth_is_taken_across_a_break(world: World, ref_area: str, observations: pd.DataFrame) -> None:
    growth = world.read("marts.indicators", ref_area)
    growth = growth[growth["indicator"].str.fullmatch(r"EMP_GROWTH_\dY") & growth["value"].notna()]
    mine = observations[(observations["ref_area"] == ref_area) & (observations["indicator"] == "EMP")]
    breaks = mine[(mine["obs_status"] == "B") & (mine["freq"] == "A")]
    assert len(growth) > 100 and len(breaks) > 5
    key = ["basis_kind", "sex", "economic_activity"]
    spans = growth.merge(breaks[[*key, "time_period"]], on=key, suffixes=("", "_break"))
    end, start = (
        spans["time_period"],
        spans["time_period"].astype(int) - spans["indicator"].str[-2].astype(int),
    )
    across = spans[(spans["time_period_break"] <= end) & (spans["time_period_break"].astype(int) > start)]
    assert across["indicator_id"].tolist() == []


@BOTH
@pytest.mark.parametrize("year", ["base", *YEARS])
def test_sectors_sum_to_the_total_of_the_forecast(
    ref_area: str, year: str, cells: dict[str, pd.DataFrame]
) -> None:
    parts = [value(cells[ref_area], f"T5.{sector}.{year}") for sector in SECTORS]
    assert len(parts) == 14
    assert sum(parts) == pytest.approx(value(cells[ref_area], f"T5._T.{year}"), abs=2)


@BOTH
def test_forecast_lies_inside_its_intervals(ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    for row in (*SECTORS, "_T"):
        for year in YEARS:
            low, mean, high = (
                value(cells[ref_area], f"T5.{row}.{year}{end}") for end in ("_lo80", "", "_hi80")
            )
            assert 0 <= low <= mean <= high, (row, year)
        ends = [value(cells[ref_area], f"T5.{row}.2030{end}") for end in ("_lo95", "_lo80", "_hi80", "_hi95")]
        assert ends == sorted(ends), row


@BOTH
def test_employment_of_the_sectors_sums_to_the_total(ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    parts = [value(cells[ref_area], f"T2.{sector}.employment") for sector in SECTORS]
    assert sum(parts) == pytest.approx(value(cells[ref_area], "T2._T.employment"), abs=len(parts))
    shares = [value(cells[ref_area], f"T2.{sector}.share") for sector in SECTORS]
    assert sum(shares) == pytest.approx(100, abs=0.01)


@BOTH
def test_demand_and_supply_fit_together(ref_area: str, cells: dict[str, pd.DataFrame]) -> None:
    """The terms are medians of one simulation: they need not add up, but they must not contradict each other."""
    frame = cells[ref_area]
    for row in (*SECTORS, "_T"):
        employment = value(frame, f"T5.{row}.base")
        openings, seekers = (value(frame, f"T6.{row}.{term}") for term in ("OPENINGS", "SEEKERS"))
        low, gap, high = (value(frame, f"T6.{row}.{q}") for q in ("gap_q10", "gap_q50", "gap_q90"))
        chance = value(frame, f"T6.{row}.p_shortage")
        assert 0 <= openings < employment and 0 < seekers < employment, row
        assert abs(openings - seekers - gap) < 0.05 * employment, row
        assert low <= gap <= high and low < 0 < high, row
        assert 0 < chance < 100 and (chance > 50) == (gap > 0), row
        assert value(frame, f"T6.{row}.REPLACEMENT") <= value(frame, f"T6.{row}.REPLACEMENT_RAW"), row
        assert value(frame, f"T3.{row}.gap_q50") == gap, row


def test_an_activity_whose_foreign_workers_nobody_counts_shows_no_nought(
    cells: dict[str, pd.DataFrame],
) -> None:
    frame = cells["MUS"]
    assert value(frame, "T6.C.CONTRACT_EXPIRY") > 0
    for term in ("CONTRACT_EXPIRY", "RECRUITED"):
        uncounted = frame.loc[f"T6.F.{term}"]
        assert pd.isna(uncounted["value"]) and uncounted["symbol"] == "[x]"
        assert "counts the foreign workers" in uncounted["reason"]


# ---------------------------------------------------------------- the way back


@pytest.fixture(scope="module")
def paths(world: World, cells: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every node behind every cell of both editions, by id."""
    asked = sorted({node for frame in cells.values() for ids in frame["inputs"] for node in ids})
    with world.open() as opened:
        return find_path(opened, asked).drop_duplicates("node_id").set_index("node_id")


def list_published(
    node: str, inputs: dict[str, list[str]], known: dict[str, frozenset[str]]
) -> frozenset[str]:
    """Ids of the publishers' figures behind a node."""
    if node not in known:
        behind = inputs[node]
        known[node] = (
            frozenset().union(*(list_published(one, inputs, known) for one in behind))
            if behind or not is_observation(node)
            else frozenset({node})
        )
    return known[node]


def is_observation(node: str) -> bool:
    return re.match(r"[0-9a-f]{12}:\d+", node) is not None


@BOTH
def test_every_number_leads_to_a_publishers_row(
    world: World, ref_area: str, cells: dict[str, pd.DataFrame], paths: pd.DataFrame
) -> None:
    numbers = cells[ref_area][cells[ref_area]["value"].notna()]
    inputs, known = paths["inputs"].to_dict(), {}  # type: dict[str, list[str]], dict[str, frozenset[str]]
    behind = {
        address: frozenset().union(*(list_published(node, inputs, known) for node in ids))
        for address, ids in numbers["inputs"].items()
    }
    assert [address for address, found in behind.items() if not found] == []
    assert len(behind) > 1000
    figures = paths.loc[sorted(frozenset().union(*behind.values()))]
    assert len(figures) > 500
    with world.open() as opened:
        facts = opened.snapshot_facts(sorted(set(figures["snapshot_sha"]))).set_index(
            ["snapshot_sha", "source_id"]
        )
        assert_rows_exist(opened, figures)
    used = facts.loc[list(zip(figures["snapshot_sha"], figures["source_id"], strict=True))]
    assert used["url"].str.startswith("https://").all()
    assert (used["licence"].str.len() > 4).all() and (used["publisher"].str.len() > 4).all()


def assert_rows_exist(opened: Any, figures: pd.DataFrame) -> None:
    """One row of every file is read back as published; its number of rows covers all the others."""
    for (source_id, sha), rows in figures.groupby(["source_id", "snapshot_sha"]):
        last = rows.loc[rows["raw_row"].idxmax()]
        raw = opened.raw_row(source_id, sha, int(last["raw_row"]))
        assert raw and rows["raw_row"].min() >= 1
        column = last["raw_column"]
        assert column is None or column in raw, (source_id, column, list(raw))


@BOTH
def test_no_way_back_is_broken(ref_area: str, cells: dict[str, pd.DataFrame], paths: pd.DataFrame) -> None:
    asked = {node for ids in cells[ref_area]["inputs"] for node in ids}
    assert asked <= set(paths.index)
    assert paths[paths["kind"] == "unknown"].index.tolist() == []
    ends = paths[paths["inputs"].map(len) == 0]
    assert set(ends["kind"]) >= {"observation"}


@BOTH
def test_sources_of_a_number_are_those_behind_it(
    ref_area: str, cells: dict[str, pd.DataFrame], paths: pd.DataFrame
) -> None:
    """The source and vintage printed beside a number are those found by walking back."""
    numbers = cells[ref_area][cells[ref_area]["value"].notna()]
    inputs, known = paths["inputs"].to_dict(), {}  # type: dict[str, list[str]], dict[str, frozenset[str]]
    for address, cell in numbers[numbers["table_id"].isin(["T2", "T5", "T7", "T8"])].iterrows():
        found = frozenset().union(*(list_published(node, inputs, known) for node in cell["inputs"]))
        behind = paths.loc[sorted(found)]
        assert set(cell["source_id"].split(" + ")) == set(behind["source_id"]), address
        assert cell["as_of"] == behind["as_of"].max(), address


@BOTH
def test_run_json_names_inputs_that_are_in_the_raw_store(world: World, ref_area: str) -> None:
    described = json.loads((world.edition(ref_area) / "run.json").read_text(encoding="utf-8"))
    for file in described["inputs"]:
        content = (world.raw / file["snapshot_sha"]).read_bytes()
        assert digest(content) == file["snapshot_sha"]
        assert content == (SAMPLE / file["file_name"]).read_bytes()
        assert file["licence"] and file["url"].startswith("https://")
    text = json.dumps(described)
    assert str(world.folder) not in text and str(Path.home()) not in text
    assert all(check["success"] for check in described["checks"])


# ---------------------------------------------------------------- again, elsewhere, and from nothing


def test_database_is_built_again_from_the_raw_store(world: World, second_world: dict[str, Any]) -> None:
    """The files had been landed before, in another folder, by a run that got no further and left no database."""
    kept = kept_forecasts.FOLDER  # what the run published stands beside what was landed
    assert sorted([*second_world["landed"], kept]) == sorted(path.name for path in world.raw.iterdir())
    here = {name: list(found) for name, found in describe_warehouse(world).items()}
    assert second_world["rebuilt"]["tables"] == here
    assert [name for name, (rows, _) in here.items() if not rows] == ["meta.releases", "meta.withdrawals"]
    assert here["staging.observations"][0] > 100_000


def test_same_inputs_elsewhere_give_the_same_bytes(world: World, second_world: dict[str, Any]) -> None:
    here = hash_files(world.folder / "editions")
    assert len(here) > 30
    assert second_world["rebuilt"]["editions"] == here


def test_running_again_adds_nothing(second_world: dict[str, Any]) -> None:
    assert second_world["again"]["tables"] == second_world["rebuilt"]["tables"]
    assert second_world["again"]["editions"] == second_world["rebuilt"]["editions"]


def test_file_saved_again_is_loaded_as_on_the_day_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same table in other bytes adds nothing, also when the database is built again from both files.

    They come within one second, and the order of their hashes is not that of their coming.
    """
    moments = (dt.datetime(2026, 2, 1, 9, 30, 0, microsecond) for microsecond in range(1, 1000))
    monkeypatch.setattr(refresh, "_now", lambda: next(moments))
    world, first = World(tmp_path), (SAMPLE / "mus_eoe_employment.csv").read_bytes()
    added = b"2026-Q1,28000,14800,13200,quarter not read before\n"
    later = next(
        content
        for number in range(100)
        if digest(content := first.replace(b"EOE 3rd", b"EOE (%d) 3rd" % number) + added) < digest(first)
    )
    for name, content in (("first.csv", first), ("later.csv", later)):
        (tmp_path / name).write_bytes(content)
        assert world.lma("ingest", "mus_eoe", name, "--vintage", "2025-12-31").code == 0
    before = describe_warehouse(world)
    assert before["staging.observations"][0] == 3 * 14
    world.warehouse.unlink()
    (tmp_path / "given").mkdir()
    (tmp_path / "first.csv").rename(tmp_path / "given" / "mus_eoe_employment.csv")
    assert world.lma("refresh", "mus_eoe", "--data", "given", "--offline").code == 0
    assert describe_warehouse(world) == before


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------------------------------- what was known then


@pytest.fixture(scope="module")
def known_in_2025(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, pd.DataFrame]]:
    """marts.observations, revisions and indicators as of the end of 2025."""
    copy = world.copy_to(tmp_path_factory.mktemp("as_of"))
    request = RunRequest(
        COUNTRIES,
        copy.folder / "editions",
        copy.warehouse,
        EDITION,
        as_of=dt.date(2025, 12, 31),
        offline=True,
    )
    with open_run(request) as run:
        derive_figures(run)
        yield {
            name: run.warehouse.read(f"marts.{name}") for name in ("observations", "revisions", "indicators")
        }


def test_nothing_is_known_before_its_day(
    known_in_2025: dict[str, pd.DataFrame], observations: pd.DataFrame
) -> None:
    then = known_in_2025["observations"]
    assert 0 < len(then) < len(observations)
    assert then["as_of"].max() <= dt.date(2025, 12, 31) < observations["as_of"].max()
    assert known_in_2025["revisions"]["as_of"].max() == dt.date(2025, 12, 17)


def test_older_vintage_is_used_where_the_newer_is_not_known(
    known_in_2025: dict[str, pd.DataFrame], observations: pd.DataFrame
) -> None:
    """Armstat revised its value added of 2023 in the edition of February 2026."""
    chosen = {"ref_area": "ARM", "indicator": "VA", "economic_activity": "C", "time_period": "2023-Q1"}
    then, now = (
        frame.loc[(frame[list(chosen)] == pd.Series(chosen)).all(axis=1), ["as_of", "obs_value"]]
        for frame in (known_in_2025["observations"], observations)
    )
    assert then["as_of"].tolist() == [dt.date(2024, 6, 10)] and now["as_of"].tolist() == [
        dt.date(2026, 2, 28)
    ]
    assert then["obs_value"].item() == pytest.approx(1.713493e11, rel=1e-6)
    assert now["obs_value"].item() == pytest.approx(1.667199e11, rel=1e-6)


def test_indicators_rest_on_what_was_known(known_in_2025: dict[str, pd.DataFrame]) -> None:
    known = set(known_in_2025["observations"]["observation_id"])
    indicators = known_in_2025["indicators"]
    leaves = {node for ids in indicators["inputs"] for node in ids if is_observation(node)}
    assert len(leaves) > 1000 and leaves <= known


# ---------------------------------------------------------------- grouping for the check


def test_groups_keep_the_order_and_share_no_key() -> None:
    from observation_builder import observations as build

    class File:
        def __init__(self, name: str, *periods: str) -> None:
            self.name = name
            self.observations = build(*({"time_period": period} for period in periods))

    files = [File("a", "2020"), File("b", "2021"), File("c", "2021", "2022"), File("d", "2020")]
    assert [[file.name for file in batch] for batch in batches(files)] == [["a", "b"], ["c", "d"]]  # type: ignore[arg-type]
    assert [len(batch) for batch in batches(files, most_rows=1)] == [1, 1, 1, 1]  # type: ignore[arg-type]

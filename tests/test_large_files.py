"""A file too large for a frame goes by SQL; both ways give the same observations, refusals and verdicts."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import bulk
from lma import contracts, pushdown, staging, validation
from lma import warehouse as warehouses
from lma.contract_rules import list_rules
from lma.errors import ClassificationError, ContractError, InputError
from lma.parsers import find_parser

SPECIMENS = Path(__file__).parent / "specimens"
FOLDERS = [
    contracts.sample_dir(),
    *(path for path in SPECIMENS.iterdir() if path.name in contracts.sources()),
]
BY_SQL = {
    source.source_id: source
    for source in contracts.sources().values()
    if not pushdown.reason_for_frames(source, contracts.corrections())
}


def list_files() -> list[tuple[str, Path]]:
    paths = sorted(path for folder in FOLDERS for path in folder.iterdir())
    return [(s.source_id, path) for path in paths for s, *_ in staging.match_sources(BY_SQL, path.name)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    (folder / "raw").mkdir()
    with warehouses.open_for_writing(folder / "lma.duckdb", raw_store=folder / "raw") as opened:
        yield opened


def land(warehouse, content: bytes) -> str:
    sha = hashlib.sha256(content).hexdigest()
    (warehouse.path.parent / "raw" / sha).write_bytes(content)
    return sha


def describe(warehouse, source, content: bytes, name: str) -> tuple[contracts.Source, staging.FileFacts]:
    match = staging.match_file({source.source_id: source}, name)
    groups, constant = (match[2], match[1].constant) if match else ({}, {})
    vintage = (match and staging.read_vintage(match[1], groups)) or dt.date(2025, 1, 1)
    small = source.model_copy(update={"expect": source.expect.model_copy(update={"min_rows": 1})})
    return small, staging.FileFacts(land(warehouse, content), name, vintage, groups, constant)


def by_frames(source, file, content: bytes) -> staging.Conformed:
    parsed = find_parser(source.format)(content, source.options)
    return staging.conform(staging.name_columns_as_declared(parsed, source, "file"), source, file)


def by_sql(warehouse, source, file) -> tuple[bulk.LargeResult, pd.DataFrame]:
    result = bulk.conform_large(warehouse, warehouse.path.parent / "raw", source, file)
    large = warehouse.large_file(source.source_id, file.snapshot_sha)
    observations = large.ask(f"select * from {large.observations} order by raw_row")
    large.forget()
    return result, observations.astype({column: str for column in pushdown.CODE_COLUMNS})


def assert_same(warehouse, source, content: bytes, name: str) -> None:
    source, file = describe(warehouse, source, content, name)
    framed = by_frames(source, file, content)
    contract = contracts.table_contract("staging.observations")
    checked = validation.check_rows(
        framed.observations, contract, warehouses.find_rule_breakers(framed.observations, contract)
    )
    result, observations = by_sql(warehouse, source, file)
    expected = checked.passed.sort_values("raw_row", ignore_index=True)
    nothing = {
        column: expected[column].astype(object).where(expected[column].notna(), None)
        for column in ("raw_column", "correction_id")
    }
    pd.testing.assert_frame_equal(observations, expected.assign(**nothing), check_dtype=False)
    found = (result.n_dropped, result.n_not_applicable, result.n_collapsed)
    assert found == (framed.n_dropped, framed.n_not_applicable, framed.n_collapsed)
    readable = result.quarantine[result.quarantine["rule_id"] == "readable"]
    assert readable["observation_id"].tolist() == framed.rejected["observation_id"].tolist()
    assert (
        readable[["value", "reason"]].values.tolist() == framed.rejected[["value", "reason"]].values.tolist()
    )
    broken = result.quarantine[result.quarantine["rule_id"] != "readable"]
    named = set(zip(broken["observation_id"], broken["rule_id"], strict=True))
    assert named == set(zip(checked.failed["observation_id"], checked.failed["rule_id"], strict=True))


@pytest.mark.parametrize(
    ("source_id", "path"), [pytest.param(s, p, id=f"{s}-{p.name}") for s, p in list_files()]
)
def test_every_csv_of_the_samples_is_the_same_both_ways(warehouse, source_id, path):
    assert_same(warehouse, BY_SQL[source_id], path.read_bytes(), path.name)

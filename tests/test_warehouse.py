"""The warehouse: one writer, many readers, vintages, preference, trace, the same content again."""

from __future__ import annotations

import datetime as dt
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observation_builder import known_sources, observations, sha_of

from lma import contracts
from lma import warehouse as warehouses
from lma.contracts import Correction
from lma.errors import ContractError, DefinitionError, InputError, LockedError, OutputError, UsageError
from lma.warehouse import (
    SCHEMAS,
    Warehouse,
    find_rule_breakers,
    open_for_reading,
    open_for_writing,
    read_copy_path,
)

DERIVED = ("staging.observations", "marts.observations", "marts.revisions")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_for_writing(tmp_path / "lma.duckdb") as opened:
        opened.load_codelists(known_sources(), [])
        yield opened


def build(warehouse: Warehouse, *rows: dict[str, Any], as_of: dt.date | None = None) -> pd.DataFrame:
    warehouse.append_observations(observations(*rows))
    warehouse.build_observations(as_of)
    return warehouse.read("marts.observations")


# ---------------------------------------------------------------- tables


def test_tables_are_those_of_the_contracts_with_their_comments(warehouse: Warehouse) -> None:
    found = warehouse._existing_columns()
    for name, contract in contracts.table_contracts().items():
        assert found[name] == contract.column_names
    assert {name.split(".")[0] for name in found} <= set(SCHEMAS)
    comment = warehouse._connection.execute(
        "select comment from duckdb_tables() where schema_name = 'marts' and table_name = 'assessments'"
    ).fetchone()
    assert comment is not None
    assert comment[0].startswith("Grain: one row per cell of a country's tables")


def test_table_made_by_another_contract_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with open_for_writing(tmp_path / "lma.duckdb") as opened:
        opened._connection.execute("alter table marts.corridors drop column stock")
    with pytest.raises(DefinitionError, match=r"marts\.corridors .*stock.*lma refresh"):
        open_for_writing(tmp_path / "lma.duckdb")
    with pytest.raises(DefinitionError):  # and the lock was let go
        open_for_writing(tmp_path / "lma.duckdb", wait_seconds=0)


def test_file_that_is_no_database_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "lma.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(InputError, match="lma refresh"):
        open_for_writing(tmp_path / "lma.duckdb")


def test_nothing_outside_the_file_can_be_reached(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    import duckdb

    with pytest.raises(duckdb.PermissionException):
        warehouse._connection.execute(f"select * from '{tmp_path / 'x.csv'}'")


# ---------------------------------------------------------------- frames


def test_frame_with_other_columns_or_types_changes_nothing(warehouse: Warehouse) -> None:
    frame = observations({})
    with pytest.raises(ContractError, match=r"missing \['note'\]"):
        warehouse.append_observations(frame.drop(columns="note"))
    with pytest.raises(ContractError, match="raw_row .* is not INTEGER"):
        warehouse.append_observations(frame.assign(raw_row="one"))
    with pytest.raises(ContractError, match="sex"):
        warehouse.append_observations(frame.assign(sex=None))
    assert warehouse.count_rows("staging.observations") == 0


def test_what_is_written_comes_back_with_its_types(warehouse: Warehouse) -> None:
    frame = indicators(("I:1", "MUS", ["a:1", "b:2"]), ("I:2", "MUS", []))
    warehouse.replace("marts.indicators", frame, "MUS")
    found = warehouse.read("marts.indicators", "MUS")
    assert found["inputs"].tolist() == [["a:1", "b:2"], []]
    assert all(type(cell) is list for cell in found["inputs"])
    warehouse.append_observations(observations({"obs_value": np.nan, "obs_status": "M"}))
    row = warehouse.read("staging.observations").iloc[0]
    assert row["as_of"] == dt.date(2025, 1, 31)
    assert row["note"] is None
    assert np.isnan(row["obs_value"])


def indicators(*rows: tuple[str, str, list[str]]) -> pd.DataFrame:
    contract = contracts.table_contract("marts.indicators")
    fixed = {
        "indicator": "EMP_SHARE", "counterpart_area": "_Z", "sex": "_T", "economic_activity": "C",
        "value": 1.5, "unit_measure": "PC", "basis": "reported", "basis_kind": "reported", "obs_status": "A",
        "reason": None, "step": "share of total",
    }  # fmt: skip
    built = [
        fixed | {"indicator_id": node, "ref_area": area, "inputs": inputs, "time_period": str(2000 + n)}
        for n, (node, area, inputs) in enumerate(rows)
    ]
    return pd.DataFrame(built, columns=contract.column_names)


def test_replace_touches_one_country_only(warehouse: Warehouse) -> None:
    both = indicators(("I:1", "MUS", []), ("I:2", "ARM", []))
    warehouse.replace("marts.indicators", both)
    warehouse.replace("marts.indicators", indicators(("I:3", "ARM", [])), "ARM")
    assert set(warehouse.read("marts.indicators")["indicator_id"]) == {"I:1", "I:3"}
    with pytest.raises(ContractError, match="has rows of MUS"):
        warehouse.replace("marts.indicators", both, "ARM")
    assert set(warehouse.read("marts.indicators")["indicator_id"]) == {"I:1", "I:3"}
    with pytest.raises(UsageError, match="no ref_area"):
        warehouse.read("meta.runs", "ARM")


# ---------------------------------------------------------------- loading


def test_loading_twice_adds_nothing(warehouse: Warehouse) -> None:
    frame = observations({}, {"time_period": "2023"})
    assert warehouse.append_observations(frame) == 2
    before = warehouse.content_hash("staging.observations")
    assert warehouse.append_observations(frame) == 0
    assert (
        warehouse.append_observations(observations({}, {"time_period": "2023"}, {"time_period": "2022"})) == 1
    )
    assert warehouse.content_hash("staging.observations") != before


def test_same_address_in_another_source_is_not_swallowed(warehouse: Warehouse) -> None:
    """The contract can only complain about a collision that reaches the table."""
    frame = observations({})
    warehouse.append_observations(frame)
    assert warehouse.append_observations(frame.assign(source_id="census")) == 1


def test_table_saved_again_in_other_bytes_adds_new_figures_only(warehouse: Warehouse) -> None:
    """The same key with another figure is let in, for the contract to complain about."""
    warehouse.append_observations(observations({}, {"time_period": "2023", "obs_value": None}))
    again = observations(
        {}, {"time_period": "2023", "obs_value": None}, {"time_period": "2022"}, {"sex": "F"}
    )
    other_file = again.assign(observation_id=[f"{'f' * 12}:{row}" for row in again["raw_row"]])
    assert warehouse.append_observations(other_file) == 2
    assert warehouse.append_observations(other_file.head(1).assign(obs_value=101.0)) == 1


def test_raw_rows_keep_every_column_as_published(warehouse: Warehouse) -> None:
    first = pd.DataFrame(
        {"Sex": ["m", "f"], "sex": ["1", ""], 'a "b"': ["x", "y"], "raw_row": ["9", "8"]}, dtype=str
    )
    assert warehouse.load_raw("survey", first, sha_of("one")) == 2
    assert warehouse.load_raw("survey", first, sha_of("one")) == 0
    later = pd.DataFrame({"Sex": ["m"], "new column": ["z"]}, dtype=str)
    assert warehouse.load_raw("survey", later, sha_of("two")) == 1
    assert warehouse.raw_row("survey", sha_of("one"), 2) == {
        "Sex": "f", "sex (2)": "", 'a "b"': "y", "raw_row (2)": "8"
    }  # fmt: skip
    assert warehouse.raw_row("survey", sha_of("two"), 1) == {"Sex": "m", "new column": "z"}
    with pytest.raises(UsageError, match="no row 3"):
        warehouse.raw_row("survey", sha_of("one"), 3)
    with pytest.raises(UsageError, match="lma refresh census"):
        warehouse.raw_row("census", sha_of("one"), 1)
    with pytest.raises(DefinitionError):
        warehouse.load_raw('x"; drop table meta.runs; --', later, sha_of("two"))


def test_forgotten_snapshot_can_be_loaded_again(warehouse: Warehouse) -> None:
    frame = observations({}, {"time_period": "2023"})
    sha = frame["snapshot_sha"].iloc[0]
    warehouse.load_raw("survey", pd.DataFrame({"a": ["1", "2"]}), sha)
    warehouse.append_observations(frame)
    before = warehouse.content_hash("staging.observations")
    assert warehouse.forget_snapshot("survey", sha) == 2
    assert warehouse.count_rows("staging.observations") == 0
    assert warehouse.load_raw("survey", pd.DataFrame({"a": ["1", "2"]}), sha) == 2
    assert warehouse.append_observations(frame) == 2
    assert warehouse.content_hash("staging.observations") == before


# ---------------------------------------------------------------- which figure is preferred, and breaks


def test_latest_vintage_of_the_preferred_source_is_taken(warehouse: Warehouse) -> None:
    found = build(
        warehouse,
        {"as_of": dt.date(2024, 1, 31), "obs_value": 1.0},
        {"as_of": dt.date(2025, 1, 31), "obs_value": 2.0},
        {"source_id": "census", "as_of": dt.date(2026, 1, 31), "obs_value": 3.0},
    )
    row = found.iloc[0]
    assert (len(found), row["obs_value"], row["n_alternatives"]) == (1, 2.0, 2)
    assert row["preferred_because"] == "survey (priority 10) goes before census (priority 20)"


def test_source_with_a_figure_goes_before_one_that_has_none(warehouse: Warehouse) -> None:
    found = build(
        warehouse, {"obs_value": None, "obs_status": "M"}, {"source_id": "census", "obs_value": 3.0}
    )
    assert found["obs_value"].tolist() == [3.0]
    assert "survey (priority 10, no figure)" in found["preferred_because"].iloc[0]


def test_withdrawn_figure_is_missing_not_the_old_one(warehouse: Warehouse) -> None:
    found = build(
        warehouse,
        {"as_of": dt.date(2024, 1, 31), "obs_value": 1.0},
        {"as_of": dt.date(2025, 1, 31), "obs_value": None, "obs_status": "M"},
    )
    assert found["obs_status"].tolist() == ["M"]


def test_reported_and_modelled_figures_stand_beside_each_other(warehouse: Warehouse) -> None:
    found = build(warehouse, {}, {"source_id": "model", "basis": "modelled_estimate"})
    assert found["basis_kind"].tolist() == ["modelled", "reported"]
    assert found["n_alternatives"].tolist() == [0, 0]


def test_later_report_replaces_the_projection_of_the_same_source(warehouse: Warehouse) -> None:
    found = build(
        warehouse,
        {"as_of": dt.date(2024, 1, 31), "basis": "projection", "obs_value": 1.0},
        {"as_of": dt.date(2025, 1, 31), "basis": "reported", "obs_value": 2.0},
    )
    assert found[["basis_kind", "obs_value"]].to_numpy().tolist() == [["reported", 2.0]]


def test_change_of_source_inside_a_series_is_a_break(warehouse: Warehouse) -> None:
    found = build(
        warehouse,
        {"time_period": "2020", "source_id": "census"},
        {"time_period": "2021", "source_id": "census"},
        {"time_period": "2022", "obs_value": None, "obs_status": "M"},
        {"time_period": "2023"},
        {"time_period": "2024"},
        {"time_period": "2020", "sex": "F", "source_id": "model", "basis": "projection"},
        {"time_period": "2021", "sex": "F"},
    ).query("sex == '_T'")
    breaks = dict(zip(found["time_period"], found["break_reason"], strict=True))
    assert breaks.pop("2023") == "source changes from census to survey"
    assert set(breaks.values()) == {None}
    assert found["is_break"].tolist() == [False, False, False, True, False]


def test_sources_of_another_basis_make_no_break(warehouse: Warehouse) -> None:
    found = build(
        warehouse,
        {"time_period": "2020", "source_id": "model", "basis": "projection"},
        {"time_period": "2021"},
    )
    assert not found["is_break"].any()


def test_breaks_say_why(warehouse: Warehouse) -> None:
    correction = Correction(
        id="old_census", where={"source_id": "survey"}, action="flag_break", reason="new frame",
        reference="r", expect={"rows": 1},
    )  # fmt: skip
    doubled = correction.model_copy(update={"id": "twice", "action": "multiply"})
    warehouse.load_codelists(known_sources(), [correction, doubled])
    found = build(
        warehouse,
        {"time_period": "2020", "obs_status": "B"},
        {"time_period": "2021", "note": "Break in series: new sample"},
        {"time_period": "2022", "correction_id": "old_census"},
        {"time_period": "2023", "correction_id": "twice", "note": "nothing of the kind"},
    )
    assert found["break_reason"].tolist() == [
        "publisher's flag B (break in time series)",
        "publisher's note: Break in series: new sample",
        "declared break (old_census): new frame",
        None,
    ]
    assert found["is_break"].tolist() == [True, True, True, False]


def test_figures_of_an_undeclared_source_stop_the_build(warehouse: Warehouse) -> None:
    warehouse.append_observations(observations({"source_id": "unheard_of"}))
    with pytest.raises(DefinitionError, match="unheard_of"):
        warehouse.build_observations()


VINTAGES = [dt.date(2024, 1, 31), dt.date(2024, 7, 31), dt.date(2025, 1, 31), dt.date(2025, 7, 31)]
cells = st.fixed_dictionaries(
    {
        "time_period": st.sampled_from(["2021", "2022", "2023"]),
        "sex": st.sampled_from(["_T", "F"]),
        "source_id": st.sampled_from(["survey", "census", "model"]),
        "as_of": st.sampled_from(VINTAGES),
        "obs_value": st.one_of(st.none(), st.integers(0, 5).map(float)),
        "basis": st.sampled_from(["reported", "projection"]),
    }
)
KEY = ("time_period", "sex", "source_id", "as_of")
tables = st.lists(cells, max_size=20, unique_by=lambda cell: tuple(cell[name] for name in KEY)).map(
    lambda rows: [row | {"obs_status": "M" if row["obs_value"] is None else "A"} for row in rows]
)


def preferred_by_hand(rows: list[dict[str, Any]], as_of: dt.date) -> set[tuple[Any, ...]]:
    """The rule of preference in plain Python, independent of the query."""
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted((row for row in rows if row["as_of"] <= as_of), key=lambda row: row["as_of"]):
        latest[row["time_period"], row["sex"], row["source_id"]] = row
    priority = {name: source.priority for name, source in known_sources().items()}
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(latest.values(), key=lambda r: (r["obs_value"] is None, priority[r["source_id"]])):
        kind = "modelled" if row["basis"] == "projection" else "reported"
        best.setdefault((row["time_period"], row["sex"], kind), row)
    return {(*key, row["source_id"], row["as_of"]) for key, row in best.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables, as_of=st.sampled_from(VINTAGES))
def test_as_of_never_sees_later_knowledge(
    warehouse: Warehouse, rows: list[dict[str, Any]], as_of: dt.date
) -> None:
    """As of D, a warehouse with all vintages says what one that never got the later ones says."""
    key = ["time_period", "sex", "basis_kind", "source_id", "as_of"]

    def load(loaded: list[dict[str, Any]]) -> None:
        warehouse._connection.execute("delete from staging.observations_of_batches")
        if loaded:
            warehouse.append_observations(observations(*loaded))

    load(rows)
    warehouse.build_observations(as_of)
    built, seen = warehouse.read("marts.observations"), warehouse.observations_as_of(as_of)
    assert set(map(tuple, built[key].to_numpy())) == preferred_by_hand(rows, as_of)
    pd.testing.assert_frame_equal(built, seen)
    load([row for row in rows if row["as_of"] <= as_of])
    warehouse.build_observations()
    without_ids = [
        c for c in built.columns if c not in ("observation_id", "raw_row")
    ]  # rows moved up in the file
    pd.testing.assert_frame_equal(warehouse.read("marts.observations")[without_ids], built[without_ids])


def test_revisions_hold_changed_values_only(warehouse: Warehouse) -> None:
    warehouse.append_observations(
        observations(
            {"as_of": VINTAGES[0], "obs_value": 1.0},
            {"as_of": VINTAGES[1], "obs_value": 1.0},
            {"as_of": VINTAGES[2], "obs_value": 4.0},
            {"as_of": VINTAGES[3], "obs_value": None, "obs_status": "M"},
            {"as_of": VINTAGES[3], "obs_value": 9.0, "source_id": "census"},
        )
    )
    assert warehouse.build_revisions() == 2
    found = warehouse.read("marts.revisions").sort_values("as_of")
    assert found["previous_as_of"].tolist() == [VINTAGES[1], VINTAGES[2]]
    assert found["change"].fillna(-1).tolist() == [3.0, -1]
    assert all(len(inputs) == 2 for inputs in found["inputs"])
    assert warehouse.build_revisions(VINTAGES[2]) == 1
    assert warehouse.read("marts.revisions")["change"].tolist() == [3.0]


# ---------------------------------------------------------------- the same content again


def test_rebuilt_in_another_order_it_has_the_same_content(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows = [
        {
            "time_period": str(year),
            "source_id": name,
            "as_of": as_of,
            "obs_value": float(rng.normal()),
            "ref_area": area,
        }
        for year in range(2010, 2024)
        for name in ("survey", "census")
        for as_of in VINTAGES
        for area in ("MUS", "ARM")
    ]
    frame = observations(*rows)
    hashes = []
    for attempt, order in enumerate([slice(None), slice(None, None, -1)]):
        with open_for_writing(tmp_path / f"{attempt}.duckdb") as opened:
            opened.load_codelists(known_sources(), [])
            for _, part in list(frame.groupby(["source_id", "as_of"]))[order]:
                opened.append_observations(part.iloc[order].reset_index(drop=True))
            opened.build_observations()
            opened.build_revisions()
            hashes.append([opened.content_hash(name) for name in DERIVED])
            observed = opened.read("marts.observations")
            hashes[-1].append(str(observed["obs_value"].sum()))
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 4


def test_content_hash_sees_every_cell_but_not_the_time_of_landing(warehouse: Warehouse) -> None:
    frame = indicators(("I:1", "MUS", ["a", "b"]), ("I:2", "ARM", []))
    warehouse.replace("marts.indicators", frame)
    first, of_mus = (
        warehouse.content_hash("marts.indicators"),
        warehouse.content_hash("marts.indicators", "MUS"),
    )
    warehouse.replace("marts.indicators", frame.iloc[::-1])
    assert warehouse.content_hash("marts.indicators") == first
    warehouse.replace("marts.indicators", indicators(("I:1", "MUS", ["ab"]), ("I:2", "ARM", [])))
    assert warehouse.content_hash("marts.indicators") != first
    assert warehouse.content_hash("marts.indicators", "MUS") != of_mus
    warehouse.replace("marts.indicators", frame.assign(value=[1.5, np.nextafter(1.5, 2)]))
    assert warehouse.content_hash("marts.indicators") != first
    assert warehouse.content_hash("marts.indicators", "MUS") == of_mus
    hashes = []
    for hour in (1, 2):
        warehouse.write_snapshot_facts(snapshot_facts().assign(retrieved_at=dt.datetime(2025, 1, 1, hour)))
        hashes.append(warehouse.content_hash("meta.snapshots"))
    assert hashes[0] == hashes[1]


def snapshot_facts() -> pd.DataFrame:
    facts = {
        "snapshot_sha": sha_of("one"), "source_id": "survey", "file_name": "f.csv", "publisher": "P",
        "table_code": "T", "title": "T", "url": "u", "licence": "CC BY 4.0", "as_of": dt.date(2025, 1, 31),
        "retrieved_at": dt.datetime(2025, 1, 1), "n_bytes": 1, "n_rows": 1, "n_observations": 1,
        "n_quarantined": 0,
        "definition_sha": "0" * 64,
    }  # fmt: skip
    return pd.DataFrame([facts])


# ---------------------------------------------------------------- indicators


SHARE = """
select 'I:' || observation_id as indicator_id, 'EMP_SHARE' as indicator, ref_area, counterpart_area, sex,
    economic_activity, time_period, obs_value as value, 'PC' as unit_measure, basis, obs_status,
    null as reason, 'copied' as step, [observation_id] as inputs{more}
from marts.observations where ref_area in (select unnest($ref_areas))
"""


def indicator_query() -> str:
    columns = contracts.table_contract("marts.indicators").column_names
    return f"select {', '.join(columns)} from ({SHARE.format(more=', basis_kind')})"


def test_indicators_are_computed_for_the_countries_asked(warehouse: Warehouse, tmp_path: Path) -> None:
    build(warehouse, {}, {"ref_area": "ARM"}, {"ref_area": "GEO"})
    warehouse.replace("marts.indicators", indicators(("I:old", "MUS", []), ("I:kept", "GEO", [])))
    (tmp_path / "a.sql").write_text(indicator_query())
    assert warehouse.run_indicators(["MUS", "ARM"], tmp_path) == 2
    found = warehouse.read("marts.indicators")
    assert found["ref_area"].tolist() == ["ARM", "GEO", "MUS"]
    assert "I:kept" in set(found["indicator_id"])
    assert "I:old" not in set(found["indicator_id"])


@pytest.mark.parametrize(
    "query", ["select 1 as indicator_id where len($ref_areas) > 0", "select nonsense", "select 1"]
)
def test_wrong_indicator_query_names_its_file_and_changes_nothing(
    warehouse: Warehouse, tmp_path: Path, query: str
) -> None:
    warehouse.replace("marts.indicators", indicators(("I:old", "MUS", [])))
    (tmp_path / "a_wrong.sql").write_text(query)
    with pytest.raises(DefinitionError, match=r"a_wrong\.sql"):
        warehouse.run_indicators(["MUS"], tmp_path)
    assert warehouse.read("marts.indicators")["indicator_id"].tolist() == ["I:old"]


# ---------------------------------------------------------------- contract rules in SQL


def test_sql_rules_on_a_frame_and_on_the_table_agree(warehouse: Warehouse) -> None:
    contract = contracts.table_contract("staging.observations")
    frame = observations(
        {},
        {"obs_value": -1.0},
        {"obs_value": None},
        {"indicator": "LFPR", "unit_measure": "PC", "obs_value": 101.0},
    )
    broken = find_rule_breakers(frame, contract)
    assert list(zip(broken["row"], broken["rule_id"], strict=True)) == [
        (1, "persons_not_negative"), (3, "rates_within_0_100"), (2, "missing_has_status")
    ]  # fmt: skip
    warehouse.append_observations(frame)
    checks = warehouse.run_sql_rules(contract).set_index("rule_id")
    assert checks["n_failed"].to_dict() == broken["rule_id"].value_counts().to_dict()
    assert not checks["success"].any()
    assert checks.loc["persons_not_negative", "examples"] == frame["observation_id"][1]
    assert warehouse.run_sql_rules(contract, "ARM")["success"].all()


def test_checks_quarantine_and_runs_are_kept_once(warehouse: Warehouse) -> None:
    checks = warehouse.run_sql_rules(contracts.table_contract("staging.observations"))
    warehouse.write_checks("run", checks)
    warehouse.write_checks("run", checks)
    assert warehouse.count_rows("meta.contract_checks") == len(checks) == 3
    row = {
        "table_name": "t", "source_id": "s", "snapshot_sha": "a", "observation_id": "o", "rule_id": "r",
        "column_name": None, "value": None, "reason": "why",
    }  # fmt: skip
    warehouse.write_quarantine(pd.DataFrame([row, row | {"observation_id": "p"}]))
    warehouse.write_quarantine(pd.DataFrame([row]))
    assert warehouse.count_rows("meta.quarantine") == 1
    warehouse.start_run("run", "lma run", {"countries": ["MUS"]}, dt.datetime(2025, 1, 1))
    warehouse.finish_run("run", "FAILED", dt.datetime(2025, 1, 2), "why")
    ledger = warehouse.read("meta.runs").iloc[0]
    assert (ledger["status"], ledger["message"], ledger["parameters"]) == (
        "FAILED",
        "why",
        '{"countries": ["MUS"]}',
    )


# ---------------------------------------------------------------- the path of a number


def test_trace_goes_one_step_back_in_the_order_asked(warehouse: Warehouse) -> None:
    build(warehouse, {"as_of": VINTAGES[0]}, {"as_of": VINTAGES[1], "obs_value": 7.0})
    old, new = warehouse.read("staging.observations")["observation_id"]
    warehouse.build_revisions()
    revision = warehouse.read("marts.revisions")["revision_id"].iloc[0]
    warehouse.replace("marts.indicators", indicators(("I:1", "MUS", [new])))
    found = warehouse.trace([new, "I:1", revision, "F:nowhere", "I:1", old])
    assert found["node_id"].tolist() == [new, "I:1", revision, "F:nowhere", old]
    assert found["kind"].tolist() == ["observation", "indicator", "revision", "unknown", "observation"]
    assert found["inputs"].tolist() == [[], [new], [new, old], [], []]
    assert found["value"].fillna(-1).tolist() == [7.0, 1.5, 7.0, -1, 100.0]
    assert found["step"].iloc[0] == "latest of 2 vintages of survey"
    assert found["raw_row"].iloc[0] == 2
    assert warehouse.trace([]).empty


def test_every_kind_of_node_can_be_asked_for(warehouse: Warehouse) -> None:
    asked = [f"{prefix}:x" for prefix in "IFKBSDCR"]
    assert warehouse.trace(asked)["kind"].tolist() == ["unknown"] * 8


def test_thousands_of_nodes_are_traced_in_a_second(warehouse: Warehouse) -> None:
    frame = observations(
        *({"time_period": str(1900 + n % 100), "age": f"Y_GE{n // 100}"} for n in range(20_000))
    )
    warehouse.append_observations(frame)
    warehouse.build_observations()
    started = time.perf_counter()
    assert (warehouse.trace(frame["observation_id"].tolist())["kind"] == "observation").all()
    assert time.perf_counter() - started < 2


# ---------------------------------------------------------------- writers and readers


HOLDER = """
import sys, time
from pathlib import Path
from lma.warehouse import open_for_writing
with open_for_writing(Path(sys.argv[1]), command="lma run MUS") as warehouse:
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A second, real process that holds the warehouse until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lma.duckdb")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()


def test_second_writer_is_told_who_writes(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(LockedError, match=rf"process {holder.pid} \(lma run MUS\)") as caught:
        open_for_writing(tmp_path / "lma.duckdb", wait_seconds=0.3)
    assert caught.value.exit_code == 75
    assert 0.3 <= time.monotonic() - started < 5


def test_second_writer_waits_for_the_first(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert holder.stdin is not None
    stdin = holder.stdin
    timer = threading.Timer(0.5, lambda: (stdin.write("\n"), stdin.flush()))
    timer.start()
    with open_for_writing(tmp_path / "lma.duckdb", wait_seconds=20) as opened:
        assert opened.count_rows("meta.runs") == 0
    timer.join()


def test_killed_writer_leaves_no_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    open_for_writing(tmp_path / "lma.duckdb", wait_seconds=0).close()


def test_database_shell_without_our_lock_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "lma.duckdb"
    open_for_writing(path).close()
    shell = (
        f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LockedError, match=f"process {process.pid} "):
            open_for_writing(path, wait_seconds=0.2)
    finally:
        process.kill()
        process.wait()
    open_for_writing(path, wait_seconds=0).close()


def test_two_writers_in_one_process_take_turns(tmp_path: Path) -> None:
    path, rows = tmp_path / "lma.duckdb", 8

    def write(number: int) -> None:
        with open_for_writing(path, wait_seconds=60) as opened:
            opened.append_observations(observations({"source_id": f"source_{number}"}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(rows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_for_writing(path) as opened:
        assert opened.count_rows("staging.observations") == rows


def test_reader_is_told_to_run_first(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "lma.duckdb").close()
    with pytest.raises(InputError, match="lma run"):
        open_for_reading(tmp_path / "lma.duckdb")


READER = """
import sys
from pathlib import Path
from lma.warehouse import open_for_reading
with open_for_reading(Path(sys.argv[1])) as warehouse:
    print(warehouse.count_rows("staging.observations"))
"""


def count_in_another_process(path: Path) -> int:
    arguments = [sys.executable, "-c", READER, str(path)]
    found = subprocess.run(
        arguments, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
    )
    return int(found.stdout)


def test_readers_see_the_last_publish_while_a_writer_writes(warehouse: Warehouse) -> None:
    warehouse.append_observations(observations({}))
    assert warehouse.publish_read_copy() == read_copy_path(warehouse.path)
    warehouse.append_observations(observations({}, {"time_period": "2023"}))
    with open_for_reading(warehouse.path) as reader:
        assert reader.count_rows("staging.observations") == 1
        assert count_in_another_process(warehouse.path) == 1
        inode = read_copy_path(warehouse.path).stat().st_ino
        warehouse.publish_read_copy()  # swapped while a reader is open: another file, not other bytes in it
        assert read_copy_path(warehouse.path).stat().st_ino != inode
        assert reader.count_rows("staging.observations") == 1
        assert count_in_another_process(warehouse.path) == 2
    assert warehouse.count_rows("staging.observations") == 2  # and the writer goes on
    leftovers = {path.name for path in warehouse.path.parent.iterdir()} - {"lma.duckdb.wal"}
    assert leftovers == {"lma.duckdb", "lma.duckdb.lock", "lma.read.duckdb"}


def test_readers_cannot_write(warehouse: Warehouse) -> None:
    warehouse.publish_read_copy()
    with open_for_reading(warehouse.path) as reader, pytest.raises(Exception, match="read-only"):
        reader.append_observations(observations({}))


def test_lock_stays_while_the_copy_is_made(warehouse: Warehouse) -> None:
    warehouse.publish_read_copy()
    with pytest.raises(LockedError):
        open_for_writing(warehouse.path, wait_seconds=0)


# ---------------------------------------------------------------- what a killed process, or a full disk, leaves


def test_what_a_killed_process_left_is_gone_when_the_next_one_writes(tmp_path: Path) -> None:
    path, raw = tmp_path / "lma.duckdb", tmp_path / "raw"
    (raw / "withdrawn").mkdir(parents=True)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = [
        tmp_path / f"lma.read.duckdb.{ended.pid}.tmp",
        raw / f"{sha_of('x')}.{ended.pid}.tmp",
        raw / f"{sha_of('y')}.{os.getpid()}.tmp",  # the number is ours now, the file is not
        raw / "withdrawn" / f"{sha_of('x')}.survey.json.{ended.pid}.tmp",
    ]
    others = [raw / f"{sha_of('x')}.{os.getppid()}.tmp", raw / sha_of("x"), tmp_path / "notes.tmp"]
    for file in dead + others:
        file.write_bytes(b"half")
    with open_for_writing(path, raw_store=raw):
        assert [file for file in dead if file.exists()] == []
        assert all(file.exists() for file in others)


def test_tables_of_a_killed_load_are_dropped_and_those_of_a_whole_one_stay(tmp_path: Path) -> None:
    path = tmp_path / "lma.duckdb"
    with open_for_writing(path) as warehouse:
        for name in ("survey:aaa", "survey:bbb"):
            warehouse._connection.execute(f"create type staging.\"codes of {name}\" as enum ('MUS')")
            warehouse._connection.execute(f'create table raw."{name}" (area varchar)')
        contract = contracts.table_contract("staging.observations")
        warehouse._connection.execute(replace(contract, name='staging."survey:aaa"').ddl())
        warehouse._connection.execute(
            'create table staging."survey:bbb unfinished" (ref_area staging."codes of survey:bbb")'
        )
    with open_for_writing(path) as warehouse:
        names = {name for name in warehouse._existing_columns() if ":" in name}
        types = warehouse._connection.execute(
            "select type_name from duckdb_types() where type_name like 'codes of%'"
        )
        assert names == {"raw.survey:aaa", "staging.survey:aaa"}
        assert types.fetchall() == [("codes of survey:aaa",)]


def test_full_disk_leaves_readers_their_copy_and_says_what_is_left_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    with open_for_writing(tmp_path / "lma.duckdb") as warehouse:
        before = warehouse.publish_read_copy().read_bytes()
        with monkeypatch.context() as patch, pytest.raises(OutputError) as caught:
            patch.setattr(warehouses.shutil, "copyfile", fill)
            warehouse.publish_read_copy()
        assert str(tmp_path / "lma.read.duckdb") in str(caught.value)
        assert "`lma refresh --offline`" in str(caught.value)
        assert (tmp_path / "lma.read.duckdb").read_bytes() == before
        assert list(tmp_path.glob("*.tmp")) == []
        assert warehouse.count_rows("meta.snapshots") == 0  # it is open again

"""What was known on a date, for any vintages: nothing later, never less than before, in whatever order they came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observation_builder import known_sources, observations, sha_of

from lma.warehouse import Warehouse, open_for_writing

DAYS = [dt.date(2018, 8, 1), dt.date(2021, 5, 7), dt.date(2025, 12, 17)]
SOURCES = ["survey", "census", "model"]
PERIODS = ["2015", "2016", "2017"]
CELL = ["time_period", "basis_kind"]

File = tuple[str, dt.date, dict[str, float | None]]
values = st.one_of(st.none(), st.integers(0, 5).map(float))
figures = st.dictionaries(st.sampled_from(PERIODS), values, min_size=1)
keys = st.tuples(st.sampled_from(SOURCES), st.sampled_from(DAYS))
vintages = st.dictionaries(keys, figures, max_size=7).map(
    lambda found: [(*key, rows) for key, rows in found.items()]
)
property_test = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_for_writing(tmp_path_factory.mktemp("as_of") / "lma.duckdb") as opened:
        opened.load_codelists(known_sources(), [])
        yield opened


def load(warehouse: Warehouse, files: list[File]) -> None:
    """These files and no others, one after the other."""
    for source_id in SOURCES:
        for day in DAYS:
            warehouse.forget_snapshot(source_id, sha_of(f"{source_id} {day}"))
    for source_id, day, rows in files:
        warehouse.append_observations(observations(*(describe(source_id, day, *row) for row in rows.items())))


def describe(source_id: str, day: dt.date, period: str, value: float | None) -> dict[str, Any]:
    basis = "modelled_estimate" if source_id == "model" else "reported"
    status = "M" if value is None else "A"
    return {
        "source_id": source_id, "as_of": day, "time_period": period, "obs_value": value, "obs_status": status, "basis": basis,
    }  # fmt: skip


@property_test
@given(files=vintages, day=st.sampled_from([DAYS[0] - dt.timedelta(1), *DAYS]))
def test_nothing_later_is_known(warehouse: Warehouse, files: list[File], day: dt.date) -> None:
    load(warehouse, files)
    seen = warehouse.observations_as_of(day)
    assert all(as_of <= day for as_of in seen["as_of"])
    known = {period for _, as_of, rows in files for period in rows if as_of <= day}
    assert set(seen["time_period"]) == known
    warehouse.build_revisions(day)
    revised = warehouse.read("marts.revisions")
    found = set(revised[["source_id", "as_of", "time_period"]].itertuples(index=False, name=None))
    assert found == revised_by_hand([file for file in files if file[1] <= day])


def revised_by_hand(files: list[File]) -> set[tuple[str, dt.date, str]]:
    """Source, vintage and period of every figure that differs from the one its source gave before."""
    revised, last = set(), dict[tuple[str, str], float | None]()
    for source_id, day, rows in sorted(files, key=lambda file: file[:2]):
        for period, value in rows.items():
            if last.get((source_id, period), value) != value:
                revised.add((source_id, day, period))
            last[source_id, period] = value
    return revised


@property_test
@given(first=values, second=values, day=st.sampled_from(DAYS))
def test_a_revision_is_known_from_its_own_day(
    warehouse: Warehouse, first: float | None, second: float | None, day: dt.date
) -> None:
    load(warehouse, [("survey", DAYS[0], {"2015": first}), ("survey", DAYS[1], {"2015": second})])
    warehouse.build_revisions(day)
    n_expected = int(first != second and day >= DAYS[1])
    assert len(warehouse.read("marts.revisions")) == n_expected


@property_test
@given(files=vintages, days=st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(sorted))
def test_knowledge_only_grows(warehouse: Warehouse, files: list[File], days: list[dt.date]) -> None:
    load(warehouse, files)
    earlier, later = (warehouse.observations_as_of(day).set_index(CELL) for day in days)
    assert set(earlier.index) <= set(later.index)
    both = earlier.join(later, lsuffix="_earlier", rsuffix="_later")
    same = both[both["source_id_earlier"] == both["source_id_later"]]
    assert (same["as_of_earlier"] <= same["as_of_later"]).all()
    assert (both["n_alternatives_earlier"] <= both["n_alternatives_later"]).all()


@property_test
@given(files=vintages, day=st.sampled_from(DAYS), data=st.data())
def test_order_of_loading_and_doing_it_again_change_nothing(
    warehouse: Warehouse, files: list[File], day: dt.date, data: st.DataObject
) -> None:
    load(warehouse, files)
    first = warehouse.observations_as_of(day)
    warehouse.build_observations(day)
    warehouse.build_observations(day)
    pd.testing.assert_frame_equal(warehouse.read("marts.observations"), first)
    load(warehouse, data.draw(st.permutations(files)))
    pd.testing.assert_frame_equal(warehouse.observations_as_of(day), first)


@property_test
@given(
    files=vintages, day=st.sampled_from(DAYS), later=st.sampled_from(DAYS), switched=st.sampled_from(SOURCES)
)
def test_a_bound_moves_one_source_alone(
    warehouse: Warehouse, files: list[File], day: dt.date, later: dt.date, switched: str
) -> None:
    """One source as known on another date: as if the others had no file after the first and it none after the other."""
    load(warehouse, files)
    warehouse.build_observations(day, {switched: later})
    mixed = warehouse.read("marts.observations")
    load(warehouse, [file for file in files if file[1] <= (later if file[0] == switched else day)])
    warehouse.build_observations()
    pd.testing.assert_frame_equal(warehouse.read("marts.observations"), mixed)

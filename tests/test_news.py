"""News: parts that sum to the change, figures that moved and why, and the whole on the shipped sample."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from observation_builder import observations as build_figures
from world_builder import World, describe_warehouse, run_lma

from flows import cli
from flows import news as flow
from flows.news import list_largest
from flows.request import RunRequest
from lma.assessment import news
from lma.assessment.cells import Lineage

# ---------------------------------------------------------------- parts of a change

numbers = st.one_of(st.none(), st.integers(-1000, 1000).map(float))


def cells(*values: float | None) -> pd.DataFrame:
    """Cells A, B, ... with these values."""
    addresses = [chr(ord("A") + place) for place in range(len(values))]
    return pd.DataFrame({"address": addresses, "value": values}, dtype=object).astype({"value": float})


@given(rows=st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=6))
def test_parts_of_a_cell_sum_to_its_change(rows: list[list[float | None]]) -> None:
    mixes, steps = [cells(*row) for row in rows], [f"s{place}" for place in range(1, len(rows))]
    parts = news.decompose_changes(mixes, steps).groupby("address")["part"].sum()
    for address, first, last in zip("ABC", rows[0], rows[-1], strict=True):
        if first is None or last is None:
            assert address not in parts
        else:
            assert parts.get(address, 0.0) == last - first


def test_part_belongs_to_the_step_that_moved_the_cell() -> None:
    mixes = [cells(10.0, None), cells(10.0, None), cells(None, 5.0), cells(16.0, 7.0)]
    parts = news.decompose_changes(mixes, ["one", "two", "three"])
    assert parts.to_dict("records") == [{"address": "A", "step": "three", "position": 3, "part": 6.0}]
    assert news.find_first_steps(mixes, ["one", "two", "three"]) == {"B": "two"}


# ---------------------------------------------------------------- figures that moved


def preferred(*rows: dict[str, object]) -> pd.DataFrame:
    """Rows in the columns of marts.observations that matter here; basis_kind reported."""
    return build_figures(*rows).assign(basis_kind="reported")


def test_kind_of_a_movement() -> None:
    day, later = dt.date(2020, 1, 1), dt.date(2021, 1, 1)
    old = {"source_id": "old", "as_of": day}
    before = preferred(
        {**old, "time_period": "2015", "obs_value": 10.0, "observation_id": "a:1"},
        {**old, "time_period": "2016", "obs_value": 11.0, "observation_id": "a:2"},
        {**old, "time_period": "2017", "obs_value": 12.0, "observation_id": "a:3"},
        {**old, "time_period": "2018", "obs_value": 13.0, "observation_id": "a:4"},
    )
    after = preferred(
        {**old, "as_of": later, "time_period": "2015", "obs_value": 10.0, "observation_id": "b:1"},
        {**old, "as_of": later, "time_period": "2016", "obs_value": 22.0, "observation_id": "b:2"},
        {
            "source_id": "new",
            "as_of": later,
            "time_period": "2017",
            "obs_value": 12.0,
            "observation_id": "c:3",
        },
        {**old, "as_of": later, "time_period": "2019", "obs_value": 14.0, "observation_id": "b:5"},
        {**old, "as_of": later, "sex": "F", "time_period": "2019", "obs_value": 7.0, "observation_id": "b:6"},
        {"source_id": "new", "as_of": later, "sex": "M", "time_period": "2019", "observation_id": "c:7"},
    )
    moved = news.list_moved_figures(before, after, ["old"])
    kinds = {(row["sex"], row["time_period"]): row["kind"] for row in moved.to_dict("records")}
    assert kinds == {
        ("_T", "2016"): "revised",
        ("_T", "2017"): "other_source",
        ("_T", "2018"): "dropped",
        ("_T", "2019"): "new_period",
        ("F", "2019"): "new_series",
        ("M", "2019"): "source_appeared",
    }
    assert moved.loc[moved["kind"] == "revised", "relative_change"].tolist() == [100.0]
    revised = next(row for row in moved.to_dict("records") if row["kind"] == "revised")
    assert "2016: 11 to 22 PS (revised figure; old 2020-01-01 to old 2021-01-01)" in news.describe_figure(
        revised
    )


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1_240_123.4, "PS", "1,240,123"),
        (-1_240_123.4, "PS", "-1,240,123"),
        (47.4712, "PC", "47.47"),
        (1_234_567_890.0, "USD", "1,234,567,890"),
        (0.0312, "PC", "0.0312"),
        (float("nan"), "PC", "none"),
    ],
)
def test_figures_are_written_as_a_reader_writes_them(value: float, unit: str, shown: str) -> None:
    assert news.show_value(value, unit) == shown


def test_movements_that_round_to_nothing_are_not_among_the_largest() -> None:
    cells = pd.DataFrame({"change": [1.0, 1.0, None], "relative_change": [0.04, -0.06, None]})
    assert list_largest(cells).index.tolist() == [1]


def test_step_line_names_the_source_and_the_table_is_written_before_printing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cli._title(flow.exchange_vintage, (object(), "wb_wdi_api", [])) == "exchange vintage wb_wdi_api"
    found = pd.DataFrame({"address": ["T1.A.value"], "what": ["revised"], "why": [""]})
    monkeypatch.setattr(flow, "find_news", lambda *given: (found, pd.DataFrame(), []))

    def stop(*given: object, **named: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(flow.Console, "print", stop)
    request = RunRequest(("ARM",), tmp_path, tmp_path / "lma.duckdb", "2026-06", offline=True)
    dates = (dt.date(2025, 1, 1), dt.date(2026, 1, 1))
    with pytest.raises(BrokenPipeError):
        flow.print_news(request, dates, tmp_path / "news.csv", None, flow.Console(), lambda step: step)
    assert pd.read_csv(tmp_path / "news.csv")["address"].tolist() == ["T1.A.value"]


def test_leaves_behind_a_forecast_say_that_it_learns_from_all_countries() -> None:
    inputs = {"B:1": ["F:1", "x:2"], "F:1": ["x:1"], "I:1": ["x:2"]}
    lineage = Lineage({"x:1": ("s", dt.date.min), "x:2": ("s", dt.date.min)}, inputs)
    assert news.find_leaves(["B:1"], lineage, {}) == {"x:1", "x:2", news.POOLED}
    assert news.find_leaves(["I:1"], lineage, {}) == {"x:2"}


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def told(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, pd.DataFrame, World]]:
    """What `lma news ARM` prints and writes between the end of 2025 and June 2026, and the world it read."""
    copy = world.copy_to(tmp_path_factory.mktemp("news"))
    before = describe_warehouse(copy)
    asked = ("news", "ARM", "--from", "2025-12-31", "--to", "2026-06-30", "--out", "news.csv")
    outcome = copy.lma(*asked)
    assert outcome.code == 0, outcome.err
    assert describe_warehouse(copy) == before, "news must not change the warehouse"
    yield outcome.out, pd.read_csv(copy.folder / "news.csv", float_precision="round_trip"), copy


def test_every_change_of_the_sample_is_the_sum_of_its_parts(told: tuple[str, pd.DataFrame, World]) -> None:
    _, found, _ = told
    numbers = found[found["change"].notna() & (found["change"] != 0)]
    sums = numbers.groupby("address").agg(
        parts=("part", "sum"), reversed=("part_reversed", "sum"), change=("change", "first")
    )
    assert len(sums) > 300
    assert sums["parts"].tolist() == pytest.approx(sums["change"].tolist(), rel=1e-9, abs=1e-6)
    assert sums["reversed"].tolist() == pytest.approx(sums["change"].tolist(), rel=1e-9, abs=1e-6)


def test_ends_of_the_news_are_the_editions_of_both_dates(told: tuple[str, pd.DataFrame, World]) -> None:
    """The value after is what the warehouse of today, which knows no later vintage, printed."""
    _, found, world = told
    printed = world.read("marts.assessments", "ARM").set_index("address")["value"]
    after = found[found["value_after"].notna()].drop_duplicates("address").set_index("address")["value_after"]
    assert len(after) > 300 and printed[after.index].tolist() == after.tolist()


def test_news_name_the_source_its_vintages_and_the_figures(told: tuple[str, pd.DataFrame, World]) -> None:
    text, found, _ = told
    steps = found.dropna(subset=["step"]).drop_duplicates("step").set_index("step")
    assert steps.loc["arm_gdp_quarter", ["vintage_before", "vintage_after"]].tolist() == [
        "2024-06-10",
        "2026-02-28",
    ]
    employment = found[found["address"] == "T2.REP_T.employment"].iloc[0]
    assert (employment["period_before"], employment["period_after"]) == ("2020", "2023")
    assert employment["step"] == "ilo_emp_age_reported" and "another source is preferred" in employment["why"]
    assert re.search(r"EMP ARM 2020: 1,364,1\d\d to 1,236,5\d\d PS", employment["inputs"])
    total = found[found["address"] == "T5._T.2030"].iloc[0]
    assert "behind the pooled model" in total["why"]
    assert text.replace("\n", " ").count("from which the forecast model and its intervals learn") == 1
    assert "e+0" not in text and "+0.0 %" not in text and "-0.0 %" not in text
    assert "how they split depends on this order" in text.replace("\n", " ")
    assert "over both orders" in text and "T5._T.2030" in text


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (("2026-06-30", "2025-12-31"), "must lie before"),
        (("2026-06-01", "2026-06-30"), "no file in the warehouse has a vintage after"),
        (("yesterday", "2026-06-30"), "is not a date"),
    ],
)
def test_dates_without_news_are_told(world: World, dates: tuple[str, str], words: str) -> None:
    outcome = run_lma("news", "ARM", "--from", dates[0], "--to", dates[1], folder=world.folder)
    assert outcome.code != 0 and words in outcome.err and "Traceback" not in outcome.err


def test_steps_follow_the_dates_of_the_vintages(told: tuple[str, pd.DataFrame, World]) -> None:
    _, found, _ = told
    order = found.dropna(subset=["position", "vintage_after"]).drop_duplicates("step").sort_values("position")
    assert all(one <= two for one, two in pairwise(order["vintage_after"])) and len(order) >= 2


def test_no_copy_is_left_behind(told: tuple[str, pd.DataFrame, World]) -> None:
    assert not list(Path(told[2].folder).rglob("lma-news-*"))

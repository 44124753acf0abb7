"""Migration and development (T17). Golden cases by hand: tests/cases/development/<nn_scenario>/."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lma.assessment.cells import Lineage
from lma.assessment.development import DEVELOPMENT_COLUMNS, development_table
from lma.contracts import Country, Zone, rule_set, table_contract
from lma.migration.development import Evidence, list_development
from lma.migration.diaspora import ABROAD, list_stock
from lma.migration.lines import Line
from lma.migration.remittances import RECEIVED, list_money, pair_vintages
from lma.migration.returns import count_seats, list_returns

CASES = sorted((Path(__file__).parent / "cases" / "development").iterdir())
RULES = rule_set("development")


def complete(rows: pd.DataFrame, table: str, **defaults: object) -> pd.DataFrame:
    """The rows with every column of the table; what they lack gets the default."""
    columns = table_contract(table).column_names
    return rows.assign(**{name: defaults.get(name) for name in columns if name not in rows})[columns]


def read_rows(folder: Path, name: str) -> pd.DataFrame:
    path = folder / name
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()


def observe(rows: pd.DataFrame, table: str = "marts.observations", file: str = "a") -> pd.DataFrame:
    values = pd.to_numeric(rows["obs_value"]) if len(rows) else []
    ids = [f"{file}:{number}" for number in range(len(rows))]
    return complete(
        rows.assign(obs_value=values, observation_id=ids), table, basis="reported", is_break=False, sex="_T", age="_T", freq="A",
        economic_activity="_T", occupation="_T", citizenship="_T", obs_status="A", as_of=dt.date(2025, 1, 1), unit_measure="USD",
    )  # fmt: skip


def build_evidence(folder: Path, area: str) -> Evidence:
    balances = read_rows(folder, "balances_in.csv")
    if len(balances):
        ids = [f"B:{row}" for row in range(len(balances))]
        balances = balances.assign(value=pd.to_numeric(balances["q50"]), balance_id=ids, ref_area=area)
    shortages = read_rows(folder, "shortages_in.csv")
    if len(shortages):
        ids = "S:" + shortages["economic_activity"]
        shortages = shortages.assign(value=pd.to_numeric(shortages["value"]), shortage_id=ids, ref_area=area)
    decisions = read_rows(folder, "decisions_in.csv")
    if len(decisions):
        numbers = {name: pd.to_numeric(decisions[name]) for name in ("value_low", "value_high")}
        ids = "D:" + decisions["economic_activity"]
        decisions = decisions.assign(**numbers, decision_id=ids, ref_area=area, step_id="RESULT")
    corridors = read_rows(folder, "corridors_in.csv")
    if len(corridors):
        numbers = {name: pd.to_numeric(corridors[name]) for name in ("match_low", "match_high")}
        corridors = corridors.assign(
            **numbers, corridor_id=[f"C:{row}" for row in range(len(corridors))], ref_area=area
        )
    modelled = {"basis": "projection", "occupation": "_T"}
    return Evidence(
        observe(read_rows(folder, "observations_in.csv")),
        observe(read_rows(folder, "vintages_in.csv"), "staging.observations", "b"),
        complete(
            balances, "marts.balances", scenario="baseline", output_type="quantile", output_type_id="0.5", **modelled
        ),
        complete(shortages, "marts.shortages", method="rating", indicator="_SCORE", time_period="2030", **modelled),
        complete(decisions, "marts.decisions", **modelled),
        complete(corridors, "marts.corridors", **modelled),
    )  # fmt: skip


def read_country(folder: Path) -> tuple[Country, int]:
    case = dict(read_rows(folder, "case.csv").to_numpy())
    country = Country(ref_area=case["ref_area"], label=case["ref_area"], role=case["role"], partners=[])
    return country, int(case["as_of_year"])


def run_case(folder: Path) -> dict[str, Line]:
    country, year = read_country(folder)
    lines = list_development(country, year, build_evidence(folder, country.ref_area))
    found = {line.line_id: line for line in lines}
    assert len(found) == len(lines), "two lines with one id"
    return found


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden_case(folder: Path) -> None:
    found = run_case(folder)
    for expected in read_rows(folder, "lines_out.csv").to_dict("records"):
        line = found[expected["line_id"]]
        figures = {"value": line.figure, "women": line.women, "men": line.men, "share": line.share}
        for name, figure in figures.items():
            shown = None if figure is None else figure.value
            wanted = float(expected[name]) if expected[name] else None
            assert shown == (None if wanted is None else pytest.approx(wanted)), (line.line_id, name)
        assert line.code == expected["code"], line.line_id
        assert not line.code or line.reason, line.line_id


def test_cases_are_many_and_each_says_how_it_was_reckoned() -> None:
    assert len(CASES) >= 20
    assert all(dict(read_rows(folder, "case.csv").to_numpy())["by_hand"] for folder in CASES)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_every_row_of_the_table_has_a_figure_with_its_facts_or_a_reason_code(folder: Path) -> None:
    country, year = read_country(folder)
    evidence = build_evidence(folder, country.ref_area)
    leaves = {
        str(node): ("source", dt.date(2025, 1, 1))
        for frame in (evidence.observations, evidence.vintages)
        for node in frame["observation_id"]
    }
    marts = (
        evidence.balances["balance_id"],
        evidence.shortages["shortage_id"],
        evidence.decisions["decision_id"],
    )
    leaves |= {
        str(node): ("source", dt.date(2025, 1, 1))
        for ids in (*marts, evidence.corridors["corridor_id"])
        for node in ids
    }
    cells = development_table(country, f"{year}-11", evidence, Lineage(leaves, {}))
    assert cells.groupby("row_id").size().eq(len(DEVELOPMENT_COLUMNS)).all()
    table = cells.set_index(["row_id", "column_id"])
    for row in cells["row_id"].unique():
        has_figure = pd.notna(table.loc[(row, "value"), "value"])
        code = table.loc[(row, "code"), "text"]
        assert has_figure or code != "none", row
        facts = [table.loc[(row, name), "text"] for name in ("unit", "basis", "source")]
        assert all(facts) if has_figure else not any(facts), row
        empty = table.loc[row]
        assert empty.loc[empty["value"].isna() & empty["text"].isna(), "reason"].notna().all(), row


# ---------------------------------------------------------------- an independent oracle


ORACLE = """
    with senders as (select * from money where partner <> '_T'),
    total as (select value as total from money where partner = '_T'),
    ranked as (select *, row_number() over (order by value desc, partner) as place from senders where value > 0)
    select
        any_value(total) as total,
        any_value(total) - coalesce(sum(value) filter (where place <= 10), 0) as rest,
        sum(power(value / total, 2)) as hhi,
        100 * max(value) / any_value(total) as top
    from total left join ranked on true"""

AREAS = ["RUS", "USA", "FRA", "DEU", "GEO", "ESP", "GRC", "KAZ", "POL", "ITA", "UKR", "ARE", "QAT", "IND"]
AMOUNTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=len(AREAS))


def make_money(amounts: list[int], other: int) -> pd.DataFrame:
    """Remittances of Armenia from some countries and others not itemised, and its GDP."""
    rows = [
        {"counterpart_area": area, "obs_value": value} for area, value in zip(AREAS, amounts, strict=False)
    ]
    rows += [{"counterpart_area": "_T", "obs_value": sum(amounts) + other}]
    money = pd.DataFrame(rows).assign(indicator="REMIT")
    gdp = pd.DataFrame([{"counterpart_area": "_Z", "obs_value": 123_456, "indicator": "GDP"}])
    frame = pd.concat([money, gdp]).assign(ref_area="ARM", time_period="2023", source_id="bank")
    return observe(frame.reset_index(drop=True))


def values(lines: list[Line]) -> dict[str, float]:
    return {line.line_id: line.figure.value for line in lines if line.figure is not None}


def test_money_agrees_with_a_second_computation_in_sql() -> None:
    random = np.random.default_rng(5)
    for _ in range(10):
        amounts = random.integers(1, 10_000, random.integers(1, len(AREAS) + 1)).tolist()
        frame = make_money(amounts, int(random.integers(0, 5_000)))
        found = values(list_money(frame, "ARM", 2026, RECEIVED, RULES))
        money = frame.loc[frame["indicator"] == "REMIT", ["counterpart_area", "obs_value"]]
        with duckdb.connect() as connection:
            connection.register("money", money.set_axis(["partner", "value"], axis=1))
            total, rest, hhi, top = connection.execute(ORACLE).fetchall()[0]
        names = ("REMIT_IN_T", "REMIT_IN_REST", "REMIT_IN_HHI", "REMIT_IN_TOP")
        assert [found[name] for name in names] == pytest.approx([total, rest, hhi, top])
        assert found["REMIT_IN_GDP"] == pytest.approx(100 * total / 123_456)


# ---------------------------------------------------------------- properties


@settings(max_examples=25, deadline=None)
@given(AMOUNTS, st.integers(0, 5_000), st.randoms(use_true_random=False))
def test_senders_and_the_others_conserve_the_total_in_any_order(
    amounts: list[int], other: int, random: object
) -> None:
    frame = make_money(amounts, other)
    lines = list_money(frame, "ARM", 2026, RECEIVED, RULES)
    parts = [line for line in lines if line.line_id.split("_")[-1] in {*AREAS, "REST"}]
    assert sum(line.figure.value for line in parts if line.figure) == pytest.approx(sum(amounts) + other)
    assert sum(line.share.value for line in parts if line.share) == pytest.approx(100)
    shuffled = frame.sample(frac=1, random_state=random.randint(0, 99))  # type: ignore[attr-defined]
    assert values(list_money(shuffled, "ARM", 2026, RECEIVED, RULES)) == pytest.approx(values(lines))


@settings(max_examples=25, deadline=None)
@given(AMOUNTS, st.integers(0, 5_000), st.integers(2, 1_000))
def test_shares_do_not_depend_on_the_unit_of_money(amounts: list[int], other: int, factor: int) -> None:
    frame = make_money(amounts, other)
    scaled = frame.assign(obs_value=frame["obs_value"] * factor)
    first, second = (values(list_money(one, "ARM", 2026, RECEIVED, RULES)) for one in (frame, scaled))
    for name in ("REMIT_IN_GDP", "REMIT_IN_HHI", "REMIT_IN_TOP"):
        assert second[name] == pytest.approx(first[name])
    assert 0 <= first["REMIT_IN_HHI"] <= 1


def make_stocks(by_country: list[tuple[int, int]], other: tuple[int, int]) -> pd.DataFrame:
    """Emigrants of Armenia by destination and sex, with the world total."""
    pairs = [*zip(AREAS, by_country, strict=False)]
    women, men = (sum(pair[sex] for pair in by_country) + other[sex] for sex in (0, 1))
    rows = [
        {"ref_area": area, "sex": sex, "obs_value": value}
        for area, (f, m) in [*pairs, ("WLD", (women, men))]
        for sex, value in (("F", f), ("M", m), ("_T", f + m))
    ]
    frame = pd.DataFrame(rows).assign(
        indicator="MIG_STOCK", counterpart_area="ARM", time_period="2019", source_id="un", basis="modelled_estimate"
    )  # fmt: skip
    return observe(frame)


PERSONS = st.tuples(st.integers(1, 10_000), st.integers(1, 10_000))


@settings(max_examples=25, deadline=None)
@given(st.lists(PERSONS, min_size=1, max_size=len(AREAS)), st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_emigrants_add_up_over_countries_and_over_sexes(
    by_country: list[tuple[int, int]], other: tuple[int, int]
) -> None:
    lines = [
        line for line in list_stock(make_stocks(by_country, other), "ARM", 2026, ABROAD, RULES) if line.figure
    ]
    total, parts = lines[0], lines[1:]
    for name in ("figure", "women", "men"):
        assert sum(getattr(line, name).value for line in parts) == pytest.approx(getattr(total, name).value)
    for line in lines:
        assert line.women.value + line.men.value == pytest.approx(line.figure.value)  # type: ignore[union-attr]


@settings(max_examples=25, deadline=None)
@given(PERSONS, st.integers(0, 100), st.integers(0, 100))
def test_more_returns_never_need_fewer_jobs_and_sexes_add_up(
    persons: tuple[int, int], women: int, men: int
) -> None:
    rates = pd.DataFrame({"sex": ["F", "M"], "obs_value": [women, men]}).assign(
        indicator="LFPR", ref_area="ARM", counterpart_area="_Z", time_period="2024", source_id="ilo", unit_measure="PC"
    )  # fmt: skip
    frame = pd.concat([make_stocks([persons], (0, 0)), observe(rates, file="r")], ignore_index=True)
    balances = pd.DataFrame(columns=table_contract("marts.balances").column_names)
    found = {line.line_id: line for line in list_returns(frame, "ARM", 2026, balances, RULES)}
    jobs = [found[f"RETURN_{level}_JOBS"] for level in ("LOW", "MIDDLE", "HIGH")]
    amounts = [line.figure.value for line in jobs if line.figure]
    assert amounts == sorted(amounts) and len(amounts) == 3
    for line in jobs:
        assert line.women.value + line.men.value == pytest.approx(line.figure.value)  # type: ignore[union-attr]
    assert {found[f"RETURN_{level}_PC"].code for level in ("LOW", "MIDDLE", "HIGH")} == {"NO_BALANCE"}


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1e6), st.floats(1, 100))
def test_seats_are_enough_and_not_one_too_many(persons: float, completion: float) -> None:
    seats = count_seats(persons, completion)
    assert seats * completion / 100 >= persons - 1e-6
    assert seats == 0 or (seats - 1) * completion / 100 < persons


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 999), st.integers(1, 999)), min_size=12, max_size=12))
def test_a_revision_is_the_later_year_less_the_earlier(months: list[tuple[int, int]]) -> None:
    rows = [
        {"time_period": f"2023-{month:02d}", "as_of": as_of, "obs_value": value}
        for month, pair in enumerate(months, start=1)
        for as_of, value in zip(("2024-01-31", "2024-06-28"), pair, strict=True)
    ]
    frame = pd.DataFrame(rows).assign(
        indicator="TRANSFERS_IN", ref_area="ARM", counterpart_area="_T", freq="M", source_id="bank"
    )
    (pair,) = pair_vintages(observe(frame, "staging.observations"), "ARM", 2026)
    assert pair.later.value - pair.earlier.value == sum(new - old for old, new in months)
    assert pair.n_differ == sum(new != old for old, new in months)
    assert (pair.largest is None) == (pair.n_differ == 0)


# ---------------------------------------------------------------- what is beside the figures


def test_foreign_workers_of_a_zone_stand_beside_the_outflow() -> None:
    rows = pd.DataFrame(
        [{"citizenship": code, "obs_value": value} for code, value in (("_T", 28_434), ("FOR", 13_499))]
    ).assign(
        indicator="EMP", ref_area="MUS", counterpart_area="_Z", economic_activity="EOE", time_period="2025-Q3", freq="Q", source_id="mus",
    )  # fmt: skip
    zone = Zone(economic_activity="EOE", label="Export oriented enterprises")
    country = Country(ref_area="MUS", label="Mauritius", role="destination", partners=[], zones=[zone])
    empty = build_evidence(Path("nowhere"), "MUS")
    evidence = Evidence(
        observe(rows), empty.vintages, empty.balances, empty.shortages, empty.decisions, empty.corridors
    )
    found = {line.line_id: line for line in list_development(country, 2026, evidence)}
    line = found["RECRUITED_EOE"]
    assert line.figure is not None and line.figure.value == 13_499
    assert line.share is not None and line.share.value == pytest.approx(47.4749, abs=1e-4)
    assert found["DEPARTURES"].code == "NO_DEPARTURES" and found["STUDENTS_IN"].code == "NO_STUDENT_FIGURES"


def test_figures_of_later_years_are_not_known_yet() -> None:
    frame = make_money([60, 40], 0)
    assert [line.code for line in list_money(frame, "ARM", 2022, RECEIVED, RULES)] == ["NO_REMITTANCES"]


def test_assumed_returns_are_in_order_and_each_has_a_reference() -> None:
    rates = [RULES.thresholds[f"return_rate_{level}"] for level in ("low", "middle", "high")]
    assert [rate.value for rate in rates] == sorted(rate.value for rate in rates)
    assert all(
        threshold.reference and threshold.minimum is not None for threshold in RULES.thresholds.values()
    )


def test_what_could_not_be_rated_is_not_counted_as_assessed() -> None:
    folder = next(one for one in CASES if one.name.startswith("17_"))
    assert "of 4 assessed" in run_case(folder)["SHORT_AT_HOME"].step


def test_the_words_beside_the_jobs_name_the_rates_that_were_used() -> None:
    folder = next(one for one in CASES if one.name.startswith("10_"))
    step = run_case(folder)["RETURN_MIDDLE_JOBS"].step
    assert "participation of women 50.0 % (2024" in step and "men 80.0 % (2024" in step


def test_vintages_after_the_date_asked_for_are_not_read() -> None:
    from types import SimpleNamespace

    from flows.assess import keep_known

    rows = pd.DataFrame(
        {
            "source_id": ["a", "a", "b"],
            "as_of": [dt.date(2024, 1, 31), dt.date(2024, 6, 28), dt.date(2024, 6, 28)],
        }
    )
    request = SimpleNamespace(as_of=dt.date(2024, 3, 1), bounds={"b": dt.date(2024, 12, 31)})
    assert keep_known(SimpleNamespace(request=request), rows).index.tolist() == [0, 2]  # type: ignore[arg-type]
    everything = SimpleNamespace(request=SimpleNamespace(as_of=None, bounds={}))
    assert len(keep_known(everything, rows)) == 3  # type: ignore[arg-type]
    assert keep_known(everything, rows.head(0)).empty  # type: ignore[arg-type]

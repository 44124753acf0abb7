"""T14 and T15: what figures say against themselves, in numbers and in words."""

from __future__ import annotations

import datetime as dt
import json
import re

import numpy as np
import pandas as pd
import pytest
from observation_builder import observations
from world_builder import COUNTRIES, World

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.findings import (
    collect_findings,
    find_growth_across,
    finding_table,
    mark_suspected,
)
from lma.assessment.quality import list_failing_checks, list_wide_pairs, word_suspected
from lma.assessment.statement import CONCEPTS, statement_table
from lma.breaks import find_level_shifts
from lma.coherence import CONFLICT_COLUMNS
from lma.contracts import rule_set, table_contract

BOTH = pytest.mark.parametrize("ref_area", COUNTRIES)
NO_CONFLICTS = pd.DataFrame(columns=list(CONFLICT_COLUMNS))
NO_REVISIONS = pd.DataFrame(columns=table_contract("marts.revisions").column_names)


def shifted(year: str = "2018", **constant: str) -> pd.DataFrame:
    """A steady series of sixteen years that moves by a half in one of them, for good."""
    years = [str(year) for year in range(2009, 2025)]
    values = [500_000 * 1.01**n * (1.5 if name >= year else 1) for n, name in enumerate(years)]
    rows = observations(
        *(
            {"time_period": name, "obs_value": value, **constant}
            for name, value in zip(years, values, strict=True)
        )
    )
    return rows.assign(basis_kind="reported", is_break=False)


def lineage_of(rows: pd.DataFrame) -> Lineage:
    return Lineage({node: ("survey", dt.date(2025, 1, 31)) for node in rows["observation_id"]}, {})


def growth(window: int, year: str) -> dict[str, object]:
    return {
        "indicator_id": f"I:{window}:{year}", "indicator": f"EMP_GROWTH_{window}Y", "ref_area": "MUS", "sex": "_T",
        "economic_activity": "C", "basis_kind": "reported", "time_period": year, "value": 1.0,
    }  # fmt: skip


def test_growth_across_a_suspicion_is_marked_and_other_growth_is_not() -> None:
    shifts = find_level_shifts(shifted(), rule_set("breaks"))
    rates = pd.DataFrame(
        [growth(5, "2020"), growth(1, "2018"), growth(1, "2020"), growth(5, "2023"), growth(5, "2017")]
    )
    assert find_growth_across(shifts, rates) == {"I:5:2020", "I:1:2018"}
    assert find_growth_across(shifts.assign(is_declared=True), rates) == set()


def test_the_mark_reaches_a_cell_one_step_further_and_changes_nothing_in_place() -> None:
    rows = shifted()
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    first = rows.loc[rows["time_period"] == "2018", "observation_id"].item()
    cells = pd.DataFrame(
        {
            "inputs": [["I:5:2020"], ["S:1"], ["I:1:2020"], ["I:5:2020"], [first], [first]],
            "footnotes": [[], ["N_X"], [], [], [], []],
            "value": [1.0, 2.0, 3.0, np.nan, 4.0, 4.0],
            "table_id": ["T2", "T4", "T2", "T2", "T1", "T15"],
        }
    )
    lineage = Lineage({}, {"S:1": ["I:5:2020"]})
    marked = mark_suspected(cells, findings, pd.DataFrame([growth(5, "2020"), growth(1, "2020")]), lineage)
    assert marked["footnotes"].tolist() == [
        ["N_SUSPECTED"],
        ["N_X", "N_SUSPECTED"],
        [],
        [],
        ["N_SUSPECTED"],
        [],
    ]
    assert cells["footnotes"].tolist() == [[], ["N_X"], [], [], [], []]


def test_a_suspicion_is_shown_with_its_figures_and_said_of_its_source() -> None:
    rows = shifted("2020")
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    cells = finding_table("MUS", findings, lineage_of(rows)).set_index("address")
    at = "T15.SHIFT_EMP_reported_survey_2020_level_shift"
    assert cells.loc[f"{at}.found", "value"] == cells.loc[f"{at}.checked", "value"] == 1
    assert cells.loc[f"{at}.largest", "value"] == pytest.approx(50)
    assert "2020 is a year in which many countries" in cells.loc[f"{at}.finding", "text"]
    assert "Employment, Manufacturing, 2020: 552,311 in 2019, then" in cells.loc[f"{at}.example", "text"]
    assert "with a note" not in cells.loc[f"{at}.finding", "text"]
    assert set(cells.loc[f"{at}.found", "inputs"]) <= set(rows["observation_id"])
    text, ids = word_suspected(findings)["survey"]
    assert "1 of its series, 2020" in text and len(ids) == 2


@pytest.mark.parametrize(("year", "is_said"), [("2020", True), ("2024", False)])
def test_growth_across_is_said_only_where_t2_shows_it(year: str, is_said: bool) -> None:
    rows = shifted()
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    cells = finding_table("MUS", findings, lineage_of(rows), pd.DataFrame([growth(5, year)]))
    text = cells.set_index("address")["text"]["T15.SHIFT_EMP_reported_survey_2018_level_shift.finding"]
    assert ("is shown in T2 with a note" in text) == is_said


def test_part_within_its_whole_shows_how_close_it_comes() -> None:
    """Labour force and population as the publishers give them for two years of Mauritius."""
    figures = [
        {"indicator": name, "economic_activity": "_T", "time_period": year, "obs_value": value}
        for name, year, value in (
            ("LF", "1991", 458_343), ("POP", "1991", 1_070_266), ("LF", "2019", 600_000), ("POP", "2019", 1_265_000),
        )
    ]  # fmt: skip
    rows = observations(*figures).assign(basis_kind="modelled", is_break=False)
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    said = finding_table("MUS", findings, lineage_of(rows)).set_index("address")
    at = "T15.COH_labour_force_population"
    assert said.loc[f"{at}.finding", "text"] == "All 2 hold: no part is larger than its whole."
    assert said.loc[f"{at}.example", "text"] == (
        "Labour force, 2019 (modelled): 600,000 against 1,265,000 (closest to the limit: 47.4 % of it)"
    )
    assert said.loc[f"{at}.largest", "symbol"] == "[z]"


def test_pairs_that_agree_are_counted_and_are_no_conflicts() -> None:
    base = {
        **{name: "_T" for name in CONFLICT_COLUMNS}, "ref_area": "MUS", "indicator": "EMP", "economic_activity": "C",
        "unit_measure": "PS", "source_id": "a", "basis": "reported", "other_basis": "reported", "obs_value": 100.0,
    }  # fmt: skip
    pairs = [("b", "2020", 100.0), ("b", "2021", 101.0), ("c", "2021", 130.0)]
    conflicts = pd.DataFrame(
        [
            base
            | {
                "other_source_id": other, "time_period": year, "other_value": value, "relative_difference": value - 100,
                "observation_id": f"a:{year}", "other_observation_id": f"{other}:{year}",
            }
            for other, year, value in pairs
        ]
    )  # fmt: skip
    findings = collect_findings(shifted().head(3), conflicts, NO_REVISIONS)
    known = {
        node: ("s", dt.date(2025, 1, 31))
        for name in ("", "other_")
        for node in conflicts[f"{name}observation_id"]
    }
    cells = finding_table("MUS", findings, Lineage(known, {})).set_index("address")
    rows = cells["row_id"].unique().tolist()
    assert rows == ["CELLS", "AGREE", "PAIR_EMP_a_c"]
    assert cells.loc[["T15.CELLS.checked", "T15.CELLS.found"], "value"].tolist() == [2, 1]
    assert "0 of them are copies" in cells.loc["T15.AGREE.finding", "text"]
    assert cells.loc["T15.AGREE.checked", "value"] == 2 and cells.loc["T15.AGREE.found", "value"] == 0
    assert (
        "1 pair(s) of sources differ in no cell by more than 5 %: a and b (EMP)"
        in cells.loc["T15.AGREE.finding", "text"]
    )
    example = cells.loc["T15.PAIR_EMP_a_c.example", "text"]
    assert example == "Employment, Manufacturing, 2021: 100 (a, reported) and 130 (c, reported)"


@pytest.mark.parametrize(
    ("missing", "words"),
    [(0.0, "none in any table used (T11)"), (2.5, "at most 2.5 % of a table's cells (T11.survey.missing)")],
)
def test_statement_counts_what_is_missing_refused_and_released(missing: float, words: str) -> None:
    lineage = lineage_of(shifted())
    table = TableCells(
        "MUS", "T11", [Key(name, name) for name in ("missing", "quarantined", "released")], lineage
    )
    ids = list(lineage.leaves)[:1]
    for column, value in (("missing", missing), ("quarantined", 3), ("released", 2)):
        table.number(Key("survey", "survey"), column, value, "NR", "reported", ids, "counted")
    said, addresses = CONCEPTS[Key("ACCURACY", "Accuracy and reliability")](table.frame())
    assert words in " ".join(said)
    assert (
        "5 rows of the files used broke a contract: 3 in quarantine, 2 released by a reviewer (T11)." in said
    )
    assert "T11.survey.released" in addresses


def test_nothing_to_compare_is_said() -> None:
    rows = shifted().head(3)
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    cells = finding_table("MUS", findings, lineage_of(rows))
    assert set(cells["row_id"]) == {"NONE"} and set(cells["symbol"]) == {"[x]"}
    assert list_wide_pairs(findings) == list_failing_checks(findings) == []


def test_identities_that_hold_and_that_fail() -> None:
    sexes = [{"sex": sex, "obs_value": value} for sex, value in (("M", 60), ("F", 50), ("_T", 100))]
    rows = observations(*({"economic_activity": "_T", **row} for row in sexes)).assign(
        basis_kind="reported", is_break=False
    )
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    cells = finding_table("MUS", findings, lineage_of(rows)).set_index("address")
    assert cells.loc["T15.COH_sexes.found", "value"] == 1
    assert cells.loc["T15.COH_sexes.largest", "value"] == pytest.approx(10)
    assert cells.loc["T15.COH_sexes.example", "text"] == (
        "Employment, 2024 (reported): 110 against 100 (+10.0 %)"
    )
    assert cells.loc["T15.COH_sexes.finding", "text"].startswith("1 of 1 miss by more than 0.5 %")
    right = rows.assign(obs_value=rows["obs_value"].replace(100, 110))
    whole = finding_table("MUS", collect_findings(right, NO_CONFLICTS, NO_REVISIONS), lineage_of(rows))
    said = whole.set_index("address")["text"]
    assert said["T15.COH_sexes.finding"] == "All 1 hold within 0.5 %."
    failing = list_failing_checks(findings)
    assert [found.id for found in failing] == ["COHERENCE_sexes"]
    assert set(failing[0].inputs) == set(rows["observation_id"])


def test_a_statement_without_figures_still_says_what_is_not_assessed() -> None:
    """Only concepts that need no figure can be said of an edition of one table."""
    rows = shifted()
    findings = collect_findings(rows, NO_CONFLICTS, NO_REVISIONS)
    cells = finding_table("MUS", findings, lineage_of(rows))
    said, addresses = CONCEPTS[next(key for key in CONCEPTS if key.id == "TIMELINESS")](cells)
    assert said == ["Not assessed: no source holds anything but projections."] and addresses == []
    said, addresses = CONCEPTS[next(key for key in CONCEPTS if key.id == "COHERENCE")](cells)
    assert "suspected in 1 series" in " ".join(said)
    assert addresses == ["T15.SHIFT_EMP_reported_survey_2018_level_shift.found"]


# ---------------------------------------------------------------- the two countries


@pytest.fixture(scope="module")
def cells(world: World) -> dict[str, pd.DataFrame]:
    return {
        code: world.read("marts.assessments", code).set_index("address", drop=False) for code in COUNTRIES
    }


def test_break_of_armenia_2018_is_found_in_the_sample_without_its_declaration(world: World) -> None:
    """The corrections and the publisher's notes of that year taken away, the figures alone show it."""
    rows = world.read("marts.observations", "ARM")
    rows = rows.assign(is_break=rows["is_break"] & (rows["time_period"] != "2018"))
    found = find_level_shifts(rows, rule_set("breaks"))
    broken = found[(found["time_period"] == "2018") & (found["basis_kind"] == "reported")]
    activities = broken.loc[(broken["indicator"] == "EMP") & (broken["sex"] == "_T"), "economic_activity"]
    assert set(activities) == {"AGR", "CON", "MEL", "PUB"}
    assert not broken["is_declared"].any()
    agriculture = broken[(broken["economic_activity"] == "AGR") & (broken["sex"] == "_T")].iloc[0]
    assert (agriculture["previous_value"], agriculture["value"]) == (317111, 681420)
    assert agriculture["kind"] == "level_shift"


def test_declared_break_of_armenia_2018_is_not_suspected_again(cells: dict[str, pd.DataFrame]) -> None:
    rows = set(cells["ARM"].loc[cells["ARM"]["table_id"] == "T15", "row_id"])
    assert not [row for row in rows if re.match(r"SHIFT_(EMP|LFPR)_reported_ilo.*_2018", row)]
    assert cells["ARM"].loc["T15.DECLARED.found", "value"] >= 10


def test_known_conflict_of_agriculture_in_armenia_is_reported(cells: dict[str, pd.DataFrame]) -> None:
    row = "BASES_EMP_ilo_emp_activity_reported_ilo_emp_agr_total_modelled"
    text = cells["ARM"].loc[f"T11.{row}.finding", "text"]
    assert "Employment, Agriculture, 2017: 317,111 (ilo_emp_activity_reported" in text and "611,448" in text
    assert cells["ARM"].loc[f"T15.{row}.largest", "value"] == pytest.approx(100 * (611448 / 317111 - 1))
    assert len(cells["ARM"].loc[f"T15.{row}.largest", "inputs"]) == 2


def test_shares_of_two_vintages_are_not_comparable(cells: dict[str, pd.DataFrame]) -> None:
    armenia = cells["ARM"]
    assert armenia.loc["T15.COH_shares.found", "value"] == 0
    assert armenia.loc["T15.APART_shares.checked", "value"] == 54
    assert armenia.loc["T15.COH_shares.finding", "text"].startswith("None of 54 is comparable")
    assert armenia.loc["T15.COH_sexes.found", "value"] == 0
    assert set(armenia.loc[["T15.COH_shares.found", "T15.COH_sexes.checked"], "basis"]) == {"computed"}
    assert "T11.COHERENCE_shares.finding" not in armenia.index
    said = armenia.loc["T14.COHERENCE.statement", "text"]
    assert "Not comparable, because the vintages differ:" in said and "54 (T15.APART_shares.checked)" in said


@BOTH
def test_statement_quotes_cells_that_exist_with_their_figures(
    ref_area: str, cells: dict[str, pd.DataFrame]
) -> None:
    frame = cells[ref_area]
    said = frame[(frame["table_id"] == "T14") & (frame["column_id"] == "statement")]
    assert set(said["row_id"]) == {key.id for key in CONCEPTS}
    quoted = [
        pair
        for text in said["text"]
        for pair in re.findall(r"([\d,.]+)(?: %[^(\d]*)? \((T\d+\.[\w.]+)\)", text)
    ]
    assert len(quoted) >= 6
    for number, address in quoted:
        shown = frame.loc[address]
        assert number == (shown["text"] or f"{shown['value']:,.{int(shown['decimals'])}f}"), address
    assert said.loc[said["row_id"] == "COST", "text"].item().startswith("Not assessed")


@BOTH
def test_statement_rests_on_the_figures_of_the_cells_it_names(
    ref_area: str, cells: dict[str, pd.DataFrame]
) -> None:
    frame = cells[ref_area]
    body = frame[~frame["table_id"].isin(["T0", "T13", "T14"])].reset_index(drop=True)
    body = body.assign(table=body["table_id"].str[1:].astype(int)).sort_values(
        ["table", "row_order", "column_order"]
    )
    again = statement_table(ref_area, body, Lineage({}, {})).set_index("address")
    kept = frame[frame["table_id"] == "T14"]
    assert again.loc[kept["address"], "text"].tolist() == kept["text"].tolist()
    assert len(frame.loc["T14.TIMELINESS.statement", "inputs"]) > 10


@BOTH
def test_months_since_the_last_period_are_shown_per_source(
    ref_area: str, cells: dict[str, pd.DataFrame]
) -> None:
    frame = cells[ref_area]
    months = frame[(frame["table_id"] == "T11") & (frame["column_id"] == "months") & frame["value"].notna()]
    assert len(months) > 10 and (months["value"] >= 0).all() and set(months["unit_measure"]) == {"MO"}
    last = frame.loc[months["address"].str.replace(".months", ".last_period"), "text"]
    years = last.str[:4].astype(int).to_numpy()
    assert ((months["value"].to_numpy() - 12 * (2026 - years)) <= 6).all()


@BOTH
def test_conflicts_of_the_edition_are_described_and_traced(world: World, ref_area: str) -> None:
    folder = world.edition(ref_area)
    conflicts = pd.read_csv(folder / "source_conflicts.csv", float_precision="round_trip")
    assert tuple(conflicts.columns) == CONFLICT_COLUMNS and len(conflicts) > 100
    assert not conflicts.duplicated(
        ["observation_id", "source_id", "other_observation_id", "other_source_id"]
    ).any()
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    resource = next(r for r in described["resources"] if r["name"] == "source_conflicts")
    assert resource["rowCount"] == len(conflicts)
    assert [field["name"] for field in resource["schema"]["fields"]] == list(CONFLICT_COLUMNS)
    with world.open() as opened:
        asked = sorted({*conflicts["observation_id"], *conflicts["other_observation_id"]})
        nodes = opened.trace(asked)
    assert set(nodes["kind"]) == {"observation"}
    known = {(n.node_id, n.source_id): n.value for n in nodes.itertuples()}
    for side in ("", "other_"):
        value = "obs_value" if side == "" else "other_value"
        pairs = conflicts[[f"{side}observation_id", f"{side}source_id", value]].itertuples(
            index=False, name=None
        )
        assert all(known[(node, source_id)] == figure for node, source_id, figure in pairs)
    files = {source["hash"].removeprefix("sha256:") for source in described["sources"]}
    assert {*conflicts["snapshot_sha"], *conflicts["other_snapshot_sha"]} <= files

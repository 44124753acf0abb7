"""Past forecasts against what came: outcomes by vintage, scores, hindcasts, what is kept, and the command."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_builder import observations
from world_builder import EDITION, World

from lma import contracts, kept_forecasts
from lma.assessment.country import NOTES
from lma.errors import InputError
from lma.forecasting import hindsight
from lma.forecasting.combine import JUDGED_ALONE, WORSE_THAN_NAIVE

PRIORITIES = {"survey": 10, "census": 20, "model": 90}
KEPT_COLUMNS = contracts.table_contract("marts.past_forecasts").column_names
NO_BREAKS = pd.DataFrame(columns=contracts.table_contract("marts.observations").column_names)
LEVELS = {"0.025": 0.8, "0.1": 0.9, "0.5": 1.0, "0.9": 1.1, "0.975": 1.2}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def past(mean: float, *, activity: str = "C", target: str = "2021", model: str = "theta", origin_value: float = 1000.0,
         evidence: str = "published", as_of: str = "2021-03-31") -> pd.DataFrame:  # fmt: skip
    """Champion with quantiles of its mean x .8 to 1.2, and no change beside it, from 2020."""
    key = {
        "ref_area": "MUS", "indicator": "EMP", "sex": "_T", "economic_activity": activity, "basis_kind": "reported",
        "evidence": evidence, "as_of": day(as_of), "origin_date": "2020", "horizon": int(target) - 2020,
        "target_period": target, "unit_measure": "PS", "origin_value": origin_value, "activity_revision": "_Z" if activity == "_T" else "ISIC4",
        "source_id": "survey", "edition": "2021-03" if evidence == "published" else None, "step": "said", "inputs": ["a:1"],
    }  # fmt: skip
    rows = [
        key
        | {
            "role": "champion",
            "model_id": model,
            "output_type": "mean",
            "output_type_id": "_Z",
            "value": mean,
        }
    ]
    rows += [
        key | {"role": "champion", "model_id": model, "output_type": "quantile", "output_type_id": level, "value": mean * share}
        for level, share in LEVELS.items()
    ]  # fmt: skip
    rows.append(
        key
        | {
            "role": "naive",
            "model_id": "naive",
            "output_type": "mean",
            "output_type_id": "_Z",
            "value": origin_value,
        }
    )
    frame = pd.DataFrame(rows)
    ids = (
        frame[contracts.table_contract("marts.past_forecasts").primary_key].astype(str).agg(":".join, axis=1)
    )
    return frame.assign(past_forecast_id="P:" + ids)[KEPT_COLUMNS]


def vintage(as_of: str, figures: Mapping[str, float], **other: Any) -> list[dict[str, Any]]:
    return [{"as_of": day(as_of), "time_period": p, "obs_value": v, **other} for p, v in figures.items()]


def judge(kept: pd.DataFrame, *rows: dict[str, Any], breaks: pd.DataFrame = NO_BREAKS) -> pd.DataFrame:
    outcomes = hindsight.list_outcomes(kept, observations(*rows), breaks, PRIORITIES)
    scores = hindsight.score_past_forecasts(kept, outcomes)
    return scores[scores["horizon"] == 0].set_index(["economic_activity", "outcome"])


RESCALED = (
    *vintage("2022-03-31", {"2020": 1000.0, "2021": 1050.0}),
    *vintage("2023-03-31", {"2020": 2000.0, "2021": 2200.0}),
)
"""First 5 % of growth are published; a year later all levels are doubled and the growth is 10 %."""


# ---------------------------------------------------------------- scores by hand


def test_revised_levels_are_no_forecast_error_and_revised_growth_is_told_apart() -> None:
    scores = judge(past(1100.0), *RESCALED)
    first, latest = scores.loc[("C", "first")], scores.loc[("C", "latest")]
    assert (first["mae"], first["bias"], first["naive_mae"]) == (50, 50, 50)
    assert (latest["mae"], latest["bias"], latest["naive_mae"]) == (0, 0, 200)
    assert (first["skill"], latest["skill"]) == (0, 1)
    assert (first["growth_error"], latest["growth_error"]) == (5, 0)
    assert (first["revision_error"], first["revision_bias"], first["n_revised"]) == (5, 5, 1)
    assert (first["sign_hit"], first["models"], first["n_forecasts"]) == (1, "theta (1)", 1)


@pytest.mark.parametrize(("outcome", "inside_80", "inside_95"), [(950.0, 0, 1), (995.0, 1, 1), (800.0, 0, 0)])
def test_interval_is_carried_into_the_levels_of_the_outcome(
    outcome: float, inside_80: int, inside_95: int
) -> None:
    scores = judge(past(1100.0), *vintage("2022-03-31", {"2020": 2000.0, "2021": 2 * outcome}))
    first = scores.loc[("C", "first")]
    assert (first["coverage_80"], first["coverage_95"]) == (inside_80, inside_95)


def test_one_vintage_has_no_revision() -> None:
    latest = judge(past(1100.0), *RESCALED[:2]).loc[("C", "latest")]
    assert latest["n_revised"] == 0
    assert np.isnan(latest["revision_error"])


def test_sectors_together_are_judged_by_relative_growth_and_shares() -> None:
    kept = pd.concat([past(110.0, activity="A", origin_value=100.0), past(190.0, activity="B", origin_value=200.0),
                      past(103.0, activity="F", origin_value=100.0), past(403.0, activity="_T", origin_value=400.0)])  # fmt: skip
    figures = {"A": (100.0, 120.0), "B": (200.0, 208.0), "F": (100.0, 90.0), "_T": (400.0, 418.0)}
    rows = [
        row
        for code, (before, after) in figures.items()
        for row in vintage("2022-03-31", {"2020": before, "2021": after}, economic_activity=code)
    ]
    scores = judge(kept, *rows)
    together = scores.loc[("_S", "latest")]
    assert together["n_forecasts"] == 3
    assert together["rel_hit"] == pytest.approx(2 / 3, abs=1e-6)
    assert together["sign_hit"] == pytest.approx(1 / 3, abs=1e-6)
    assert together["dissimilarity"] == pytest.approx(0.040272, abs=1e-6)
    assert together["skill"] == pytest.approx(1 - 41 / 38, abs=1e-6)
    assert len(together["inputs"]) == 3
    assert np.isnan(scores.loc[("_T", "latest"), "rel_hit"])
    without_b = judge(kept, *[row for row in rows if row["economic_activity"] != "B"])
    assert np.isnan(without_b.loc[("_S", "latest"), "dissimilarity"]), "shares without one of the sectors"


def test_naive_champion_claims_no_direction() -> None:
    assert np.isnan(judge(past(1001.0, model="naive"), *RESCALED).loc[("C", "first"), "sign_hit"])


# ---------------------------------------------------------------- which figure is the outcome


def test_a_projection_of_the_publisher_is_no_outcome() -> None:
    rows = [
        *vintage("2021-06-30", {"2020": 1000.0, "2021": 1500.0}, basis="projection"),
        *vintage("2022-03-31", {"2020": 1000.0, "2021": 1050.0}, basis="modelled_estimate"),
    ]
    kept = past(1100.0).assign(basis_kind="modelled")
    assert judge(kept, *rows).loc[("C", "first"), "growth_error"] == 5


def test_a_source_with_less_priority_than_that_of_the_origin_never_counts() -> None:
    rows = [*vintage("2021-06-30", {"2020": 7.0, "2021": 9.0}, source_id="model"), *RESCALED]
    assert judge(past(1100.0), *rows).loc[("C", "first"), "growth_error"] == 5


def test_latest_outcome_is_of_the_source_of_the_first() -> None:
    later = vintage("2024-03-31", {"2020": 10.0, "2021": 20.0}, source_id="census")
    kept = past(1100.0).assign(source_id="census")
    assert judge(kept, *RESCALED, *later).loc[("C", "latest"), "growth_error"] == 0


def test_origin_may_stand_in_an_earlier_vintage_of_the_source() -> None:
    rows = [*vintage("2021-03-31", {"2020": 1000.0}), *vintage("2022-03-31", {"2021": 1050.0})]
    assert judge(past(1100.0), *rows).loc[("C", "first"), "growth_error"] == 5


def test_nothing_is_judged_without_origin_outcome_or_across_a_break() -> None:
    kept = past(1100.0)
    assert judge(kept, *vintage("2022-03-31", {"2021": 1050.0})).empty
    assert judge(kept, *vintage("2022-03-31", {"2020": 1000.0})).empty
    assert judge(kept, *vintage("2022-03-31", {"2020": 0.0, "2021": 1050.0})).empty
    broken = observations({"time_period": "2021"}).assign(
        basis_kind="reported", break_reason="publisher's flag B"
    )
    assert judge(kept, *RESCALED, breaks=broken).empty
    before, other = (
        broken.assign(time_period="2020"),
        broken.assign(break_reason="source changes from a to b"),
    )
    for harmless in (before, other):
        assert len(judge(kept, *RESCALED, breaks=harmless)) == 4


def test_total_is_the_same_in_every_classification() -> None:
    rows = [row | {"economic_activity": "_T", "activity_revision": "_Z"} for row in RESCALED]
    assert judge(past(1100.0, activity="_T"), *rows).loc[("_T", "first"), "growth_error"] == 5


FIGURES = st.floats(min_value=1, max_value=1e6)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(1, 2000), FIGURES, FIGURES, st.sampled_from(["survey", "model"])), max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_a_later_vintage_never_changes_a_score_by_the_first_outcome(
    later: list[tuple[int, float, float, str]], random: Any
) -> None:
    kept = past(1100.0)
    before = judge(kept, *RESCALED).loc[("C", "first")]
    added = {
        (source, days): vintage(
            str(day("2023-03-31") + dt.timedelta(days)), {"2020": y0, "2021": y1}, source_id=source
        )
        for days, y0, y1, source in later
    }
    rows = [*RESCALED, *(row for rows in added.values() for row in rows)]
    random.shuffle(rows)
    after = judge(kept, *rows).loc[("C", "first")]
    measures = ["mae", "naive_mae", "skill", "bias", "growth_error", "coverage_80", "coverage_95", "sign_hit"]
    assert list(after[measures]) == list(before[measures])


# ---------------------------------------------------------------- what is kept


def test_what_was_published_is_written_once_and_read_back_as_it_was(tmp_path: Path) -> None:
    rows, as_of = past(1100.0), day("2021-03-31")
    assert kept_forecasts.keep_published(tmp_path, "MUS", as_of, rows) == len(rows)
    assert kept_forecasts.keep_published(tmp_path, "MUS", as_of, past(1.0)) == 0
    pd.testing.assert_frame_equal(kept_forecasts.read_published(tmp_path, "MUS"), rows)
    assert kept_forecasts.read_published(tmp_path, "ARM").empty
    assert kept_forecasts.keep_published(tmp_path, "ARM", as_of, rows.head(0)) == 0


@pytest.mark.parametrize("text", ["{", "[]", '[{"value": 1}]'])
def test_damaged_record_names_itself(tmp_path: Path, text: str) -> None:
    path = kept_forecasts.record_path(tmp_path, "MUS", day("2021-03-31"))
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"MUS\.2021-03-31\.json is damaged"):
        kept_forecasts.read_published(tmp_path, "MUS")


def test_record_has_no_path_of_its_own_making(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no country"):
        kept_forecasts.record_path(tmp_path, "../MUS", day("2021-03-31"))


# ---------------------------------------------------------------- hindcasts


@pytest.fixture(scope="module")
def employment(world: World) -> pd.DataFrame:
    observed = world.read("marts.observations")
    return observed[observed["indicator"] == "EMP"]


def test_hindcast_sees_nothing_after_its_origin(employment: pd.DataFrame) -> None:
    later = employment["time_period"].str[:4] > "2018"
    changed = employment.assign(obs_value=employment["obs_value"].where(~later, employment["obs_value"] * 17))
    said = [hindsight.hindcast_cut(rows, {"MUS": [2018]}, 2) for rows in (employment, changed)]
    assert len(said[0]) > 100
    assert set(said[0]["origin_date"]) == {"2018"}
    pd.testing.assert_frame_equal(*said)


def test_origins_leave_an_outcome_that_is_no_projection(employment: pd.DataFrame) -> None:
    own = employment[
        (employment["ref_area"] == "MUS") & (employment["freq"] == "A") & employment["obs_value"].notna()
    ]
    last = int(own.loc[own["basis"] != "projection", "time_period"].max())
    assert hindsight.choose_origins(employment, "MUS", 5, 3) == [last - 7, last - 6, last - 5]
    assert hindsight.choose_origins(employment, "ZZZ", 5, 3) == []
    assert hindsight.hindcast_cut(employment, {"ZZZ": [2018]}, 5).empty


# ---------------------------------------------------------------- end to end


def test_every_run_keeps_what_it_publishes_and_scores_hindcasts(world: World) -> None:
    kept, scores = world.read("marts.past_forecasts", "MUS"), world.read("marts.past_forecast_scores", "MUS")
    published, forecasts = kept[kept["evidence"] == "published"], world.read("marts.forecasts", "MUS")
    assert set(published["edition"]) == {EDITION}
    assert len(published) == int(forecasts["value"].notna().sum())
    assert len(list((world.raw / "forecasts").glob("MUS.*.json"))) == 1
    assert set(scores["evidence"]) == {"hindcast_cut"}, "nothing published has an outcome yet"
    total = scores.query(
        "economic_activity == '_T' and basis_kind == 'modelled' and sex == '_T' and outcome == 'latest'"
    )
    assert total.set_index("horizon").loc[[1, 2, 3, 4, 5], "n_origins"].tolist() == [3] * 5


def test_one_score_by_hand_from_the_kept_rows_and_the_figures(world: World) -> None:
    series = {"economic_activity": "C", "sex": "_T", "basis_kind": "modelled"}
    query = " and ".join(f"{name} == {code!r}" for name, code in series.items())
    kept = world.read("marts.past_forecasts", "MUS").query(
        f"{query} and output_type == 'mean' and evidence == 'hindcast_cut'"
    )
    observed = world.read("marts.observations", "MUS").query(
        f"{query} and indicator == 'EMP' and freq == 'A' and activity_revision == 'ISIC4'"
    )
    figures = observed.set_index("time_period")["obs_value"]
    errors = {
        role: (rows["value"] - rows["target_period"].map(figures)).abs().mean()
        for role, rows in kept.groupby("role")
    }
    scores = world.read("marts.past_forecast_scores", "MUS").query(
        f"{query} and horizon == 0 and outcome == 'latest'"
    )
    assert scores["skill"].item() == pytest.approx(1 - errors["champion"] / errors["naive"], abs=1e-6)


def test_accuracy_annex_shows_hindcasts_beside_the_backtest(world: World) -> None:
    cells = world.read("marts.assessments", "MUS").query("table_id == 'T12'").set_index("address")
    scores = world.read("marts.past_forecast_scores", "MUS").set_index("past_score_id")
    shown = cells.loc["T12.HINDCAST_C.skill"]
    assert shown["value"] == scores.loc[shown["inputs"][0], "skill"]
    assert cells.loc["T12.HINDCAST_ALL_MODELLED.dissimilarity", "value"] > 0
    assert "no forecast has an outcome yet" in cells.loc["T12.PUBLISHED.skill", "reason"]
    assert cells.loc["T12.C.skill", "value"] == pytest.approx(1 - cells.loc["T12.C.mase_ratio", "value"])


def test_a_single_vintage_is_not_called_the_first_published(world: World) -> None:
    cells = world.read("marts.assessments", "MUS").query("table_id == 'T12'").set_index("address")
    shown = cells.loc["T12.HINDCAST_C.skill_first"]
    assert pd.isna(shown["value"]) and shown["reason"] == "the outcomes have one vintage only"


def test_headline_and_statement_give_the_coverage_of_backtest_and_hindcasts(world: World) -> None:
    cells = world.read("marts.assessments", "MUS").set_index("address")
    coverage = [cells.loc[f"T12.{row}.coverage_80"] for row in ("_T", "HINDCAST_T")]
    backtest, hindcasts = (f"{cell['value']:.0f} %" for cell in coverage)
    said = cells.loc["T0.S1.sentence"]
    assert (
        f"held {backtest} of outcomes in the backtest and {hindcasts} of outcomes in hindcasts"
        in said["text"]
    )
    assert {node for cell in coverage for node in cell["inputs"]} <= set(said["inputs"])
    assert (
        f"In hindcasts 80 % intervals of total employment held {hindcasts}"
        in cells.loc["T14.ACCURACY.statement", "text"]
    )


def test_candidates_say_on_how_many_origins_they_rest(world: World) -> None:
    cells = world.read("marts.assessments", "MUS").query("table_id == 'T12'").set_index("address")
    scores = world.read("marts.forecast_scores", "MUS").query("horizon == 0 and sex == '_T'")
    asked = scores.query("economic_activity == 'C' and basis_kind == 'modelled'").set_index("model_id")
    assert asked["n_origins"].nunique() > 1
    for model in ("engine", "auto_ets"):
        origins = asked.loc[model, "n_origins"]
        assert cells.loc[f"T12.C.ratio_{model}", "step"].endswith(f", {origins:.0f} origins")


def test_notes_state_the_rule_of_the_champion() -> None:
    assert f"over {WORSE_THAN_NAIVE} times as much" in NOTES["N_CHAMPION"]
    assert f"at {JUDGED_ALONE} or more origins" in NOTES["N_CHAMPION"]


def test_score_is_traced_to_the_publishers_rows(world: World) -> None:
    outcome = world.lma("trace", "MUS", "T12.HINDCAST_C.skill")
    assert outcome.code == 0, outcome.err
    assert "past_forecast" in outcome.out
    assert "publisher's row" in outcome.out


@pytest.fixture(scope="module")
def judged(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A copy in which an edition of 2019 had published what the hindcast of 2018 says; what `lma evaluate` printed."""
    copy = world.copy_to(tmp_path_factory.mktemp("judged"))
    rows = world.read("marts.past_forecasts", "MUS").query(
        "evidence == 'hindcast_cut' and origin_date == '2018'"
    )
    said = rows.assign(evidence="published", edition="2019-02", as_of=day("2019-01-31"))
    said["past_forecast_id"] = said["past_forecast_id"].str.replace(
        ":hindcast_cut:", ":published:", regex=False
    )
    kept_forecasts.keep_published(copy.raw, "MUS", day("2019-01-31"), said)
    outcome = copy.lma("evaluate", "MUS", "--origins", 3)
    assert outcome.code == 0, outcome.err
    return copy, outcome.out


def test_what_an_edition_published_is_judged_years_later(judged: tuple[World, str]) -> None:
    copy, printed = judged
    scores = copy.read("marts.past_forecast_scores", "MUS").query(
        "economic_activity == 'C' and sex == '_T' and outcome == 'latest'"
    )
    found = scores.set_index(["evidence", "horizon"])
    assert found.loc[("published", 0), ["n_origins", "first_origin", "n_forecasts"]].tolist() == [
        1,
        "2018",
        5,
    ]
    assert found.loc[("hindcast_cut", 0), "n_forecasts"] == 15
    assert "published, modelled figures, origins 2018-2018" in printed
    assert "hindcast_cut, modelled figures" in printed
    assert "skill: 1 - error" in printed


def test_kept_forecasts_are_rebuilt_from_beside_the_landed_files(
    judged: tuple[World, str], tmp_path: Path
) -> None:
    copy, _ = judged
    records = sorted((copy.raw / "forecasts").glob("MUS.*.json"))
    assert len(records) == 2
    published = copy.read("marts.past_forecasts", "MUS").query("evidence == 'published'")
    assert len(published) == sum(len(json.loads(path.read_text(encoding="utf-8"))) for path in records)
    assert set(published["as_of"]) == {day(path.name.split(".")[1]) for path in records}


def test_evaluate_without_a_warehouse_or_a_country_says_what_to_do(world: World, tmp_path: Path) -> None:
    outcome = world.lma("evaluate", "MUS", "--warehouse", tmp_path / "none" / "lma.duckdb")
    assert outcome.code == 11
    assert "holds no figures yet" in outcome.err
    assert world.lma("evaluate", "XYZ").code == 2

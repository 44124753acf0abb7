"""Frames of the decision's golden cases: tests/cases/decision/<nn_scenario>/."""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd

from lma.contracts import Country, Evidence, Zone, rule_set, table_contract
from lma.migration.alternatives import Unit
from lma.migration.corridors import list_corridors
from lma.migration.decision import decide
from lma.migration.local_evidence import rate_origins
from lma.migration.pools import measure_pools
from lma.migration.steps import EarlierRating

CASES = sorted((Path(__file__).parent / "cases" / "decision").iterdir())


def complete(frame: pd.DataFrame, table: str, **defaults: object) -> pd.DataFrame:
    """A frame with every column of the table; what the case leaves out gets the default."""
    columns = table_contract(table).column_names
    missing = {name: defaults.get(name) for name in columns if name not in frame}
    return frame.assign(**missing)[columns]


def read_case(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def observe(frame: pd.DataFrame) -> pd.DataFrame:
    """Observations of a case, with ids numbered in file order."""
    known = frame.assign(
        obs_value=frame["obs_value"].astype(float),
        observation_id=[f"0123456789ab:{row}" for row in range(1, len(frame) + 1)],
    )
    return complete(
        known, "marts.observations", basis="reported", basis_kind="reported", source_id="case",
        is_break=False, as_of="2026-01-01", occupation="_T", counterpart_area="_Z", sex="_T", age="_T",
        economic_activity="_T", citizenship="_T", obs_status="A",
        **({} if "freq" in known else {"freq": "A"}),
    )  # fmt: skip


def build_balances(frame: pd.DataFrame, ref_area: str) -> pd.DataFrame:
    """Three quantile rows of the gap for each row of the case."""
    rows = [
        {
            "balance_id": f"B:{row['time_period']}:{level}", "ref_area": ref_area,
            "value": float(row[column]), "economic_activity": row["economic_activity"],
            "time_period": row["time_period"],
            "output_type_id": level,
        }
        for row in frame.to_dict("records")
        for level, column in (("0.1", "q10"), ("0.5", "q50"), ("0.9", "q90"))
    ]  # fmt: skip
    return complete(
        pd.DataFrame(rows), "marts.balances", scenario="baseline", occupation="_T", measure="GAP",
        output_type="quantile", unit_measure="PS", basis="projection",
    )  # fmt: skip


def build_shortages(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame.assign(
        value=pd.to_numeric(frame["value"]),
        points=pd.to_numeric(frame["value"]),
        rating=frame["rating"].replace("", None),
        shortage_id=[
            "S:" + ":".join(key)
            for key in frame[["ref_area", "economic_activity", "method", "indicator"]].to_numpy()
        ],
    )
    return complete(known, "marts.shortages", occupation="_T", basis="reported", unit_measure="IX")


def build_indicators(frame: pd.DataFrame, ref_area: str) -> pd.DataFrame:
    known = frame.assign(
        value=pd.to_numeric(frame["value"]),
        ref_area=ref_area,
        indicator_id=["I:" + row for row in frame["indicator"]],
    )
    return complete(
        known, "marts.indicators", sex="_T", counterpart_area="_Z", basis_kind="reported", basis="reported"
    )


def build_country(case: dict[str, str], evidence: list[Evidence] | None = None) -> Country:
    zones = [Zone(economic_activity=code, label=code) for code in case["zones"].split()]
    return Country(
        ref_area=case["ref_area"], label=case["ref_area"], role=case["role"],
        partners=case["partners"].split(), zones=zones, dependency_ceiling=float(case["dependency_ceiling"]),
        evidence=evidence or [],
    )  # fmt: skip


def read_evidence(folder: Path) -> list[Evidence]:
    """Evidence of the country file, where the case has some; empty fields are left out."""
    if not (folder / "evidence_in.csv").exists():
        return []
    rows = read_case(folder, "evidence_in.csv").to_dict("records")
    return [Evidence.model_validate({key: value for key, value in row.items() if value}) for row in rows]


def read_earlier(folder: Path) -> dict[str, list[EarlierRating]]:
    """Ratings of earlier assessments, where the case has some."""
    if not (folder / "earlier_in.csv").exists():
        return {}
    found: dict[str, list[EarlierRating]] = {}
    for activity, edition, rating in read_case(folder, "earlier_in.csv").to_numpy():
        found.setdefault(activity, []).append(EarlierRating(edition, rating))
    return found


@functools.cache
def run_case(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(decisions, corridors) of one case."""
    case = dict(read_case(folder, "case.csv").to_numpy())
    country, as_of_year = build_country(case, read_evidence(folder)), int(case["as_of_year"])
    observations = observe(read_case(folder, "observations_in.csv"))
    shortages = build_shortages(read_case(folder, "shortages_in.csv"))
    max_age = rule_set("decision").threshold("max_age")
    given = rate_origins(country.evidence, shortages, as_of_year, max_age)
    shortages = pd.concat([shortages, given]) if len(given) else shortages
    corridors = list_corridors(country, observations=observations, shortages=shortages, as_of_year=as_of_year)
    decisions = decide(
        country, as_of_year=as_of_year, shortages=shortages, observations=observations, corridors=corridors,
        balances=build_balances(read_case(folder, "balances_in.csv"), country.ref_area),
        indicators=build_indicators(read_case(folder, "indicators_in.csv"), country.ref_area),
        forecasts=pd.DataFrame(columns=table_contract("marts.forecasts").column_names),
        edition=case.get("edition"), earlier=read_earlier(folder),
    )  # fmt: skip
    return decisions, corridors


def build_unit(observations: pd.DataFrame, activity: str, **given: object) -> Unit:
    rules = rule_set("decision")
    pools = measure_pools(observations, "MUS", 2026, rules)
    return Unit(observations, "MUS", activity, 2026, rules, pools, **given)  # type: ignore[arg-type]

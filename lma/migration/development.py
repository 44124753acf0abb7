"""Migration and development of one country: T17 before it is laid out.

Who lives abroad and who came, the skilled among them, what is short at home, the young, what returns would
mean for jobs, and the training seats that the flagged flows imply. Whatever no source knows is a line with a
reason code. Nothing here enters a shortage score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from lma.contracts import Country, RuleSet, codelist, rule_set
from lma.migration.diaspora import ABROAD, ARRIVED, list_flows, list_stock
from lma.migration.evidence import (
    Figure,
    describe,
    order_newest_first,
    read_figure,
    select_figures,
)
from lma.migration.lines import SEXES, BySex, Line, add_up, combine, in_order, take_rate, take_share
from lma.migration.population import count_population
from lma.migration.remittances import RECEIVED, SENT, list_money, list_revisions
from lma.migration.returns import list_returns, list_training
from lma.migration.safeguards import SHORT

SKILLS, YOUTH = "Skills", "Young people"
INDICATORS = (
    "REMIT", "GDP", "MIG_STOCK", "EMP", "NET_MIG", "POP", "NEET_RT", "LFPR", "UNE_RT", "EMIGRANTS",
    "EMIGRANTS_EDU_",
)  # fmt: skip
"""Indicators read here; the last is the beginning of those by education."""
TERTIARY = ("EMIGRANTS_EDU_COLLEGE", "EMIGRANTS_EDU_POST_PART", "EMIGRANTS_EDU_POST")
NOT_KNOWN = ("EMIGRANTS_EDU_NR", "EMIGRANTS_EDU_NONE_YET")


@dataclass(frozen=True)
class Evidence:
    """The frames that T17 is made from; columns are those of the table contracts.

    ``vintages``: rows of staging.observations of the transfers, every vintage known to the run.
    """

    observations: pd.DataFrame
    vintages: pd.DataFrame
    balances: pd.DataFrame
    shortages: pd.DataFrame
    decisions: pd.DataFrame
    corridors: pd.DataFrame


def list_development(
    country: Country, as_of_year: int, evidence: Evidence, rules: RuleSet | None = None
) -> list[Line]:
    """Every line of T17 of one country, origin side first for an origin; never empty."""
    rules = rules or rule_set("development")
    code, frame = country.ref_area, evidence.observations
    wanted = frame["indicator"].isin(INDICATORS) | frame["indicator"].str.startswith(INDICATORS[-1])
    # Every figure here is the country's own or stands beside it: the rest of the world only costs time.
    observations = frame[wanted & ((frame["ref_area"] == code) | (frame["counterpart_area"] == code))]
    received = list_money(observations, code, as_of_year, RECEIVED, rules)
    received += list_revisions(evidence.vintages, code, as_of_year, rules)
    sent = list_money(observations, code, as_of_year, SENT, rules)
    abroad = list_stock(observations, code, as_of_year, ABROAD, rules)
    arrived = list_stock(observations, code, as_of_year, ARRIVED, rules)
    outward, inward = [*received, *abroad], [*arrived, *sent]
    sides = [*outward, *inward] if country.role == "origin" else [*inward, *outward]
    return [
        *sides,
        *list_flows(observations, country, as_of_year),
        *list_skills(observations, code, as_of_year, evidence.shortages),
        *list_youth(observations, code, as_of_year),
        *list_returns(observations, code, as_of_year, evidence.balances, rules),
        *list_training(country, evidence.decisions, evidence.corridors, rules),
    ]


# ---------------------------------------------------------------- skills


def list_skills(
    observations: pd.DataFrame, ref_area: str, as_of_year: int, shortages: pd.DataFrame
) -> list[Line]:
    """Education of the emigrants, and for each activity short at home what is known of the emigrants who could fill it."""
    return [
        _list_education(observations, ref_area, as_of_year),
        *_list_short_at_home(ref_area, shortages),
    ]


def _list_education(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> Line:
    """Share of registered emigrants with a college degree, among those whose education is known."""
    line = Line(
        "SKILLED_OUT", SKILLS, "Skilled outflow: college graduates among registered emigrants", "PS",
        "college graduate and above; share of those of schooling age whose education is known",
    )  # fmt: skip
    mask = (observations["ref_area"] == ref_area) & observations["indicator"].str.startswith(INDICATORS[-1])
    rows = observations[mask & observations["obs_value"].notna() & (observations["sex"] == "_T")]
    rows = rows[(rows["time_period"].str[:4].astype(int) <= as_of_year) & (rows["age"] == "_T")]
    known = rows[~rows["indicator"].isin(NOT_KNOWN)]
    newest = known[known["time_period"] == known["time_period"].max()] if len(known) else known
    if newest.empty or not newest["indicator"].isin(TERTIARY).any():
        reason = "no loaded source has the education or occupation of those who left"
        return replace(line, code="NO_EDUCATION_OF_EMIGRANTS", reason=reason)
    newest = order_newest_first(newest).drop_duplicates("indicator")
    figures = {str(row["indicator"]): read_figure(row) for _, row in newest.iterrows()}
    skilled = add_up(one for name, one in figures.items() if name in TERTIARY)
    return replace(line, figure=skilled, share=take_share(skilled, add_up(figures.values())))


def _list_short_at_home(ref_area: str, shortages: pd.DataFrame) -> list[Line]:
    mask = (shortages["ref_area"] == ref_area) & (shortages["method"] == "rating")
    rated = shortages[mask & (shortages["indicator"] == "_SCORE") & (shortages["economic_activity"] != "_T")]
    assessed = rated[rated["rating"].notna() & (rated["rating"] != "N")].sort_values("shortage_id")
    line = Line(
        "SHORT_AT_HOME", SKILLS, "Activities and occupations short at home", "NR",
        f"rated SHORTAGE or SEVERE, of {len(assessed)} assessed; WATCH is not counted",
        sex_reason="ratings are not by sex",
    )  # fmt: skip
    if assessed.empty:
        return [replace(line, code="NO_RATING", reason="no activity of this country could be rated (T3)")]
    short = assessed[assessed["rating"].isin(SHORT)]
    rows = [_rating_figure(row) for _, row in assessed.iterrows()]
    count = combine(float(len(short)), rows)
    note = (
        {} if len(short) else {"code": "NONE_SHORT", "reason": "nothing that could be rated is short at home"}
    )
    lines = [replace(line, figure=count, **note)]  # type: ignore[arg-type]
    return lines + [_describe_short(row) for _, row in short.iterrows()]


def _rating_figure(row: pd.Series) -> Figure:
    period = row["time_period"]
    return Figure(
        float(row["value"]) if pd.notna(row["value"]) else 0.0,
        "" if period is None or pd.isna(period) else str(period),
        str(row["basis"]),
        (str(row["shortage_id"]),),
    )


def _describe_short(row: pd.Series) -> Line:
    """One activity short at home: how many emigrants hold the skill is unknown without their occupations."""
    activity, occupation = str(row["economic_activity"]), str(row["occupation"])
    labels = codelist("economic_activities").set_index("code")["label_en"]
    name = str(labels.get(activity, activity)) + ("" if occupation == "_T" else f", occupation {occupation}")
    suffix = activity if occupation == "_T" else f"{activity}_{occupation}"
    return Line(
        f"SHORT_{suffix}", SKILLS, f"Emigrants who could return to: {name}", "PS",
        f"rated {row['rating']} at home (T3); a programme for the temporary return of qualified nationals would start here",
        code="NO_SKILLS_OF_EMIGRANTS", reason="no loaded source has the occupation or activity of the emigrants",
    )  # fmt: skip


# ---------------------------------------------------------------- the young


def list_youth(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> list[Line]:
    """Population of 15-24, those in neither work nor education, participation and unemployment, each by sex."""
    youth = {sex: count_population(observations, ref_area, as_of_year, sex, 15, 24) for sex in SEXES}
    rate = _find_by_sex(observations, ref_area, as_of_year, "NEET_RT")
    persons = {sex: take_rate(youth[sex], rate[sex]) for sex in SEXES}
    if persons["F"] is not None and persons["M"] is not None:
        persons["_T"] = add_up([persons["F"], persons["M"]])
    lines = [
        Line("YOUTH", YOUTH, "Population, ages 15-24", "PS", "age groups added up", *in_order(youth)),
        Line("NEET_RT", YOUTH, "Not in employment, education or training, ages 15-24", "PC", "as published", *in_order(rate), decimals=1),
        Line("NEET", YOUTH, "Not in employment, education or training, ages 15-24", "PS",
             f"population x rate of each sex, then added up; {describe('rate of both sexes', rate['_T'], 1, '%')}", *in_order(persons)),
        *(
            Line(f"{name}_Y", YOUTH, label, "PC", "as published", *in_order(_find_by_sex(observations, ref_area, as_of_year, name)), decimals=1)
            for name, label in (("LFPR", "Participation rate, ages 15-24"), ("UNE_RT", "Unemployment rate, ages 15-24"))
        ),
    ]  # fmt: skip
    codes = {
        "YOUTH": ("NO_POPULATION_BY_AGE", "no loaded source has the population by age"),
        "NEET_RT": ("NO_NEET_RATE", "no loaded source has this rate"),
        "NEET": ("NO_NEET_RATE", "the population of 15-24 or the rate is missing"),
        "LFPR_Y": ("NO_YOUTH_RATE", "no loaded source has this rate for the young"),
        "UNE_RT_Y": ("NO_YOUTH_RATE", "no loaded source has this rate for the young"),
    }
    return [
        line
        if line.figure is not None
        else replace(line, code=codes[line.line_id][0], reason=codes[line.line_id][1])
        for line in lines
    ]


def _find_by_sex(observations: pd.DataFrame, ref_area: str, as_of_year: int, indicator: str) -> BySex:
    """A rate of the young by sex, all of the period and source of the newest figure for both sexes."""
    found: BySex = dict.fromkeys(SEXES)
    both = order_newest_first(select_figures(observations, as_of_year, indicator, ref_area, age="Y15T24"))
    if both.empty:
        return found
    newest = both.iloc[0]
    for sex in SEXES:
        rows = select_figures(observations, as_of_year, indicator, ref_area, age="Y15T24", sex=sex)
        same = rows[
            (rows["time_period"] == newest["time_period"]) & (rows["source_id"] == newest["source_id"])
        ]
        found[sex] = None if same.empty else read_figure(order_newest_first(same).iloc[0])
    return found

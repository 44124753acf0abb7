"""What returns would mean for jobs at home, and the training seats that flagged flows imply, under stated assumptions."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lma.contracts import Country, RuleSet
from lma.migration.diaspora import ABROAD, find_stock_total
from lma.migration.evidence import Figure, describe, find_newest
from lma.migration.lines import SEXES, BySex, Line, add_up, combine, in_order, take_rate, take_share
from lma.migration.safeguards import area_names

RETURNS, TRAINING = "Return and reintegration", "Pre-departure training"
FLAGGED = "LABOUR_MIGRATION_OPTION"
_NO_SEX = "decisions and corridors are not by sex"


def list_returns(
    observations: pd.DataFrame, ref_area: str, as_of_year: int, balances: pd.DataFrame, rules: RuleSet
) -> list[Line]:
    """What three rates of return would mean: persons a year, jobs they would need, and those in per cent of the openings."""
    stock = find_stock_total(observations, ref_area, as_of_year, ABROAD)
    active = find_participation(observations, ref_area, as_of_year)
    openings = read_yearly_openings(balances, ref_area)
    line = Line(
        "OPENINGS", RETURNS, "Job openings a year at home, middle of the projection", "PS",
        "cumulated openings of the balance (T6) / years", openings, sex_reason="the balance is not by sex",
    )  # fmt: skip
    if openings is None:
        line = replace(line, code="NO_BALANCE", reason="the balance has no openings for this country (T6)")
    return [
        *(
            one
            for level in ("low", "middle", "high")
            for one in _list_return(level, rules.threshold(f"return_rate_{level}"), stock, active, openings)
        ),
        line,
    ]


def find_participation(observations: pd.DataFrame, ref_area: str, as_of_year: int) -> BySex:
    """Participation rate of 15 and over at home: by sex where women and men are known for one year and source."""
    found = {sex: find_newest(observations, as_of_year, "LFPR", ref_area, sex=sex) for sex in SEXES}
    women, men = found["F"], found["M"]
    if women is not None and men is not None and women.time_period != men.time_period:
        return found | {"F": None, "M": None}
    return found


def _list_return(
    level: str,
    rate: float,
    stock: BySex,
    active: BySex,
    openings: Figure | None,
) -> list[Line]:
    """Persons, jobs and burden of one assumption."""
    persons = {sex: _apply(stock[sex], rate) for sex in SEXES}
    jobs = count_jobs(persons, active)
    name = f"{rate:g} % of the emigrants come back in a year ({level})"
    head = f"RETURN_{level.upper()}"
    described = _describe_participation(active)
    lines = [
        Line(head, RETURNS, f"Returning persons if {name}", "PS", f"emigrants x {rate:g} %, an assumption", *in_order(persons)),
        Line(f"{head}_JOBS", RETURNS, f"Jobs sought if {name}", "PS",
             f"returning persons x participation at home by sex; all ages counted as of working age, so rather too many; {described}",
             *in_order(jobs)),
    ]  # fmt: skip
    lines = [
        one
        if one.figure is not None
        else replace(one, code="NO_STOCK" if stock["_T"] is None else "NO_PARTICIPATION",
                     reason="the emigrants or the participation rate are not known")
        for one in lines
    ]  # fmt: skip
    burden = Line(
        f"{head}_PC", RETURNS, f"Jobs sought if {name}, per cent of the yearly openings", "PC", "jobs / openings a year x 100",
        take_share(jobs["_T"], openings), sex_reason="the balance is not by sex", decimals=1,
    )  # fmt: skip
    if burden.figure is None:
        is_low = openings is not None and openings.value <= 0
        code = "OPENINGS_NOT_POSITIVE" if is_low else "NO_BALANCE" if openings is None else lines[1].code
        burden = replace(burden, code=code, reason="no jobs or no openings above zero to compare with")
    return [*lines, burden]


def _describe_participation(active: BySex) -> str:
    """The rates that count_jobs uses: women's and men's where both are known."""
    if active["F"] is None or active["M"] is None:
        return describe("participation of both sexes", active["_T"], 1, "%")
    named = (describe(name, active[sex], 1, "%") for name, sex in (("women", "F"), ("men", "M")))
    return f"participation of {', '.join(named)}"


def _apply(figure: Figure | None, rate: float) -> Figure | None:
    """A figure times an assumed rate in per cent."""
    return None if figure is None else combine(figure.value * rate / 100, [figure], figure.time_period)


def count_jobs(persons: BySex, active: BySex) -> BySex:
    """Persons times the participation of their sex; both sexes are the sum, or rest on the common rate."""
    jobs = {sex: take_rate(persons[sex], active[sex]) for sex in SEXES}
    together = add_up([jobs["F"], jobs["M"]])
    return jobs if together is None else jobs | {"_T": together}


def read_yearly_openings(balances: pd.DataFrame, ref_area: str) -> Figure | None:
    """Middle of the openings of the whole economy over the longest cumulated period, a year."""
    mask = (balances["ref_area"] == ref_area) & (balances["measure"] == "OPENINGS")
    mask &= (balances["economic_activity"] == "_T") & (balances["occupation"] == "_T")
    mask &= (balances["scenario"] == "baseline") & (balances["output_type"] == "quantile")
    rows = balances[mask & balances["value"].notna()]
    rows = rows[rows["time_period"].str.contains("-")]
    rows = rows[pd.to_numeric(rows["output_type_id"], errors="coerce") == 0.5]
    if rows.empty:
        return None
    lengths = rows["time_period"].str[-4:].astype(int) - rows["time_period"].str[:4].astype(int) + 1
    row, years = rows.iloc[int(lengths.to_numpy().argmax())], int(lengths.max())
    return Figure(
        float(row["value"]) / years, str(row["time_period"]), str(row["basis"]), (str(row["balance_id"]),)
    )


# ---------------------------------------------------------------- training before departure


def count_seats(persons: float, completion: float) -> int:
    """Seats so that ``persons`` finish when ``completion`` per cent do, rounded up: 100 at 90 % need 112."""
    return math.ceil(round(100 * persons / completion, 9))


@dataclass(frozen=True)
class Flow:
    """One flagged flow of persons with the ends of its range, ``None`` where the flag gives no number."""

    flow_id: str
    label: str
    ends: dict[str, float | None]
    basis: str
    node_id: str


@dataclass(frozen=True)
class _Judged:
    """What was judged, the flows among it that are flagged, and how it is named on the lines."""

    flows: list[Flow]
    judged: list[Figure]
    label: str
    of_what: str
    none_text: str
    empty_code: str


def list_training(
    country: Country, decisions: pd.DataFrame, corridors: pd.DataFrame, rules: RuleSet
) -> list[Line]:
    """Seats that the flagged flows imply: those into a destination country, those out of an origin country.

    Destination: the need of every flagged decision. Origin: the match size of every corridor that may be recruited along.
    """
    known = (
        _read_corridors(country.ref_area, corridors)
        if country.role == "origin"
        else _read_decisions(country.ref_area, decisions)
    )
    completion = rules.threshold("training_completion")
    if not known.judged:
        reason = f"no {known.of_what} is judged for this country"
        return [
            Line("SEATS", TRAINING, known.label, "PS", "not computed", code=known.empty_code, reason=reason)
        ]
    lines = [line for flow in known.flows for line in _train_flow(flow, known, completion)]
    return [*lines, *_add_seats(lines, known, completion)]


def _read_decisions(ref_area: str, decisions: pd.DataFrame) -> _Judged:
    mask = (decisions["ref_area"] == ref_area) & (decisions["step_id"] == "RESULT")
    results = decisions[mask].sort_values("decision_id").to_dict("records")
    flows = [
        Flow(
            name_unit(row),
            name_unit(row),
            _read_ends(row, "value"),
            str(row["basis"]),
            str(row["decision_id"]),
        )
        for row in results
        if row["reason_code"] == FLAGGED
    ]
    judged = [Figure(0.0, "", str(row["basis"]), (str(row["decision_id"]),)) for row in results]
    none = f"none of {len(results)} decisions flags labour migration (T10)"
    label = "Training seats in the countries of origin"
    return _Judged(flows, judged, label, "need (T10)", none, "NO_DECISIONS")


def _read_corridors(ref_area: str, corridors: pd.DataFrame) -> _Judged:
    mask = (corridors["origin"] == ref_area) & (corridors["economic_activity"] != "_T")
    rows = corridors[mask].sort_values("corridor_id").to_dict("records")
    flows = [
        Flow(
            f"{row['destination']}_{name_unit(row)}",
            f"{name_unit(row)} in {area_names().get(str(row['destination']), row['destination'])}",
            _read_ends(row, "match"),
            str(row["basis"]),
            str(row["corridor_id"]),
        )
        for row in rows
        if row["recommended"] == "CANDIDATE"
    ]
    judged = [Figure(0.0, "", str(row["basis"]), (str(row["corridor_id"]),)) for row in rows]
    none = f"none of {len(rows)} corridors by activity may be recruited along (T8)"
    label = "Training seats at home before departure"
    what = "match size (T8; several destinations may draw on one pool)"
    return _Judged(flows, judged, label, what, none, "NO_CORRIDORS")


def name_unit(row: Mapping[Hashable, object]) -> str:
    """Activity of a row, with its occupation where it has one."""
    occupation = row.get("occupation") or "_T"
    return str(row["economic_activity"]) + ("" if occupation == "_T" else f"_{occupation}")


def _read_ends(row: Mapping[Hashable, Any], column: str) -> dict[str, float | None]:
    ends = {end: row.get(f"{column}_{end}") for end in ("low", "high")}
    return {end: None if value is None or pd.isna(value) else float(value) for end, value in ends.items()}


def _train_flow(flow: Flow, known: _Judged, completion: float) -> list[Line]:
    """Low and high number of seats of one flagged flow."""
    lines = []
    for end, persons in flow.ends.items():
        line = Line(
            f"SEATS_{flow.flow_id}_{end.upper()}", TRAINING, f"{known.label}: {flow.label}, {end} end", "PS",
            f"persons of the {known.of_what} / {completion:g} % who complete, rounded up", sex_reason=_NO_SEX,
        )  # fmt: skip
        if persons is None:
            reason = "the flagged flow has no number of persons"
            lines.append(replace(line, code="NEED_UNKNOWN", reason=reason))
            continue
        seats = Figure(float(count_seats(persons, completion)), "", flow.basis, (flow.node_id,))
        lines.append(replace(line, figure=seats))
    return lines


def _add_seats(lines: list[Line], known: _Judged, completion: float) -> list[Line]:
    """Sum over the flagged flows, low and high; zero where none is flagged."""
    n_flagged = len(known.flows)
    code, reason = ("", "") if n_flagged else ("NO_FLAGGED_FLOW", known.none_text)
    sums = []
    for end in ("LOW", "HIGH"):
        parts = [line.figure for line in lines if line.line_id.endswith(end)]
        total = add_up(parts) if parts else combine(0.0, known.judged)
        line = Line(
            f"SEATS_{end}", TRAINING, f"{known.label}, {end.lower()} end", "PS",
            f"sum over {n_flagged} flagged flows; {completion:g} % complete", total, sex_reason=_NO_SEX,
            code=code, reason=reason,
        )  # fmt: skip
        if total is None:
            line = replace(
                line, code="NEED_UNKNOWN", reason="one of the flagged flows has no number of persons"
            )
        sums.append(line)
    return sums

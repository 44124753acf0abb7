"""T11 data quality: what was loaded, how old it is, what is broken, and which claims the figures contradict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.findings import (
    Findings,
    describe_comparison,
    describe_pair,
    describe_shift,
    list_checks,
    list_suspected,
    word_check,
)
from lma.assessment.profile import ALTERNATIVE_GROUPS, sector_rows
from lma.assessment.selection import latest, select
from lma.classifications import list_unresolved_areas
from lma.coherence import CHECKS, months_since
from lma.contracts import Country, TableSpec, Zone, rule_set, sources

QUALITY_COLUMNS = tuple(
    Key(*pair)
    for pair in (
        ("title", "Table"), ("publisher", "Publisher"), ("table_code", "Table code"), ("licence", "Licence"), ("vintage", "Vintage"),
        ("n_figures", "Figures used for the country"), ("first_period", "First period"), ("last_period", "Last period"),
        ("age", "Age of the last period, years"), ("months", "Months from the last period to the edition"),
        ("missing", "Missing, %"), ("breaks", "Breaks in series"), ("basis", "Basis"),
        ("quarantined", "Rows refused by the contract"), ("released", "Refused rows that a reviewer released"), ("finding", "Finding"),
    )
)  # fmt: skip
QUALITY_SPEC = TableSpec(
    "T11",
    "Data quality",
    "One row per published table used for the country, then one row per contradiction between sources, per identity"
    " that figures miss, and per quoted claim that was checked against the figures.",
    "Source",
    ("N_BREAK",),
)


def quality_table(
    country: Country,
    edition: str,
    observations: pd.DataFrame,
    indicators: pd.DataFrame,
    snapshots: pd.DataFrame,
    lineage: Lineage,
    findings: Findings | None = None,
) -> pd.DataFrame:
    """Cells of T11. ``snapshots``: of meta.snapshots, with ``n_released``; ``edition``: YYYY-MM, for ages; ``findings``: of T15."""
    table = TableCells(country.ref_area, "T11", QUALITY_COLUMNS, lineage)
    mine = select(observations, ref_area=country.ref_area)
    suspected = {} if findings is None else word_suspected(findings)
    for source_id, rows in mine.groupby("source_id", sort=True):
        facts = select(snapshots, source_id=source_id)
        _add_source_row(table, Key(str(source_id), str(source_id)), rows, facts, edition, suspected)
    found = [] if findings is None else [*list_wide_pairs(findings), *list_failing_checks(findings)]
    for conflict in [*find_conflicts(mine), *found]:
        _add_finding_row(table, conflict, "does not apply to a conflict between sources")
    unresolved = find_unresolved_areas(mine)
    if unresolved is not None:
        _add_finding_row(table, unresolved, "does not apply to areas of other countries")
    for zone in country.zones:
        claim = check_claim(zone, mine, select(indicators, ref_area=country.ref_area))
        if claim is not None:
            _add_finding_row(table, claim, "does not apply to a claim")
    return table.frame()


def _add_source_row(
    table: TableCells,
    row: Key,
    rows: pd.DataFrame,
    facts: pd.DataFrame,
    edition: str,
    suspected: Mapping[str, tuple[str, list[str]]],
) -> None:
    year = int(edition[:4])
    ids = list(rows.sort_values("time_period", kind="stable")["observation_id"].tail(5))
    fact = facts.sort_values("as_of", kind="stable").iloc[-1]
    for column in ("title", "publisher", "table_code", "licence"):
        table.text(row, column, fact[column], ids)
    vintages = sorted({str(value)[:10] for value in rows["as_of"]})
    table.text(row, "vintage", ", ".join(vintages), ids)
    figures = rows[rows["obs_value"].notna()]
    _add_counts(table, row, rows, figures, ids, year)
    _add_months(table, row, figures, ids, edition)
    table.text(row, "basis", ", ".join(sorted(rows["basis"].unique())).replace("_", " "), ids)
    for column, counted, step in (
        ("quarantined", "n_quarantined", "rows of the landed files in quarantine, all countries"),
        (
            "released",
            "n_released",
            "rows of the landed files that broke the contract and were released, all countries",
        ),
    ):
        table.number(row, column, int(facts[counted].sum()), "NR", "reported", ids, step, decimals=0)
    _add_finding(table, row, rows, figures, ids, year, suspected.get(row.id))


def _add_finding(
    table: TableCells,
    row: Key,
    rows: pd.DataFrame,
    figures: pd.DataFrame,
    ids: list[str],
    year: int,
    suspected: tuple[str, list[str]] | None = None,
) -> None:
    """What a reader of the source's figures must know: how old they are, where the series breaks or seems to."""
    words, notes, limit = [], [], int(rule_set("decision").threshold("max_age"))
    last = last_observed_period(figures)
    if last is not None and year - int(last[:4]) > limit:
        words.append(
            f"Out of date: the last figure is of {last}, more than {limit} years before this edition."
        )
    broken = rows[rows["is_break"]].sort_values("time_period", kind="stable")
    if len(broken):
        worst = broken.iloc[-1]
        words.append(
            f"Break in {worst['time_period']}: {worst['break_reason']}. No growth is taken across it."
        )
        ids, notes = list(broken["observation_id"].head(5)), ["N_BREAK"]
    if suspected is not None:
        words.append(suspected[0])
        ids, notes = [*ids, *suspected[1]], [*notes, "N_SUSPECTED"]
    if words:
        table.text(row, "finding", " ".join(words), ids, footnotes=notes)
    else:
        table.empty(row, "finding", "[z]", "nothing to report")


def last_observed_period(figures: pd.DataFrame) -> str | None:
    """The newest period that is no projection; None when every figure is one."""
    history = figures[figures["basis"] != "projection"]
    return str(history["time_period"].max()) if len(history) else None


def _add_counts(
    table: TableCells, row: Key, rows: pd.DataFrame, figures: pd.DataFrame, ids: list[str], year: int
) -> None:
    table.number(
        row,
        "n_figures",
        len(figures),
        "NR",
        "reported",
        ids,
        "published figures preferred for the country",
        decimals=0,
    )
    missing = 100 * (1 - len(figures) / len(rows))
    table.number(
        row, "missing", missing, "PC", "reported", ids, "cells published without a figure / cells x 100"
    )
    broken_years = sorted(rows.loc[rows["is_break"], "time_period"].unique())
    table.text(row, "breaks", ", ".join(broken_years) if broken_years else "none", ids)
    if figures.empty:
        for column in ("first_period", "last_period", "age"):
            table.empty(row, column, "[x]", "the source holds no figure for the country")
        return
    last = last_observed_period(figures)
    table.text(row, "first_period", str(figures["time_period"].min()), ids)
    table.text(row, "last_period", last or str(figures["time_period"].max()), ids)
    if last is None:
        table.empty(row, "age", "[z]", "the source holds projections only, whose last period lies ahead")
        return
    table.number(
        row,
        "age",
        year - int(last[:4]),
        "YR",
        "reported",
        ids,
        "year of the edition minus the last period that is not a projection",
        decimals=0,
    )


def _add_months(table: TableCells, row: Key, figures: pd.DataFrame, ids: list[str], edition: str) -> None:
    last = last_observed_period(figures)
    if last is None:
        table.empty(row, "months", "[z]", "the source holds no figure but projections")
        return
    step = "months from the end of the last period that is not a projection to the month of the edition"
    table.number(row, "months", months_since(last, edition), "MO", "reported", ids, step, decimals=0)


class Conflict(NamedTuple):
    """What cannot both be right: two published figures, or a published figure and a quoted claim."""

    id: str
    label: str
    period: str
    text: str
    inputs: list[str]


def find_conflicts(mine: pd.DataFrame) -> list[Conflict]:
    """Contradictions between the sources used for one country, newest common year of each comparison."""
    return [c for c in (_employment_above_labour_force(mine), _parts_against_total(mine)) if c is not None]


def word_suspected(findings: Findings) -> dict[str, tuple[str, list[str]]]:
    """Source -> what is suspected of its series in words, with the figures of the largest."""
    found: dict[str, list[tuple[dict[str, str], pd.DataFrame]]] = {}
    for key, rows in list_suspected(findings):
        found.setdefault(key["source_id"], []).append((key, rows))
    words = {}
    for source_id, groups in found.items():
        years = sorted({key["time_period"] for key, _ in groups})
        rows = pd.concat([rows for _, rows in groups], ignore_index=True)
        top = rows.iloc[int(rows["size"].argmax())].to_dict()
        text = (
            f"Suspected, declared by nobody: a level shift or shock in {len(rows)} of its series, {', '.join(years)} (T15)."
            f" Largest: {describe_shift(top)}."
        )
        words[source_id] = (text, [str(top["observation_id"]), str(top["previous_id"])])
    return words


def list_wide_pairs(findings: Findings) -> list[Conflict]:
    """The pairs of sources furthest apart for the same cells; all of them stand in T15."""
    rules, pairs = rule_set("coherence"), findings.pairs
    wide = pairs[pairs["median"] > rules.threshold("conflict")].head(int(rules.threshold("most_conflicts")))
    return [
        Conflict(
            f"{'BASES' if row['is_mixed'] else 'PAIR'}_{row['indicator']}_{row['source_id']}_{row['other_source_id']}",
            f"{'Reported beside modelled' if row['is_mixed'] else 'Conflict'}: {row['source_id']} and {row['other_source_id']}",
            row["time_period"],
            f"{row['n_cells']} cells with a figure of both sources differ by {row['median']:.1f} % at the median,"
            f" at most {row['largest']:.1f} %: {describe_pair(row)}.",
            [row["observation_id"], row["other_observation_id"]],
        )
        for row in wide.to_dict("records")
    ]


def list_failing_checks(findings: Findings) -> list[Conflict]:
    """Identities that published figures of the country miss by more than the tolerance."""
    return [
        Conflict(
            f"COHERENCE_{check}",
            f"Incoherent: {CHECKS[check].lower()}",
            worst["time_period"],
            f"{word_check(check, rows)} Largest: {describe_comparison(worst.to_dict())} (T15).",
            ids,
        )
        for check, rows, worst, ids in list_checks(findings.compared)
        if worst["fails"]
    ]


NATIONAL = {"freq": "A", "sex": "_T", "age": "_T", "citizenship": "_T"}


def _employment_above_labour_force(mine: pd.DataFrame) -> Conflict | None:
    """The employed are part of the labour force: more of them is a contradiction between two editions."""
    cell = {**NATIONAL, "economic_activity": "_T", "basis_kind": "modelled"}
    employed, force = (select(mine, indicator=i, **cell).dropna(subset=["obs_value"]) for i in ("EMP", "LF"))
    both = employed.merge(force, on="time_period", suffixes=("", "_force"))
    if both.empty:
        return None
    last = both.sort_values("time_period", kind="stable").iloc[-1]
    if last["obs_value"] <= last["obs_value_force"]:
        return None
    text = (
        f"{last['time_period']}: {last['obs_value']:,.0f} employed ({last['source_id']}, vintage {last['as_of']}) are more than"
        f" the labour force of {last['obs_value_force']:,.0f} ({last['source_id_force']}, vintage {last['as_of_force']}):"
        " two editions of the ILO's model. Unemployment cannot be read from their difference."
    )
    inputs = [last["observation_id"], last["observation_id_force"]]
    return Conflict(
        "CONFLICT_EMP_LF", "Conflict: employment and labour force", last["time_period"], text, inputs
    )


def _parts_against_total(mine: pd.DataFrame) -> Conflict | None:
    """Reported activities of one table against the reported total, where another table's total is preferred."""
    groups = [key.id for key in sector_rows("ISIC4_7") if key.id not in ("_T", *ALTERNATIVE_GROUPS)]
    cell = {**NATIONAL, "indicator": "EMP", "basis_kind": "reported"}
    parts = select(mine, economic_activity=groups, **cell).dropna(subset=["obs_value"])
    totals = select(mine, economic_activity="_T", **cell).dropna(subset=["obs_value"])
    sums = parts.groupby("time_period").agg(
        value=("obs_value", "sum"), n=("obs_value", "size"), source=("source_id", "first")
    )
    both = totals.merge(sums[sums["n"] == len(groups)], left_on="time_period", right_index=True)
    if both.empty:
        return None
    last = both.sort_values("time_period", kind="stable").iloc[-1]
    if abs(last["value"] / last["obs_value"] - 1) <= 0.01:
        return None
    text = (
        f"{last['time_period']}: the reported activities sum to {last['value']:,.0f} ({last['source']}), the reported total is"
        f" {last['obs_value']:,.0f} ({last['source_id']}, vintage {last['as_of']}): the country revised its total after the"
        " table by activity was published. Shares rest on the sum of the activities."
    )
    same_year = parts[parts["time_period"] == last["time_period"]]
    inputs = [last["observation_id"], *same_year["observation_id"]]
    return Conflict("CONFLICT_EMP_TOTAL", "Conflict: activities and total", last["time_period"], text, inputs)


def find_unresolved_areas(mine: pd.DataFrame) -> Conflict | None:
    """Areas that the sources used may count and that are attributed to no country; None where there are none.

    A country whose own corridors they touch is never assessed (check_corridor_areas).
    """
    known = sources()
    crosswalks = {
        source_id: [
            name.removesuffix(".csv")
            for name in known[source_id].mapping.codes.values()
            if isinstance(name, str)
        ]
        for source_id in sorted(set(mine["source_id"]) & set(known))
    }
    users = [source_id for source_id, names in crosswalks.items() if len(list_unresolved_areas(names))]
    if not users:
        return None
    listed = list_unresolved_areas([name for names in crosswalks.values() for name in names])
    words = "; ".join(
        f"{note} (published as {', '.join(dict.fromkeys(rows['code']))})"
        for note, rows in listed.groupby("note", sort=True)
    )
    text = (
        f"Attributed to no country, so that no figure of theirs is used: {words}. None is this country or one of its"
        " corridors."
    )
    used = mine[mine["source_id"].isin(users)].sort_values("time_period", kind="stable")
    last = last_observed_period(used) or str(used["time_period"].max())
    inputs = list(used["observation_id"].tail(5))
    return Conflict("AREAS_UNRESOLVED", "Areas not attributed to a country", last, text, inputs)


def _add_finding_row(table: TableCells, found: Conflict, elsewhere: str) -> None:
    """A row that only has a finding and its period; ``elsewhere``: why its other cells are empty."""
    row = Key(found.id, found.label)
    for column in QUALITY_COLUMNS:
        if column.id == "finding":
            table.text(row, column.id, found.text, found.inputs)
        elif column.id == "last_period":
            table.text(row, column.id, found.period, found.inputs)
        else:
            table.empty(row, column.id, "[z]", elsewhere)


def check_claim(zone: Zone, mine: pd.DataFrame, indicators: pd.DataFrame) -> Conflict | None:
    """A quoted foreign share against the two counts of the newest quarter; None without a claim or counts."""
    activity = zone.economic_activity
    share = latest(indicators, indicator="FOREIGN_SHARE", economic_activity=activity)
    if zone.claim_share is None or share is None:
        return None
    period, ids = share["time_period"], [share["indicator_id"]]
    cell = {"indicator": "EMP", "economic_activity": activity, "time_period": period}
    counts = [latest(mine, citizenship=citizenship, **cell) for citizenship in ("FOR", "_T")]
    workers, total = (float("nan") if count is None else count["obs_value"] for count in counts)
    reference = str(zone.reference).rstrip(".")
    agrees = abs(zone.claim_share - share["value"]) < 1
    text = (
        f"Quoted: {zone.claim_share:.0f} % ({reference}). Counted in {period}: {workers:,.0f} foreign of {total:,.0f} workers"
        f" = {share['value']:.2f} %. The quoted share {'agrees with the series' if agrees else 'is not what the series says'}."
    )
    return Conflict(f"CLAIM_{activity}", f"Claim: {zone.claim_text}", period, text, ids)

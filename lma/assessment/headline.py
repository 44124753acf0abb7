"""T0 headline: at most five sentences, each ending with the table it comes from."""

from __future__ import annotations

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.selection import select, single
from lma.contracts import Country, TableSpec

HEADLINE_SPEC = TableSpec(
    "T0",
    "Headline findings",
    "At most five sentences; each names the table and the cells it comes from.",
    "No.",
)


REASONS = {
    "INSUFFICIENT_DATA": "the data are insufficient to decide",
    "TESTS_MISSING": "tests could not be made for want of data",
    "NO_SHORTAGE": "there is no shortage",
    "CYCLICAL_MONITOR": "the shortage is not shown to last",
    "IMPROVE_PAY_CONDITIONS": "pay and conditions come first",
    "ACTIVATE_TRAIN": "people in the country can be activated or trained",
    "AUTOMATE_OR_REORGANISE": "technology is an alternative",
    "TRAIN_AHEAD": "there is time to train",
    "DEPENDENCY_LIMIT": "the foreign share is at its limit",
    "ORIGIN_RISK": "the origin would be harmed",
}
"""First test not passed, in words."""


def headline_table(country: Country, cells: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T0, composed from the cells of the other tables, never from anything else."""
    table = TableCells(country.ref_area, "T0", [Key("sentence", "Finding")], lineage)
    composers = (_describe_growth, _describe_gap, _describe_decision, _describe_dependency, _describe_break)
    sentences = [found for compose in composers if (found := compose(country, cells))]
    for number, (text, inputs) in enumerate(sentences[:5], start=1):
        table.text(Key(f"S{number}", str(number)), "sentence", text, inputs, "composed from the cells named")
    return table.frame()


Sentence = tuple[str, list[str]] | None


def _cell_value(cells: pd.DataFrame, address: str) -> float | None:
    record = single(cells, address=address)
    return None if record is None or pd.isna(record["value"]) else float(record["value"])


def _inputs(cells: pd.DataFrame, *addresses: str) -> list[str]:
    chosen = select(cells, address=list(addresses))
    return [node for inputs in chosen["inputs"] for node in inputs]


def _describe_growth(country: Country, cells: pd.DataFrame) -> Sentence:
    years = sorted(c for c in select(cells, table_id="T5")["column_id"].unique() if c.isdigit())
    if not years:
        return None
    last = years[-1]
    addresses = [f"T5._T.{c}" for c in ("base", last, f"{last}_lo80", f"{last}_hi80")]
    values = [_cell_value(cells, address) for address in addresses]
    if None in values:
        return None
    base, mean, low, high = (float(v) for v in values if v is not None)
    period = single(cells, address="T5._T.base_period")
    when = "" if period is None else f" in {period['text']}"
    held, scored = _describe_coverage(cells)
    text = (
        f"Employment is projected at {mean:,.0f} in {last} (80 % interval {low:,.0f} to {high:,.0f}{held}), "
        f"against {base:,.0f}{when}; both rest on the ILO's modelled estimates ({', '.join([f'T5._T.{last}', *scored])})."
    )
    return text, _inputs(cells, *addresses, *scored)


def _describe_coverage(cells: pd.DataFrame) -> tuple[str, list[str]]:
    """How many outcomes 80 % intervals of the total held, by every evidence there is, and the cells that say so."""
    evidence = {"T12._T.coverage_80": "in the backtest", "T12.HINDCAST_T.coverage_80": "in hindcasts"}
    held = {a: share for a in evidence if (share := _cell_value(cells, a)) is not None}
    words = [f"{share:.0f} % of outcomes {evidence[address]}" for address, share in held.items()]
    return (f"; such intervals held {' and '.join(words)}" if held else ""), list(held)


def _describe_gap(country: Country, cells: pd.DataFrame) -> Sentence:
    """The largest lack of persons among activities where one is likelier than not: probabilities alone name small ones."""
    gaps = select(cells, table_id="T3", column_id="p_shortage").dropna(subset=["value"])
    gaps = gaps[gaps["row_id"] != "_T"]
    medians = [_cell_value(cells, f"T3.{row_id}.gap_q50") for row_id in gaps["row_id"]]
    gaps = gaps.assign(median=pd.Series(medians, index=gaps.index, dtype=float)).dropna(subset=["median"])
    if gaps.empty:
        return ("No gap between demand and supply could be simulated with the loaded sources (T6).", [])
    likely = gaps[gaps["value"] > 50]
    top = (
        (likely if len(likely) else gaps)
        .sort_values(
            ["median", "row_order"] if len(likely) else ["value", "row_order"],
            ascending=[False, True],
            kind="stable",
        )
        .iloc[0]
    )
    found, words = _describe_range(cells, top["row_id"])
    whole, all_words = _describe_range(cells, "_T")
    count = (
        f"likelier than not in {len(likely)} of {len(gaps)} activities"
        if len(likely)
        else "likelier than not in no activity"
    )
    text = (
        f"A lack of workers over {top['time_period']} is {count}; {'largest' if len(likely) else 'most likely'} in {top['row_label']}: "
        f"{words}{f'; in all activities together: {all_words}' if whole else ''} "
        f"({', '.join(f'T3.{row}.gap_q50' for row in ([top['row_id'], '_T'] if whole else [top['row_id']]))})."
    )
    return text, _inputs(cells, *found, *whole)


def _describe_range(cells: pd.DataFrame, row_id: str) -> tuple[list[str], str]:
    """Addresses of a gap and the gap in words; nothing where it is not known."""
    addresses = [f"T3.{row_id}.{c}" for c in ("gap_q50", "gap_q10", "gap_q90", "p_shortage")]
    values = [_cell_value(cells, address) for address in addresses]
    if any(value is None for value in values):
        return [], "range not known"
    middle, low, high, probability = (float(value) for value in values if value is not None)
    words = f"{middle:,.0f} persons (80 % range {low:,.0f} to {high:,.0f}, below zero a surplus), probability {probability:.0f} %"
    return addresses, words


def _describe_decision(country: Country, cells: pd.DataFrame) -> Sentence:
    results = select(cells, table_id="T10", column_id="result").dropna(subset=["text"])
    if results.empty:
        return None
    options = results[results["text"] == "LABOUR_MIGRATION_OPTION"]
    if len(options):
        text = f"Labour migration passed every test for {', '.join(options['row_label'])} (T10)."
        return text, [node for inputs in options["inputs"] for node in inputs]
    counts = results["text"].value_counts()
    words = "; ".join(
        f"{REASONS.get(str(code), str(code).replace('_', ' ').lower())} ({n})" for code, n in counts.items()
    )
    text = f"Labour migration is recommended for none of the {len(results)} activities assessed, because {words} (T10)."
    return text, [node for inputs in results["inputs"] for node in inputs]


def _describe_dependency(country: Country, cells: pd.DataFrame) -> Sentence:
    for zone in country.zones:
        row = zone.economic_activity
        total, foreign, share = (_cell_value(cells, f"T7.{row}.{c}") for c in ("total", "foreign", "share"))
        period = single(cells, address=f"T7.{row}.period")
        if total is None or foreign is None or share is None or period is None:
            continue
        text = f"{zone.label}: {foreign:,.0f} of {total:,.0f} workers are foreign in {period['text']}, {share:.2f} %"
        if zone.claim_share is not None and abs(zone.claim_share - share) >= 1:
            text += f"; the often quoted {zone.claim_share:.0f} % is not what the series says"
        return f"{text} (T7.{row}.share).", _inputs(
            cells, f"T7.{row}.total", f"T7.{row}.foreign", f"T7.{row}.share"
        )
    return _describe_corridor(country, cells)


def _describe_corridor(country: Country, cells: pd.DataFrame) -> Sentence:
    stocks = select(cells, table_id="T8", column_id="stock").dropna(subset=["value"])
    if stocks.empty:
        return None
    top = stocks.sort_values("row_order", kind="stable").iloc[0]
    whose = "its migrants" if country.role == "destination" else "all its emigrants"
    share = _cell_value(cells, f"T8.{top['row_id']}.share")
    part = "" if share is None else f", {share:.1f} % of {whose}"
    text = (
        f"The largest corridor is {top['row_label']}: {top['value']:,.0f} persons in {top['time_period']}{part}"
        f" (T8.{top['row_id']}.stock)."
    )
    return text, list(top["inputs"])


def _describe_break(country: Country, cells: pd.DataFrame) -> Sentence:
    broken = select(cells, table_id="T2", symbol="[b]", column_id="growth_5y")
    if broken.empty:
        return None
    first = broken.sort_values("row_order", kind="stable").iloc[0]
    text = f"Reported employment has a {first['reason'].split(':')[0]}, so no growth is shown across it (T2.{first['row_id']}.growth_5y)."
    cell = single(cells, address=f"T2.{first['row_id']}.employment")
    return text, list(cell["inputs"]) if cell is not None else []

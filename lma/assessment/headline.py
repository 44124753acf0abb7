"""T0 headline: at most five sentences, each ending with the table it comes from.

A sentence is a whole message with typed values (lma.languages), never words put together: so every language says it by its own
grammar. A name stands after a colon or in quotation marks, where no language has to decline it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from lma.assessment.cells import Key, Lineage, TableCells
from lma.assessment.selection import select, single
from lma.contracts import Area, Country, Decimal, Label, Listed, Sentence, TableSpec, Verbatim
from lma.languages import ENGLISH, language

HEADLINE_SPEC = TableSpec(
    "T0",
    "Headline findings",
    "At most five sentences; each names the table and the cells it comes from.",
    "No.",
)


REASONS = {
    "INSUFFICIENT_DATA": Sentence("the data are insufficient to decide"),
    "TESTS_MISSING": Sentence("tests could not be made for want of data"),
    "NO_SHORTAGE": Sentence("there is no shortage"),
    "CYCLICAL_MONITOR": Sentence("the shortage is not shown to last"),
    "IMPROVE_PAY_CONDITIONS": Sentence("pay and conditions come first"),
    "ACTIVATE_TRAIN": Sentence("people in the country can be activated or trained"),
    "AUTOMATE_OR_REORGANISE": Sentence("technology is an alternative"),
    "TRAIN_AHEAD": Sentence("there is time to train"),
    "DEPENDENCY_LIMIT": Sentence("the foreign share is at its limit"),
    "ORIGIN_RISK": Sentence("the origin would be harmed"),
}
"""First test not passed, in words."""

Found = tuple[Sentence, list[str]] | None
"""A sentence and the ids of the rows it rests on."""


def headline_table(country: Country, cells: pd.DataFrame, lineage: Lineage) -> pd.DataFrame:
    """Cells of T0, composed from the cells of the other tables, never from anything else."""
    table = TableCells(country.ref_area, "T0", [Key("sentence", "Finding")], lineage)
    for number, (sentence, inputs) in enumerate(_compose(country, cells), start=1):
        text = language(ENGLISH).compose(sentence)
        table.text(Key(f"S{number}", str(number)), "sentence", text, inputs, "composed from the cells named")
    return table.frame()


def headline_sentences(country: Country, cells: pd.DataFrame) -> dict[str, Sentence]:
    """Address of each cell of T0 -> the message and the values that its text says, for other languages."""
    found = enumerate(_compose(country, cells), start=1)
    return {f"T0.S{number}.sentence": sentence for number, (sentence, _) in found}


def _compose(country: Country, cells: pd.DataFrame) -> list[tuple[Sentence, list[str]]]:
    composers = (_describe_growth, _describe_gap, _describe_decision, _describe_dependency, _describe_break)
    return [found for compose in composers if (found := compose(country, cells)) is not None][:5]


def _cell_value(cells: pd.DataFrame, address: str) -> float | None:
    record = single(cells, address=address)
    return None if record is None or pd.isna(record["value"]) else float(record["value"])


def _inputs(cells: pd.DataFrame, addresses: Iterable[str]) -> list[str]:
    chosen = select(cells, address=list(addresses))
    return [node for inputs in chosen["inputs"] for node in inputs]


def _named(addresses: Iterable[str]) -> Verbatim:
    return Verbatim(", ".join(addresses))


# ---------------------------------------------------------------- employment ahead

_GROWTH = {
    (
        False,
        False,
    ): "Employment is projected at {mean} in {year} (80 % interval {low} to {high}), against {base} in {base_period}; "
    "both rest on the ILO's modelled estimates ({cells}).",
    (
        True,
        False,
    ): "Employment is projected at {mean} in {year} (80 % interval {low} to {high}; such intervals held {backtest} % of "
    "outcomes in the backtest), against {base} in {base_period}; both rest on the ILO's modelled estimates ({cells}).",
    (
        False,
        True,
    ): "Employment is projected at {mean} in {year} (80 % interval {low} to {high}; such intervals held {hindcast} % of "
    "outcomes in hindcasts), against {base} in {base_period}; both rest on the ILO's modelled estimates ({cells}).",
    (
        True,
        True,
    ): "Employment is projected at {mean} in {year} (80 % interval {low} to {high}; such intervals held {backtest} % of "
    "outcomes in the backtest and {hindcast} % of outcomes in hindcasts), against {base} in {base_period}; both rest on the ILO's "
    "modelled estimates ({cells}).",
}
"""By what is known of past intervals: in the backtest, in hindcasts."""


def _describe_growth(country: Country, cells: pd.DataFrame) -> Found:
    years = sorted(c for c in select(cells, table_id="T5")["column_id"].unique() if c.isdigit())
    period = single(cells, address="T5._T.base_period")
    if not years or period is None or not isinstance(period["text"], str):
        return None
    last = years[-1]
    addresses = {
        "base": "T5._T.base",
        "mean": f"T5._T.{last}",
        "low": f"T5._T.{last}_lo80",
        "high": f"T5._T.{last}_hi80",
    }
    values = {name: _cell_value(cells, address) for name, address in addresses.items()}
    if any(value is None for value in values.values()):
        return None
    evidence = {"backtest": "T12._T.coverage_80", "hindcast": "T12.HINDCAST_T.coverage_80"}
    held = {
        name: share
        for name, address in evidence.items()
        if (share := _cell_value(cells, address)) is not None
    }
    scored = [evidence[name] for name in held]
    sentence = Sentence(
        _GROWTH["backtest" in held, "hindcast" in held],
        **{name: Decimal(value) for name, value in {**values, **held}.items() if value is not None},
        year=Verbatim(last),
        base_period=Verbatim(str(period["text"])),
        cells=_named([f"T5._T.{last}", *scored]),
    )
    return sentence, _inputs(cells, [*addresses.values(), *scored])


# ---------------------------------------------------------------- lack of workers

_NO_GAP = Sentence("No gap between demand and supply could be simulated with the loaded sources (T6).")
_GAPS = {
    (
        True,
        True,
    ): "A lack of workers over {period} is likelier than not in {n} of {all} activities, with the whole 80 % range above zero in "
    "{sure} of them; largest in “{activity}”: {middle} persons (80 % range {low} to {high}, below "
    "zero a surplus), probability {probability} %, confidence {grade} on the scale from A to D; in all activities "
    "together: {all_middle} persons (80 % range {all_low} to {all_high}, below zero a surplus), probability {all_probability} %, "
    "confidence {all_grade} ({cells}).",
    (
        True,
        False,
    ): "A lack of workers over {period} is likelier than not in {n} of {all} activities, with the whole 80 % range above zero in "
    "{sure} of them; largest in “{activity}”: {middle} persons (80 % range {low} to {high}, below "
    "zero a surplus), probability {probability} %, confidence {grade} on the scale from A to D ({cells}).",
    (
        False,
        True,
    ): "A lack of workers over {period} is likelier than not in no activity; most likely in “{activity}”: {middle} persons (80 % "
    "range {low} to {high}, below zero a surplus), probability {probability} %, confidence {grade} on the scale from A to D; in all activities "
    "together: {all_middle} persons (80 % range {all_low} to {all_high}, below zero a surplus), probability {all_probability} %, "
    "confidence {all_grade} ({cells}).",
    (
        False,
        False,
    ): "A lack of workers over {period} is likelier than not in no activity; most likely in “{activity}”: {middle} persons (80 % "
    "range {low} to {high}, below zero a surplus), probability {probability} %, confidence {grade} on the scale from A to D ({cells}).",
}
"""By whether a lack is likelier than not anywhere, and whether the total is known."""


def _describe_gap(country: Country, cells: pd.DataFrame) -> Found:
    """The largest lack of persons among activities where one is likelier than not: probabilities alone name small ones."""
    rows = select(cells, table_id="T3", column_id="p_shortage").dropna(subset=["value"])
    rows = rows[rows["row_id"] != "_T"]
    ranges = {row_id: _read_range(cells, row_id) for row_id in rows["row_id"]}
    rows = rows.assign(
        median=pd.Series(
            [ranges[row_id].get("middle") for row_id in rows["row_id"]], index=rows.index, dtype=float
        )
    ).dropna(subset=["median"])
    if not len(rows):
        return _NO_GAP, []
    likely = rows[rows["value"] > 50]
    order = (["median", "row_order"], likely) if len(likely) else (["value", "row_order"], rows)
    top = order[1].sort_values(order[0], ascending=[False, True], kind="stable").iloc[0]
    whole = {f"all_{name}": value for name, value in _read_range(cells, "_T").items()}
    named = [top["row_id"], "_T"] if whole else [top["row_id"]]
    sentence = Sentence(
        _GAPS[len(likely) > 0, bool(whole)],
        **{name: Decimal(value) for name, value in {**ranges[top["row_id"]], **whole}.items()},
        **{name: _read_grade(cells, row) for name, row in zip(("grade", "all_grade"), named, strict=False)},
        n=Decimal(len(likely)),
        sure=Decimal(sum(ranges[row_id]["low"] > 0 for row_id in likely["row_id"])),
        all=Decimal(len(rows)),
        period=Verbatim(str(top["time_period"])),
        activity=Label(str(top["row_label"])),
        cells=_named(f"T3.{row}.gap_q50" for row in named),
    )
    return sentence, _inputs(cells, [f"T3.{row}.{column}" for row in named for column in _RANGE.values()])


_RANGE = {"middle": "gap_q50", "low": "gap_q10", "high": "gap_q90", "probability": "p_shortage"}


def _read_range(cells: pd.DataFrame, row_id: str) -> dict[str, float]:
    """The gap of a row with its range and probability; empty where one of them is not known."""
    found = {name: _cell_value(cells, f"T3.{row_id}.{column}") for name, column in _RANGE.items()}
    known = {name: value for name, value in found.items() if value is not None}
    return known if len(known) == len(_RANGE) else {}


def _read_grade(cells: pd.DataFrame, row_id: str) -> Label:
    """Confidence of a rating, A to D."""
    record = single(cells, address=f"T3.{row_id}.confidence")
    return Label(str(record["text"]) if record is not None and record["text"] else "not rated")


# ---------------------------------------------------------------- the decision


def _describe_decision(country: Country, cells: pd.DataFrame) -> Found:
    results = select(cells, table_id="T10", column_id="result").dropna(subset=["text"])
    if results.empty:
        return None
    options = results[results["text"] == "LABOUR_MIGRATION_OPTION"]
    if len(options):
        activities = Listed(tuple(Label(str(label)) for label in options["row_label"]))
        sentence = Sentence(
            "Labour migration passed every test in these activities: {activities} (T10).",
            activities=activities,
        )
        return sentence, [node for inputs in options["inputs"] for node in inputs]
    counts = results["text"].value_counts()
    reasons = Listed(tuple(_count_reason(str(code), int(n)) for code, n in counts.items()))
    # A zone cuts across the activities: counted as one of them it would contradict the number of activities.
    zones = results[results["row_id"].isin([zone.economic_activity for zone in country.zones])]
    sentence = Sentence(
        "Labour migration is recommended for none of the {n} activities assessed, nor for what is assessed beside them, "
        "“{zones}”: {reasons} (T10)."
        if len(zones)
        else "Labour migration is recommended for none of the {n} activities assessed: {reasons} (T10).",
        n=Decimal(len(results) - len(zones)),
        reasons=reasons,
        **({"zones": Listed(tuple(Label(str(label)) for label in zones["row_label"]))} if len(zones) else {}),
    )
    return sentence, [node for inputs in results["inputs"] for node in inputs]


def _count_reason(code: str, n: int) -> Sentence:
    return Sentence("{a} ({b})", a=REASONS.get(code, Label(code)), b=Decimal(n))


# ---------------------------------------------------------------- foreign workers, corridors, breaks


def _describe_dependency(country: Country, cells: pd.DataFrame) -> Found:
    for zone in country.zones:
        row = zone.economic_activity
        names = ("total", "foreign", "share")
        values = {name: _cell_value(cells, f"T7.{row}.{name}") for name in names}
        known = {name: value for name, value in values.items() if value is not None}
        period = single(cells, address=f"T7.{row}.period")
        if len(known) < len(names) or period is None:
            continue
        is_claimed = zone.claim_share is not None and abs(zone.claim_share - known["share"]) >= 1
        sentence = Sentence(
            "{zone}: {foreign} of {total} workers are foreign in {period}, {share} %; the often quoted {claim} % is not what the series "
            "says ({cells})."
            if is_claimed
            else "{zone}: {foreign} of {total} workers are foreign in {period}, {share} % ({cells}).",
            zone=Label(zone.label),
            foreign=Decimal(known["foreign"]),
            total=Decimal(known["total"]),
            share=Decimal(known["share"], 2),
            period=Verbatim(str(period["text"])),
            cells=_named([f"T7.{row}.share"]),
            **({"claim": Decimal(zone.claim_share)} if is_claimed and zone.claim_share is not None else {}),
        )
        return sentence, _inputs(cells, [f"T7.{row}.{name}" for name in names])
    return _describe_corridor(country, cells)


_CORRIDORS = {
    "": "The largest corridor: {origin} to {destination}, {stock} persons in {period} ({cells}).",
    "destination": "The largest corridor: {origin} to {destination}, {stock} persons in {period}, {share} % of the country's migrants ({cells}).",
    "origin": "The largest corridor: {origin} to {destination}, {stock} persons in {period}, {share} % of all its emigrants ({cells}).",
}
"""By whose migrants the share is of; empty where it is not known."""


def _describe_corridor(country: Country, cells: pd.DataFrame) -> Found:
    stocks = select(cells, table_id="T8", column_id="stock").dropna(subset=["value"])
    if stocks.empty:
        return None
    top = stocks.sort_values("row_order", kind="stable").iloc[0]
    origin, _, destination = str(top["row_id"]).partition("-")
    share = _cell_value(cells, f"T8.{top['row_id']}.share")
    sentence = Sentence(
        _CORRIDORS["" if share is None else country.role],
        origin=Area(origin),
        destination=Area(destination.split("-")[0]),
        stock=Decimal(float(top["value"])),
        period=Verbatim(str(top["time_period"])),
        cells=_named([f"T8.{top['row_id']}.stock"]),
        **({} if share is None else {"share": Decimal(share, 1)}),
    )
    return sentence, list(top["inputs"])


def _describe_break(country: Country, cells: pd.DataFrame) -> Found:
    broken = select(cells, table_id="T2", symbol="[b]", column_id="growth_5y")
    if broken.empty:
        return None
    first = broken.sort_values("row_order", kind="stable").iloc[0]
    year = re.search(r"\d{4}", str(first["reason"]))
    sentence = Sentence(
        "Reported employment has a break in series in {year}, so no growth is shown across it ({cells})."
        if year
        else "Reported employment has a break in series, so no growth is shown across it ({cells}).",
        cells=_named([f"T2.{first['row_id']}.growth_5y"]),
        **({"year": Verbatim(year.group())} if year else {}),
    )
    cell = single(cells, address=f"T2.{first['row_id']}.employment")
    return sentence, list(cell["inputs"]) if cell is not None else []

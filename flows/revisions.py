"""What newer vintages changed: largest movements of a country, and whether a publisher's first figure is too low."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from flows.evaluate import print_frame
from flows.request import RunRequest
from lma import user_tables
from lma import warehouse as warehouses
from lma.contracts import RuleSet, codelist, rule_set

SHOWN = [
    "source_id", "indicator", "counterpart_area", "economic_activity", "sex", "age", "time_period", "previous_as_of", "as_of",
    "previous_value", "value", "change", "relative_change", "direction", "unit_measure",
]  # fmt: skip
FEWEST_PAIRS = 10  # below that a mean revision says nothing of the publisher
CLEAR_BIAS = 2.0


def print_revisions(
    request: RunRequest, after: dt.date | None, out_file: Path | None, most: int, console: Console
) -> None:
    """Print each country's revisions: first against latest figure by source, then the largest movements."""
    codes = [country.ref_area for country in request.countries()]
    with warehouses.open_for_reading(request.warehouse) as warehouse:
        revisions = warehouse.read("marts.revisions", codes)
        summary = warehouse.summarise_revisions(codes, after)
        vintages = warehouse.read("meta.snapshots")["as_of"]
    if after is not None:
        revisions = revisions[revisions["as_of"] > after]
    for code in codes:
        _print_country(
            code,
            revisions[revisions["ref_area"] == code],
            summary[summary["ref_area"] == code],
            most,
            explain_none(list(vintages), after),
            console,
        )
    if out_file is not None:
        user_tables.write_table(revisions.drop(columns="inputs"), out_file)
        console.print(f"{len(revisions)} revised figures written to {out_file}", markup=False)


def _print_country(
    code: str, revisions: pd.DataFrame, summary: pd.DataFrame, most: int, reason: str, console: Console
) -> None:
    """One country; ``reason``: why there is nothing, where there is nothing."""
    counts = ", ".join(f"{n} {direction}" for direction, n in revisions["direction"].value_counts().items())
    console.print(f"\n{code}: {len(revisions)} revised figures ({counts or 'none'})", markup=False)
    if summary.empty:
        console.print(reason, markup=False)
        return
    columns = [
        "source_id",
        "indicator",
        "n_pairs",
        "n_revised",
        "mean_relative",
        "mean_absolute_relative",
        "share_up",
        "bias_t",
    ]
    console.print(
        "first against latest figure, per cent of the first; _T: all indicators of the source", markup=False
    )
    print_frame(
        summary[columns].assign(verdict=[judge_bias(row) for row in summary.to_dict("records")]), console
    )
    for source_id, rows in revisions.groupby("source_id", sort=True):
        _print_largest(str(source_id), rows, most, console)


def explain_none(vintages: Sequence[dt.date], after: dt.date | None) -> str:
    """Why no figure of a country was revised: no file came after the date, or none gave a figure again."""
    newest = max(vintages, default=None)
    if after is not None and newest is not None and newest <= after:
        return f"no file in the warehouse has a vintage after {after}: the newest is of {newest}"
    since = f" with the later one after {after}" if after is not None else ""
    return f"no source has two vintages of one figure{since}"


def judge_bias(row: dict[str, object]) -> str:
    """Whether first figures of a source are systematically low or high, or all were rescaled, in words."""
    n_pairs, t = int(str(row["n_pairs"])), float(str(row["bias_t"]))
    if n_pairs < FEWEST_PAIRS:
        return f"fewer than {FEWEST_PAIRS} pairs"
    if not row["n_revised"]:
        return "never revised"
    if is_rescaled(row, rule_set("revisions")):
        return f"rebased or rescaled, x {float(str(row['median_factor'])):,.3f}"
    if abs(t) >= CLEAR_BIAS:
        return "first figure low" if t > 0 else "first figure high"
    return "no clear bias"


def is_rescaled(row: Mapping[str, object], rules: RuleSet) -> bool:
    """Whether nearly all latest figures are the first ones times one factor, away from 1."""
    middle, low, high = (float(str(row[f"{name}_factor"])) for name in ("median", "low", "high"))
    distance = abs(middle - 1)
    return (
        100 * distance >= rules.threshold("min_factor")
        and 100 * (high - low) <= rules.threshold("max_spread") * distance
    )


def leave_out_rounding(rows: pd.DataFrame) -> pd.DataFrame:
    """Movements that show at the decimals of their indicator; an indicator without any is shown with two."""
    known = codelist("indicators").set_index("indicator")["decimals"].replace("", None).dropna().astype(int)
    places = rows["indicator"].map(known).fillna(2).astype(int)
    pairs = zip(rows["previous_value"], rows["value"], places, strict=True)
    shows = [round(old, digits) != round(new, digits) for old, new, digits in pairs]
    return rows[pd.Series(shows, index=rows.index, dtype=bool)]


def _print_largest(source_id: str, rows: pd.DataFrame, most: int, console: Console) -> None:
    """The largest movements of one source: by per cent, and by persons where it counts them."""
    rows = leave_out_rounding(rows.dropna(subset=["change"]))
    persons = rows[rows["unit_measure"] == "PS"]
    for title, part, column in (("per cent", rows, "relative_change"), ("persons", persons, "change")):
        ranked = part.dropna(subset=[column]).sort_values(
            column, key=lambda values: -values.abs(), kind="stable"
        )
        if len(ranked):
            console.print(f"{source_id}, largest by {title}:", markup=False)
            print_frame(_drop_totals(ranked.head(most)[SHOWN[1:]]), console)


def _drop_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Without the dimensions that say nothing here."""
    dimensions = ("counterpart_area", "economic_activity", "sex", "age")
    return rows.drop(columns=[name for name in dimensions if rows[name].isin(["_T", "_Z"]).all()])

"""Questions an analyst asks by hand: a scorecard, a rule set, disclosure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.request import RunRequest
from lma import contracts, user_tables
from lma import warehouse as warehouses
from lma.errors import ContractError, InputError, UsageError

LONGEST = 40  # rows of a result shown on a terminal


def print_frame(
    frame: pd.DataFrame, console: Console, formats: dict[str, str] | None = None, longest: int = LONGEST
) -> None:
    """A frame as a plain table; numbers by format, the first ``longest`` rows only."""
    table = Table(*map(str, frame.columns), box=None, pad_edge=False)
    for record in frame.head(longest).to_dict("records"):
        shown = (_shown(value, (formats or {}).get(str(name), ",.3f")) for name, value in record.items())
        table.add_row(*map(escape, shown))
    console.print(table)
    if len(frame) > longest:
        console.print(f"... {len(frame) - longest} more rows")


def _shown(value: object, number_format: str) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else format(value, number_format)
    return "" if value is None else str(value)


def print_scorecard(request: RunRequest, console: Console) -> None:
    """Rolling-origin scorecard of the champions in the warehouse; ``InputError`` where it holds none."""
    codes = [country.ref_area for country in request.countries()]
    with warehouses.open_for_reading(request.warehouse) as warehouse:
        scores = warehouse.read("marts.forecast_scores", codes)
    if scores.empty:
        raise InputError(
            f"the warehouse holds no scores for {', '.join(codes)}: run `lma run {' '.join(codes)}` first."
        )
    shown = scores[scores["horizon"] == 0].sort_values(
        ["ref_area", "basis_kind", "sex", "economic_activity", "mase_ratio"], kind="stable"
    )
    columns = [
        "ref_area",
        "sex",
        "economic_activity",
        "basis_kind",
        "model_id",
        "n_origins",
        "mase",
        "mase_ratio",
        "coverage_80",
        "coverage_95",
        "is_champion",
    ]
    champions = shown[shown["is_champion"].astype(bool)]
    print_frame(champions[columns[:-1]], console, longest=len(champions))
    for code, rows in champions.groupby("ref_area", sort=True):
        console.print(
            f"{code}: {len(rows)} series, mean error ratio to naive {rows['mase_ratio'].mean():.3f}, "
            f"coverage of the 80 % interval {rows['coverage_80'].mean():.3f}"
        )


def rate_user_table(
    method: str,
    table: Path,
    result: Path,
    console: Console,
    rules_file: Path | None = None,
    sensitivity: Path | None = None,
) -> None:
    """Apply one rule set to a table of indicators from a file; ``rules_file``: the user's own form of the rule set."""
    from lma.shortages import TABLE_RULE_SETS
    from lma.shortages.indicators import read_indicator_table

    if method not in TABLE_RULE_SETS:
        raise UsageError(f"there is no rule set {method!r}. Rule sets: {', '.join(TABLE_RULE_SETS)}.")
    for written in (result, sensitivity):
        if written is not None:
            user_tables.check_places(table, written)
    if result == sensitivity:
        raise UsageError(f"{result} is named for both results: give the sensitivity another name.")
    rules = contracts.read_rule_set(rules_file, method) if rules_file else contracts.rule_set(method)
    indicators = read_indicator_table(user_tables.read_table(table), rules)
    ratings = TABLE_RULE_SETS[method](indicators, rules)
    user_tables.write_table(ratings, result)
    scores = ratings[ratings["indicator"] == "_SCORE"]
    counts = ", ".join(
        f"{rating}: {count}"
        for rating, count in scores["rating"].fillna("N").value_counts().sort_index().items()
    )
    n_rated = int((scores["rating"].fillna("N") != "N").sum())
    console.print(
        f"{n_rated} of {len(scores)} units rated ({counts}; N is not assessable), written to {result}",
        markup=False,
    )
    if sensitivity is not None:
        _write_sensitivity(indicators, ratings, rules, sensitivity, console)


def _write_sensitivity(
    indicators: pd.DataFrame, ratings: pd.DataFrame, rules: contracts.RuleSet, place: Path, console: Console
) -> None:
    """Every variant of indicators, weights and thresholds for every unit, and how many of them keep the rating."""
    from lma.shortages import TABLE_RULE_SETS
    from lma.shortages.sensitivity import vary_thresholds, vary_weights

    heavy = contracts.rule_set("rating").threshold("heavy_weight")
    parts = [
        vary_weights(ratings, rules, heavy),
        vary_thresholds(indicators, rules, TABLE_RULE_SETS[rules.rule_set]),
    ]
    variants = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    user_tables.write_table(variants, place)
    tried = variants[variants["configured_rating"] != "N"]
    lost = int((tried["rating"] == "N").sum())
    same = int(tried["is_same"].sum())
    console.print(
        f"{len(tried)} variants of the units rated: {same} keep the rating, {len(tried) - same - lost} change it, {lost} leave too "
        f"few indicators for one; written to {place}",
        markup=False,
    )


def cut_text(text: str, most: int = 40) -> str:
    """A text of at most so many characters; three dots stand for what is left out."""
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."


def read_edition(folder: Path) -> pd.DataFrame:
    """All cells of a published edition, from its CSV tables."""
    paths = sorted((folder / "tables").glob("*.csv"))
    if not paths:
        siblings = (
            sorted(path.name for path in folder.parent.glob("*") if path.is_dir())
            if folder.parent.is_dir()
            else []
        )
        raise InputError(f"{folder} is not an edition. Editions there: {', '.join(siblings) or 'none'}.")
    numbers = {"value": "float64"}
    return pd.concat(
        [pd.read_csv(path, dtype=numbers, low_memory=False, float_precision="round_trip") for path in paths],
        ignore_index=True,
    )


def protect_user_table(
    table: Path, result: Path, dims: list[str], value: str, n_min: int, base: int, console: Console
) -> None:
    """Protect a table of counts from a file and write it to another."""
    from lma.disclosure import protect

    protected, report = protect(user_tables.read_table(table), dims, value, n_min, base)
    user_tables.write_table(protected, result)
    console.print(
        f"{report['published']} of {report['cells']} cells published, {report['primary']} withheld because they are small, "
        f"{report['complementary']} more so that these cannot be recalculated; written to {result}",
        markup=False,
    )


def convert_user_table(name: str, table: Path, result: Path, value: str, console: Console) -> None:
    """Carry a table from a file to another revision of its classification and write it to another."""
    from lma.classifications import REVISION_COLUMNS, convert_revision, correspondence

    known, frame = correspondence(name), user_tables.read_table(table)
    codes = [c for c in (known.concept, REVISION_COLUMNS[known.concept]) if c in frame.columns]
    converted = convert_revision(frame.astype(dict.fromkeys(codes, str)), name, value)
    # Shares of shares are binary numbers: nine decimals are far finer than any figure published.
    user_tables.write_table(converted.assign(**{value: converted[value].round(9)}), result)
    console.print(
        f"{len(frame)} rows of {known.source} became {len(converted)} of {known.target}: {known.step}. "
        f"{known.citation}. Written to {result}",
        markup=False,
    )


def audit_published(places: list[Path], console: Console) -> None:
    """Look for protected cells that can be recalculated from what is published."""
    from lma.disclosure import audit

    found = audit([_read_published(place) for place in places])
    console.print(f"{len(found)} protected cells can be recalculated", markup=False)
    if len(found):
        print_frame(found, console)
        raise ContractError(
            f"{len(found)} protected cells of {', '.join(map(str, places))} can be recalculated: withhold more cells (`lma protect`) "
            "before they are published, and withdraw those that are."
        )


def _read_published(place: Path) -> pd.DataFrame:
    if not place.exists():
        raise InputError(
            f"{place} does not exist: give the folder of an edition, or a table (.csv, .parquet)."
        )
    return read_edition(place) if place.is_dir() else user_tables.read_table(place)

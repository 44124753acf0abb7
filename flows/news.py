"""What the data that came between two dates did to the assessment of one country; the warehouse is not changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console

from flows import assess, forecast, refresh
from flows.evaluate import print_frame
from flows.request import RunRequest, Step
from lma import user_tables
from lma import warehouse as warehouses
from lma.contracts import Country
from lma.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from lma.assessment.news import Mix

OTHERS = "sources without a figure of the country"
MOST_FOR_BOTH_ORDERS = 6  # sources; beyond that the reversed order is computed when asked for


@dataclass
class Walk:
    """A copy of the warehouse in which the vintages of one country are mixed, one source at a time."""

    run: refresh.Run
    country: Country
    first: dt.date
    last: dt.date
    last_history: str = ""
    done: dict[tuple[str, ...], Mix] = field(default_factory=dict)

    @property
    def editions(self) -> tuple[str, str]:
        """Month of each date, from which ages of data are counted."""
        return self.first.isoformat()[:7], self.last.isoformat()[:7]

    def assess(self, step: str, edition: str, switched: Sequence[str]) -> Mix:
        """The assessment with these sources as known on the last date, the others as on the first."""
        from lma.assessment.country import assess as lay_out
        from lma.assessment.news import Mix

        key = (edition, *sorted(switched))
        if key in self.done:
            return replace(self.done[key], step=step)
        bounds = tuple((source_id, self.last) for source_id in sorted(switched))
        self.run.request = replace(self.run.request, as_of=self.first, bounds=bounds, edition=edition)
        marts = self._make_marts()
        cells = lay_out(self.country, edition, marts).cells
        self.done[key] = Mix(step, cells, marts.observations, marts.lineage())
        return self.done[key]

    def _make_marts(self) -> Any:
        refresh.derive_figures(self.run)
        self._forecast_if_needed()
        assess.balance_country(self.run, self.country)
        assess.rate_shortages(self.run, self.country)
        assess.decide_migration(self.run, self.country)
        assess.match_migration(self.run, self.country)
        return assess.collect_marts(self.run, self.country)

    def _forecast_if_needed(self) -> None:
        """Forecasts rest on annual employment alone: where that has not moved, those of the mix before hold."""
        from lma.forecasting.country import select_history

        history = select_history(self.run.warehouse.read("marts.observations"))
        columns = ["observation_id", "source_id", "obs_value", "is_break"]
        print_of_history = str(pd.util.hash_pandas_object(history[columns], index=False).sum())
        if print_of_history != self.last_history:
            forecast.forecast_countries(self.run, [self.country])
            self.last_history = print_of_history


@contextlib.contextmanager
def open_walk(request: RunRequest, first: dt.date, last: dt.date) -> Iterator[Walk]:
    """A walk in a copy of the published warehouse, which is gone afterwards."""
    warehouses.open_for_reading(request.warehouse).close()  # says what to do where there is none
    with tempfile.TemporaryDirectory(prefix="lma-news-") as folder:
        copy = Path(folder) / request.warehouse.name
        copy_warehouse(warehouses.read_copy_path(request.warehouse), copy)
        with refresh.open_run(replace(request, warehouse=copy)) as run:
            run.warehouse.load_codelists()
            yield Walk(run, request.countries()[0], first, last)


def copy_warehouse(published: Path, copy: Path) -> None:
    """A copy to work in; ``OutputError`` where the folder for temporary files cannot take it."""
    try:
        shutil.copyfile(published, copy)
    except OSError as error:
        raise OutputError(
            f"{copy} cannot take a copy of {published} ({published.stat().st_size:,} bytes): {error.strerror}. Make room there, or "
            "name another folder for temporary files in the environment variable TMPDIR."
        ) from error


def list_steps(walk: Walk) -> pd.DataFrame:
    """Sources with a vintage between the dates, by its date: source_id, vintage_before, vintage_after, matters.

    ``matters``: on one of the dates a figure of the source stands behind the country, its partners, or the
    employment of any country, from which the pooled model learns.
    """
    from lma.assessment.news import name_newest

    files = walk.run.warehouse.read("meta.snapshots")
    known = {
        day: files[files["as_of"] <= day].groupby("source_id")["as_of"].max().to_dict()
        for day in (walk.first, walk.last)
    }
    arrived = files[(files["as_of"] > walk.first) & (files["as_of"] <= walk.last)]
    sources = sorted(arrived["source_id"].unique(), key=lambda name: (known[walk.last][name], name))
    if not sources:
        raise InputError(
            f"no file in the warehouse has a vintage after {walk.first} and up to {walk.last}, so there is no news: "
            "`lma sources` tells the vintages, choose other dates."
        )
    ends = [walk.assess("start", walk.editions[0], []), walk.assess("end", walk.editions[1], sources)]
    used = set().union(*(find_used_sources(mix.observations, walk.country) for mix in ends))
    return pd.DataFrame(
        {
            "source_id": sources,
            "vintage_before": [name_newest(known[walk.first], name) for name in sources],
            "vintage_after": [name_newest(known[walk.last], name) for name in sources],
            "matters": [name in used for name in sources],
        }
    )


def find_used_sources(observations: pd.DataFrame, country: Country) -> set[str]:
    """Sources of the preferred figures of a country and its partners, and of all employment series."""
    from lma.forecasting.country import select_history

    areas = {country.ref_area, *country.partners}
    mine = observations["ref_area"].isin(areas) | observations["counterpart_area"].isin(areas)
    return set(observations.loc[mine, "source_id"]) | set(select_history(observations)["source_id"])


def walk_through(walk: Walk, steps: pd.DataFrame, *, backwards: bool, say: Step[Any, Any]) -> list[Mix]:
    """The mixes from the first date to the last: the calendar, the sources that do not matter, then one by one."""
    from lma.assessment.news import CALENDAR

    others = list(steps.loc[~steps["matters"], "source_id"])
    order = list(steps.loc[steps["matters"], "source_id"])
    before, after = walk.editions
    mixes = [walk.assess("start", before, []), walk.assess(CALENDAR, after, [])]
    mixes += [walk.assess(OTHERS, after, others)] if others else []
    switched = others
    for source_id in reversed(order) if backwards else order:
        switched = [*switched, source_id]
        mixes.append(say(exchange_vintage)(walk, source_id, switched))
    return mixes


def exchange_vintage(walk: Walk, source_id: str, switched: Sequence[str]) -> Mix:
    """The mix after one more source is taken as known on the last date."""
    return walk.assess(source_id, walk.editions[1], switched)


def find_news(
    request: RunRequest, dates: tuple[dt.date, dt.date], both_orders: bool | None, say: Step[Any, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, list[Mix]]:
    """The news of one country, its steps, and the mixes behind it; ``both_orders`` None: where it is cheap."""
    from lma.assessment.news import list_news
    from lma.forecasting.country import select_history

    first, last = dates
    if first >= last:
        raise UsageError(f"--from {first} must lie before --to {last}.")
    with open_walk(request, first, last) as walk:
        steps = say(list_steps)(walk)
        mixes = walk_through(walk, steps, backwards=False, say=say)
        twice = steps["matters"].sum() <= MOST_FOR_BOTH_ORDERS if both_orders is None else both_orders
        backwards = walk_through(walk, steps, backwards=True, say=say) if twice else []
        files = walk.run.warehouse.read("meta.snapshots")
    known = files.loc[files["as_of"] <= first, "source_id"].unique()
    vintages = steps.rename(columns={"source_id": "step"}).drop(columns="matters")
    ends = (mixes[0].observations, mixes[-1].observations)
    pooled = {node for frame in ends for node in select_history(frame)["observation_id"]}
    return list_news(mixes, backwards, known, vintages, pooled), steps, mixes


# ---------------------------------------------------------------- printing


def print_news(
    request: RunRequest,
    dates: tuple[dt.date, dt.date],
    out_file: Path | None,
    both_orders: bool | None,
    console: Console,
    say: Step[Any, Any],
) -> None:
    """Print what moved the assessment; every row is written to ``out_file`` before, where one is given."""
    from lma.assessment.news import POOLED, POOLED_IN_WORDS

    news, steps, mixes = find_news(request, dates, both_orders, say)
    if out_file is not None:
        user_tables.write_table(news, out_file)
    cells = news.drop_duplicates("address")
    counts = ", ".join(f"{n} {what}" for what, n in cells["what"].value_counts().items()) or "none"
    console.print(
        f"{request.ref_areas[0]} as known on {dates[0]} and on {dates[1]}: cells {counts}", markup=False
    )
    _print_steps(news, steps, console)
    _print_headline(news, mixes[-1], console)
    _print_largest(cells, console)
    if cells["why"].str.contains(POOLED, regex=False).any():
        console.print(f"\n{POOLED_IN_WORDS}", markup=False)
    if out_file is not None:
        console.print(f"{len(news)} rows (cell by source) written to {out_file}", markup=False)


def _print_steps(news: pd.DataFrame, steps: pd.DataFrame, console: Console) -> None:
    """What each source did, in the order in which the vintages were exchanged."""
    console.print(
        "\nsources in the order in which their vintages were exchanged (the parts of a cell sum to its change; how they"
        " split depends on this order):",
        markup=False,
    )
    numbers = news[news["part"].notna()]
    moved = numbers.groupby("step")["address"].nunique()
    appeared = news[news["change"].isna() & news["step"].notna()].groupby("step")["address"].nunique()
    shown = steps[steps["matters"]].drop(columns="matters")
    counted = {"numbers_moved": moved, "numbers_appeared": appeared}
    print_frame(
        shown.assign(**{k: shown["source_id"].map(v).fillna(0).astype(int) for k, v in counted.items()}),
        console,
    )


def _print_headline(news: pd.DataFrame, last: Mix, console: Console) -> None:
    """Parts of the cells that the headline names, with the range over both orders where it was computed."""
    sentences = " ".join(last.cells.loc[last.cells["table_id"] == "T0", "text"])
    named = re.findall(r"T\d+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_]+", sentences)
    rows = news[news["address"].isin(named) & news["part"].notna()]
    console.print(f"\ncells of the headline: {', '.join(dict.fromkeys(named)) or 'none'}", markup=False)
    for address, parts in rows.groupby("address", sort=False):
        first = parts.iloc[0]
        console.print(
            f"{address} {first['row_label']} / {first['column_label']}: {_show_both(first)},"
            f" change {_show_part(first, 'change')}",
            markup=False,
        )
        for part in parts.sort_values("part", key=lambda column: -column.abs(), kind="stable").to_dict(
            "records"
        ):
            console.print(f"    {part['step']}: {_show_part(part)}{_describe_range(part)}", markup=False)
        console.print(f"    {first['why']}\n    {first['inputs']}".rstrip(), markup=False)


def _describe_range(part: dict[str, Any]) -> str:
    other = part["part_reversed"]
    if pd.isna(other):
        return ""
    low, high = sorted(("part", "part_reversed"), key=lambda name: float(part[name]))
    return f" (between {_show_part(part, low)} and {_show_part(part, high)} over both orders)"


def _show_both(row: Mapping[Any, Any]) -> str:
    """The number before and after, with its unit."""
    from lma.assessment.news import show_value

    unit = row["unit_measure"]
    return f"{show_value(row['value_before'], unit)} to {show_value(row['value_after'], unit)} {unit}"


def _show_part(row: Mapping[Any, Any], name: str = "part") -> str:
    from lma.assessment.news import show_value

    return show_value(float(row[name]), row["unit_measure"], sign="+")


def list_largest(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells whose number moved by a per cent that does not round to +0.0."""
    numbers = cells[cells["change"].notna() & cells["relative_change"].notna()]
    return numbers[numbers["relative_change"].astype(float).round(1) != 0]


def _print_largest(cells: pd.DataFrame, console: Console, most: int = 5) -> None:
    """The largest relative changes of each table, with the most moved figures behind them."""
    console.print(f"\nlargest relative changes, {most} of each table:", markup=False)
    numbers = list_largest(cells)
    for _, rows in numbers.groupby(numbers["address"].str.split(".").str[0], sort=False):
        for row in rows.head(most).to_dict("records"):
            period = (
                ""
                if row["period_before"] == row["period_after"]
                else f", {row['period_before']} to {row['period_after']}"
            )
            console.print(
                f"{row['address']} {row['row_label']} / {row['column_label']}: {_show_both(row)}"
                f" ({row['relative_change']:+.1f} %{period})\n    {row['inputs'] or row['why']}",
                markup=False,
            )

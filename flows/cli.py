"""The `lma` command. Heavy libraries are imported inside the commands that need them."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows.request import (
    DEFAULT_HORIZON,
    DEFAULT_OUT,
    DEFAULT_REF_AREAS,
    DEFAULT_WAREHOUSE,
    RunRequest,
    choose_forms,
    choose_languages,
)
from lma.errors import DefinitionError, LmaError, UsageError

# Ministries run this behind firewalls: no library may report home.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

app = typer.Typer(
    name="lma",
    help="Which sectors will lack workers, by how many, how sure we are, and where labour migration could honestly fill the gap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _open_console(*, stderr: bool) -> Console:
    """A console that prints what it is given; scripts get whole lines, however long a table is."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr, highlight=False, soft_wrap=True, emoji=False, width=None if is_terminal else 10_000
    )


out = _open_console(stderr=False)
err = _open_console(stderr=True)

Countries = Annotated[
    list[str] | None,
    typer.Argument(help="Countries, ISO 3166-1 alpha-3 (default: MUS ARM).", show_default=False),
]
OneCountry = Annotated[str, typer.Argument(help="Country, ISO 3166-1 alpha-3.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for editions.")]
WarehousePath = Annotated[Path, typer.Option("--warehouse", help="DuckDB file.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="LMA_DATA",
        help="Folder of publishers' files (default: the shipped sample).",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="Use only what was known on this date, YYYY-MM-DD; nothing is fetched for a past one.",
        show_default=False,
    ),
]
Horizon = Annotated[int, typer.Option("--horizon", min=1, max=40, help="Years ahead.")]
Offline = Annotated[bool, typer.Option("--offline", help="Do not use the network.")]
EditionId = Annotated[
    str | None,
    typer.Option(
        "--edition",
        help="Edition to publish, YYYY-MM (default: this month, or the month of --as-of).",
        show_default=False,
    ),
]
InTable = Annotated[Path, typer.Argument(metavar="IN", help="Table to read, .csv or .parquet.")]
OutTable = Annotated[Path, typer.Argument(metavar="OUT", help="Table to write, .csv or .parquet.")]

Languages = Annotated[
    list[str] | None,
    typer.Option(
        "--language",
        help="Language of what people read, such as fr; may be repeated (default: en and those of the country's file).",
        show_default=False,
    ),
]
Forms = Annotated[
    list[str] | None,
    typer.Option(
        "--form",
        help="Output form to make, such as html; may be repeated (default: all). The tables as CSV are always made.",
        show_default=False,
    ),
]

STOPPED_BY_HAND = 130  # what typer returns for Ctrl-C


# ---------------------------------------------------------------- asking and telling


def _parse_date(text: str | None, option: str) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a date: write it as YYYY-MM-DD, for example 2018-12-31."
        ) from None


def _edition_id(text: str | None, as_of: dt.date | None) -> str:
    if text is None:
        return (as_of or dt.date.today()).isoformat()[:7]
    try:
        return dt.datetime.strptime(text, "%Y-%m").date().isoformat()[:7]
    except ValueError:
        raise UsageError(
            f"--edition {text!r} is not a month: write it as YYYY-MM, for example 2026-11."
        ) from None


def _request(ref_areas: list[str] | None, warehouse: Path, command: str, **given: Any) -> Any:
    as_of = _parse_date(given.pop("as_of", None), "--as-of")
    edition = _edition_id(given.pop("edition", None), as_of)
    if languages := given.pop("languages", None):
        given["languages"] = choose_languages(languages)
    if forms := given.pop("forms", None):
        given["forms"] = choose_forms(forms)
    codes = tuple(dict.fromkeys(code.upper() for code in ref_areas or DEFAULT_REF_AREAS))
    return RunRequest(
        ref_areas=codes,
        warehouse=warehouse,
        edition=edition,
        as_of=as_of,
        command=command,
        out=given.pop("out", DEFAULT_OUT),
        **given,
    )


def _title(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """The step and what it is about: a country, or the source or other thing named by a text."""
    about = next((a.ref_area for a in arguments if hasattr(a, "ref_area")), None)
    about = about or next((a for a in arguments if isinstance(a, str)), None)
    words = function.__name__.replace("_", " ")
    return f"{words} {about}" if about else words


class _Narrator:
    """Says what is being done: on a terminal a bar of the steps of a run (a spinner where their number is not known), else plain lines."""

    def __init__(self, n_steps: int | None = None) -> None:
        self.n_steps, self.done = n_steps, 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            title, started = _title(function, arguments), time.monotonic()
            try:
                with self._show(title) if err.is_terminal else nullcontext():
                    result = function(*arguments, **named)
                self.done += 1
                err.print(f"  {title:<34} {time.monotonic() - started:6.1f} s")
            finally:  # a step that stops has often said why before
                _tell_messages(arguments)
            return result

        return run

    def _show(self, title: str) -> AbstractContextManager[Any]:
        if self.n_steps is None:
            return err.status(title)
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            SpinnerColumn(),
            BarColumn(24),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        bar = Progress(*columns, console=err, transient=True)
        bar.add_task(title, total=max(self.n_steps, self.done + 1), completed=self.done)
        return bar


_narrate = _Narrator()


def _tell_messages(arguments: tuple[Any, ...]) -> None:
    for run in arguments[:1]:
        messages = getattr(run, "messages", None)
        while messages:
            err.print(f"    {messages.pop(0)}", markup=False)


def main() -> None:
    """Entry point: a user's mistake ends in one message and its own exit code, never in a traceback."""
    try:
        code = app(standalone_mode=False)  # of a command that stopped with an exit code of its own
        if code == STOPPED_BY_HAND:
            err.print("lma: stopped by hand; nothing was published.")
        if code:
            sys.exit(code)
    except LmaError as error:
        err.print(f"lma: {error}", markup=False)
        sys.exit(error.exit_code)
    except Exception as error:
        usage = getattr(error, "exit_code", None)
        if usage is None or not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        is_help = message.startswith("Usage:")  # `lma` alone
        err.print(message if is_help else f"lma: {message}  See `lma --help`.", markup=False)
        sys.exit(usage)


# ---------------------------------------------------------------- the main job


@app.command()
def run(
    ref_areas: Countries = None,
    out_folder: Out = DEFAULT_OUT,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    data: Data = None,
    as_of: AsOf = None,
    horizon: Horizon = DEFAULT_HORIZON,
    offline: Offline = False,
    edition: EditionId = None,
    languages: Languages = None,
    forms: Forms = None,
) -> None:
    """Everything: land, check, forecast, balance, rate, decide, assess, publish.

    Example: lma run MUS ARM --offline
    """
    from flows.pipeline import count_steps, run_pipeline

    request = _request(
        ref_areas,
        warehouse,
        "lma run",
        out=out_folder,
        data=data,
        as_of=as_of,
        horizon=horizon,
        offline=offline,
        edition=edition,
        languages=languages,
        forms=forms,
    )
    folders = run_pipeline(request, _Narrator(count_steps(len(request.ref_areas))))
    from flows.summary import summarise

    for folder in folders:
        summarise(folder, out)


@app.command()
def refresh(
    source_ids: Annotated[
        list[str] | None, typer.Argument(help="Sources (default: all).", show_default=False)
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    data: Data = None,
    offline: Offline = False,
) -> None:
    """Land, parse, conform, check and load publishers' files; no forecast, no edition.

    Example: lma refresh wdi --data publishers/ --offline
    """
    from flows.refresh import refresh_sources

    request = _request(None, warehouse, "lma refresh", data=data, offline=offline)
    refresh_sources(request, source_ids or [], _narrate)


@app.command()
def ingest(
    source_id: Annotated[str, typer.Argument(help="Source, see `lma sources`.")],
    files: Annotated[list[Path], typer.Argument(help="Files of that source.")],
    vintage: Annotated[
        str | None,
        typer.Option(
            "--vintage", help="Date the publisher stood by the file, YYYY-MM-DD.", show_default=False
        ),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Land and load files of one source by hand.

    Example: lma ingest mus_eoe EOE_3Qtr25.csv --vintage 2025-12-31
    """
    from flows.refresh import ingest_files

    ingest_files(
        _request(None, warehouse, "lma ingest", offline=True),
        source_id,
        files,
        _parse_date(vintage, "--vintage"),
        _narrate,
    )
    from flows.sources import tell_next

    tell_next(source_id, out)


@app.command()
def withdraw(
    source_id: Annotated[str, typer.Argument(help="Source, see `lma sources`.")],
    vintage: Annotated[str, typer.Argument(help="Vintage to take out of use, YYYY-MM-DD.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the ledger.")],
    reviewer: Annotated[
        str,
        typer.Option(
            "--reviewer",
            envvar="LMA_REVIEWER",
            help="Who decides (default: the user's name).",
            show_default=False,
        ),
    ] = "",
    file_name: Annotated[
        str | None, typer.Option("--file", help="Only this file of the vintage.", show_default=False)
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Put a withdrawn vintage back into use.")
    ] = False,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Take a bad vintage out of use; its file stays landed, with a note of who decided when and why.

    Example: lma withdraw mus_eoe 2025-12-31 --reason wrong-quarter
    """
    import getpass

    from flows.withdraw import withdraw_vintage

    date = _parse_date(vintage, "VINTAGE")
    request = _request(None, warehouse, "lma withdraw", offline=True)
    withdraw_vintage(
        request,
        source_id,
        date,
        reason,
        reviewer or getpass.getuser(),
        file_name,
        restore=restore,
        step=_narrate,  # type: ignore[arg-type]
    )


@app.command()
def check(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="Tables, such as staging.observations (default: all).", show_default=False),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Hold the warehouse to its contracts; exit code 12 when one is broken.

    Example: lma check marts.forecasts
    """
    from flows.refresh import check_warehouse

    check_warehouse(_request(None, warehouse, "lma check", offline=True), tables or [], out)


@app.command()
def forecast(
    ref_areas: Countries = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    horizon: Horizon = DEFAULT_HORIZON,
    as_of: AsOf = None,
) -> None:
    """Forecast employment by sector from what the warehouse holds.

    Example: lma forecast MUS --horizon 5
    """
    from flows.forecast import forecast_only

    forecast_only(
        _request(ref_areas, warehouse, "lma forecast", horizon=horizon, as_of=as_of, offline=True), _narrate
    )


@app.command("forecast-panel")
def forecast_panel(
    table: InTable,
    result: OutTable,
    horizon: Annotated[int, typer.Option("--horizon", help="Periods ahead, 1 to 120.")] = DEFAULT_HORIZON,
    freq: Annotated[str, typer.Option("--freq", help="A (annual), Q (quarterly) or M (monthly).")] = "A",
) -> None:
    """Forecast any panel: unique_id, ds, y -> unique_id, h, ds, mean, quantiles, model_id, reason.

    Example: lma forecast-panel panel.csv forecasts.csv --horizon 5 --freq A

    IN has one row per series and period. `ds` is 2020, 2020-Q2, 2020-05 or a date in the period; an empty `y` is missing. A
    column `is_break` (true, false) marks the first period after a break: nothing before the last one is used. OUT has a row
    per series and period ahead: `mean`, `lo95` to `hi95`, `model_id`, and its error relative to naive (`mase_ratio`, `n_origins`).

    A series that cannot be forecast has one row with h = 0, no numbers and a reason; the others are forecast all the same:
    TOO_SHORT (below 8 annual, 16 quarterly, 36 monthly values), SHORT_AFTER_BREAK, GAPS (too few values after a gap of three
    periods, or over a fifth of them missing), ALL_MISSING, NOT_A_NUMBER (text, infinite, beyond 1e18), DUPLICATE_PERIOD,
    BAD_PERIOD, FUTURE_PERIOD (a row dated after today). CONSTANT marks one that never moved: its intervals say nothing.

    Where a column is missing, a row has no unique_id, or no series at all can be read, nothing is written (exit code 11).
    """
    from flows.forecast_panel import forecast_user_panel

    forecast_user_panel(table, result, horizon, freq, out, _narrate)


@app.command()
def backtest(ref_areas: Countries = None, warehouse: WarehousePath = DEFAULT_WAREHOUSE) -> None:
    """Rolling-origin scorecard: the champion of every series against the naive model.

    `mase_ratio` below 1: better than naive. Table T12 of an edition has the other candidates too.

    Example: lma backtest MUS ARM
    """
    from flows.evaluate import print_scorecard

    print_scorecard(_request(ref_areas, warehouse, "lma backtest", offline=True), out)


@app.command()
def evaluate(
    ref_areas: Countries = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    n_origins: Annotated[
        int, typer.Option("--origins", min=1, max=30, help="Years to forecast from again.")
    ] = 5,
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=5, help="Years ahead.")] = DEFAULT_HORIZON,
) -> None:
    """Past forecasts against what came: as first published, and as the latest vintage has it.

    Judged are the forecasts that editions published and hindcasts, told apart: the engine run again on the
    figures up to an earlier year (hindcast_cut), and on what was known when each vintage came
    (hindcast_vintage).

    Example: lma evaluate MUS ARM --origins 5
    """
    from flows.hindsight import evaluate_only

    request = _request(ref_areas, warehouse, "lma evaluate", horizon=horizon, offline=True)
    evaluate_only(request, n_origins, _narrate, out)


@app.command()
def rate(
    method: Annotated[str, typer.Argument(help="Rule set: ba, oecd, mac, austria, cedefop, cops, jsa.")],
    table: InTable,
    result: OutTable,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="Your own form of the rule set (YAML): weights, cut points, thresholds.",
        ),
    ] = None,
    sensitivity: Annotated[
        Path | None,
        typer.Option(
            "--sensitivity",
            metavar="FILE",
            help="Also write each rating without each indicator, with other weights and with other thresholds.",
        ),
    ] = None,
) -> None:
    """Apply one rule set to a table of indicators; needs no warehouse.

    Example: lma rate ba indicators.csv ratings.csv --sensitivity variants.csv
    """
    from flows.evaluate import rate_user_table

    rate_user_table(method, table, result, out, rules, sensitivity)


@app.command()
def assess(
    ref_area: OneCountry,
    out_folder: Out = DEFAULT_OUT,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    edition: EditionId = None,
    horizon: Horizon = DEFAULT_HORIZON,
    languages: Languages = None,
    forms: Forms = None,
) -> None:
    """Assess and publish one country from what the warehouse holds.

    Example: lma assess MUS --edition 2026-11
    """
    from flows.pipeline import assess_only
    from flows.summary import summarise

    request = _request(
        [ref_area], warehouse, "lma assess", out=out_folder, edition=edition, horizon=horizon, offline=True,
        languages=languages, forms=forms,
    )  # fmt: skip
    for folder in assess_only(request, _narrate):
        summarise(folder, out)


@app.command()
def coverage(
    result: Annotated[Path, typer.Argument(metavar="OUT", help="Table to write, .csv or .parquet.")],
    ref_areas: Annotated[
        list[str] | None,
        typer.Argument(
            help="Countries, ISO 3166-1 alpha-3 (default: all with employment).", show_default=False
        ),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    horizon: Horizon = DEFAULT_HORIZON,
) -> None:
    """Assess every country the warehouse knows, and count which tables its data can fill, and why others stay empty.

    Example: lma coverage coverage.csv

    A country without a file of its own is taken as a destination with its largest corridors. Nothing is published;
    the ratings stay in the warehouse, where the corridors of other countries find them.
    """
    from flows.coverage import measure_coverage

    request = _request(ref_areas, warehouse, "lma coverage", horizon=horizon, offline=True)
    measure_coverage(request if ref_areas else replace(request, ref_areas=()), result, _narrate, out)


@app.command()
def scenario(
    ref_area: Annotated[
        str | None, typer.Argument(help="Country, ISO 3166-1 alpha-3.", show_default=False)
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO...", help="Ready scenarios by name, YAML files of your own.", show_default=False
        ),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the table and the page.", show_default=False)
    ] = None,
    list_ready: Annotated[bool, typer.Option("--list", help="List the ready scenarios.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All ready scenarios, side by side.")] = False,
) -> None:
    """Ask what if: the gap under scenarios beside the baseline, with the same random numbers.

    Example: lma scenario MUS more_women my.yaml --out what_if

    A file has the keys `name` (small letters, digits, _), `description`, and at least one of
    demand_growth_points, wage_growth_points, automation_pc, recruitment_quota, foreign_ceiling (a figure by
    activity, such as {F: 1}; _T for all), recruitment_stop (a list of activities), participation_points,
    retirement_age_years, return_persons, return_pc. `--list` shows eight to copy.
    """
    from flows.scenario import list_scenarios, print_scenarios
    from lma import contracts

    if list_ready:
        return list_scenarios(out)
    asked = [*(names or []), *(contracts.scenarios() if every else [])]
    if ref_area is None or not asked:
        raise UsageError(
            "name a country and at least one scenario, such as `lma scenario MUS more_women`: "
            f"a YAML file, --all, or one of {', '.join(contracts.scenarios())}."
        )
    request = _request([ref_area], warehouse, "lma scenario", offline=True)
    return print_scenarios(request, asked, out_folder, out, _narrate)


@app.command()
def compare(
    ref_area: OneCountry,
    edition: Annotated[str, typer.Argument(help="Earlier edition, such as 2026-10.")],
    other: Annotated[str, typer.Argument(help="Later edition, such as 2026-11.")],
    out_folder: Out = DEFAULT_OUT,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Table of all changes, .csv or .parquet.", show_default=False),
    ] = None,
) -> None:
    """What changed between two editions of one country, and why: data, method, classification or the passing of time.

    Example: lma compare MUS 2026-10 2026-11 --table changes.csv

    First a summary, the figures of the headline and the ratings, then the largest movements. Long texts are cut to
    fit the terminal; the table has them whole.
    """
    from flows.editions import print_comparison

    print_comparison(out_folder, ref_area, edition, other, table, out)


@app.command()
def editions(
    ref_areas: Annotated[
        list[str] | None,
        typer.Argument(help="Countries, ISO 3166-1 alpha-3 (default: all there are).", show_default=False),
    ] = None,
    out_folder: Out = DEFAULT_OUT,
    as_json: Annotated[bool, typer.Option("--json", help="A list for scripts.")] = False,
) -> None:
    """List the published editions: data cut-off, languages, made by which version and method, whole or damaged, errata.

    Every file is held against the edition's SHA256SUMS; exit code 12 where one is damaged.

    Example: lma editions MUS --json
    """
    from flows.editions import print_editions

    print_editions(out_folder, ref_areas or [], as_json, out)


@app.command()
def erratum(
    ref_area: OneCountry,
    edition: Annotated[str, typer.Argument(help="Edition that says it wrongly, such as 2026-10.")],
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            help="What is wrong, in a sentence for readers (a correction may leave it out).",
            show_default=False,
        ),
    ] = "",
    address: Annotated[
        str, typer.Option("--address", help="Cell or table, such as T5.C.2030 or T5.", show_default=False)
    ] = "",
    corrected_by: Annotated[
        str,
        typer.Option("--corrected-by", help="Later edition that says it rightly.", show_default=False),
    ] = "",
    reviewer: Annotated[
        str,
        typer.Option(
            "--reviewer",
            envvar="LMA_REVIEWER",
            help="Who signs (default: the user's name).",
            show_default=False,
        ),
    ] = "",
    out_folder: Out = DEFAULT_OUT,
) -> None:
    """Record that a published edition says something wrong. The edition is not changed; the record can only be added to.

    It is shown by `lma editions`, `lma compare`, the site, and the change log (T13) of the next edition.

    Example: lma erratum MUS 2026-10 --reason wrong-unit --address T5.C.2030
    """
    import getpass

    from flows.editions import record_erratum
    from lma.contracts import Erratum

    signed = reviewer or getpass.getuser()
    today = dt.date.today().isoformat()
    given = Erratum(edition, address, " ".join(reason.split()), today, signed, corrected_by)
    record_erratum(out_folder, ref_area, given, out)


@app.command()
def retention(
    ref_areas: Annotated[
        list[str] | None,
        typer.Argument(help="Countries, ISO 3166-1 alpha-3 (default: all there are).", show_default=False),
    ] = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Newest editions kept in any case.")] = 12,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only the plan is shown.")] = False,
    reviewer: Annotated[
        str,
        typer.Option(
            "--reviewer",
            envvar="LMA_REVIEWER",
            help="Who decides (default: the user's name).",
            show_default=False,
        ),
    ] = "",
    out_folder: Out = DEFAULT_OUT,
) -> None:
    """Thin out editions: of each month those between its first and its last may go; nothing goes without --yes.

    Kept are the newest ones, every edition that an erratum names, and damaged ones. Of a removed edition the hashes of all
    files stay on record, and its name is never given again.

    Example: lma retention MUS --keep 12
    """
    import getpass

    from flows.editions import print_retention

    print_retention(out_folder, ref_areas or [], keep, yes, reviewer or getpass.getuser(), out)


@app.command()
def news(
    ref_area: OneCountry,
    first: Annotated[str, typer.Option("--from", help="Earlier date, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Later date, YYYY-MM-DD.")],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    horizon: Horizon = DEFAULT_HORIZON,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Table of all changes, .csv or .parquet.", show_default=False)
    ] = None,
    both_orders: Annotated[
        bool | None,
        typer.Option(
            "--both-orders/--one-order",
            help="Exchange the vintages in the reversed order too (default: where six sources or fewer moved).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Which input moved which cell by how much between two dates; the warehouse is not changed.

    Example: lma news ARM --from 2025-12-31 --to 2026-06-30 --out news.csv

    The assessment is made as of both dates with the same code and parameters, then with one source's vintage
    exchanged after the other. The parts of a cell sum to its change; how they split depends on the order.
    """
    from flows.news import print_news

    dates = _parse_date(first, "--from"), _parse_date(last, "--to")
    request = _request([ref_area], warehouse, "lma news", horizon=horizon, offline=True)
    print_news(request, dates, out_file, both_orders, out, _narrate)  # type: ignore[arg-type]


@app.command()
def revisions(
    ref_areas: Countries = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Only vintages newer than this date, YYYY-MM-DD.", show_default=False),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Movements shown per source.")] = 5,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Table of all revisions, .csv or .parquet.", show_default=False),
    ] = None,
) -> None:
    """What newer vintages changed: bias of the first figures by source, and the largest movements.

    Example: lma revisions MUS ARM --after 2018-12-31 --out revisions.csv
    """
    from flows.revisions import print_revisions

    request = _request(ref_areas, warehouse, "lma revisions", offline=True)
    print_revisions(request, _parse_date(after, "--after"), out_file, most, out)


@app.command()
def protect(
    table: InTable,
    result: OutTable,
    dims: Annotated[str, typer.Option("--dims", help="Columns that classify, joined by commas.")],
    value: Annotated[str, typer.Option("--value", help="Column of counts.")],
    n_min: Annotated[int, typer.Option("--n-min", min=2, help="Smallest count that may be shown.")] = 5,
    base: Annotated[int, typer.Option("--base", min=1, help="Round to multiples of this.")] = 5,
) -> None:
    """Suppress small cells, protect them against recalculation, and round.

    Example: lma protect permits.csv safe.csv --dims sex,origin --value permits
    """
    from flows.evaluate import protect_user_table

    protect_user_table(table, result, [name.strip() for name in dims.split(",")], value, n_min, base, out)


@app.command()
def convert(
    correspondence: Annotated[str, typer.Argument(help="Correspondence, such as isic3_isic4.")],
    table: InTable,
    result: OutTable,
    value: Annotated[str, typer.Option("--value", help="Column of additive figures.")] = "obs_value",
) -> None:
    """Carry a table to another revision of its classification; the total stays, the result says how.

    The table declares the revision it is in: columns economic_activity and activity_revision (or occupation
    and occupation_revision).

    Example: lma convert isic3_isic4 old.csv new.csv --value persons
    """
    from flows.evaluate import convert_user_table

    convert_user_table(correspondence, table, result, value, out)


@app.command()
def site(
    out_folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the site.")],
    editions: Annotated[Path, typer.Option("--editions", help="Folder of editions.")] = DEFAULT_OUT,
    link: Annotated[
        bool,
        typer.Option("--link", help="Hard links to the editions, where the disk allows, instead of copies."),
    ] = False,
) -> None:
    """A web site over all countries and editions: map, sectors compared, changes, downloads, search; files alone.

    Open OUT/index.html from the folder, or put OUT on any web server. A site made before is replaced; editions are not changed.

    Example: lma site public --editions editions
    """
    from flows.site import build_site

    build_site(out_folder, editions, out, _narrate, link=link)


@app.command()
def audit(
    editions: Annotated[list[Path], typer.Argument(help="Folders of editions, or tables (.csv, .parquet).")],
) -> None:
    """Look for protected cells that can be recalculated, within and between published tables; exit code 12 when there are.

    Example: lma audit editions/MUS/2026-10 editions/MUS/2026-11
    """
    from flows.evaluate import audit_published

    audit_published(editions, out)


@app.command()
def trace(
    ref_area: OneCountry,
    address: Annotated[str, typer.Argument(help="Cell, such as T5.C.2030.")],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Print the path of one number back to the publisher's own row, address and licence.

    Example: lma trace MUS T5.C.2030
    """
    from flows.trace import print_trace

    print_trace(warehouse, ref_area.upper(), address, out)


@app.command()
def docs(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
) -> None:
    """Write the data dictionary and the list of sources, made from the contracts.

    Example: lma docs docs
    """
    from flows.documents import write_documents

    write_documents(folder, out)


# ---------------------------------------------------------------- sources


sources_app = typer.Typer(no_args_is_help=False, invoke_without_command=True, rich_markup_mode=None)
app.add_typer(sources_app, name="sources")


@sources_app.callback()
def sources(
    context: typer.Context,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    here: Annotated[bool, typer.Option("--here", help="Only sources that have files here.")] = False,
) -> None:
    """List every source: publisher, licence, last vintage, figures, stale or not, table, withdrawn files.

    Example: lma sources --here
    """
    if context.invoked_subcommand is None:
        from flows.sources import list_sources

        list_sources(warehouse, dt.date.today(), out, only_here=here)


@sources_app.command("show")
def show_source(
    source_id: Annotated[str, typer.Argument(help="Source, see `lma sources`.")],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Describe one source in words: licence, layout, vintages, what becomes of its columns, files landed.

    Example: lma sources show mus_eoe
    """
    from flows.sources import show_source

    show_source(warehouse, source_id, dt.date.today(), out)


@sources_app.command("new")
def new_source(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A csv or Excel table of your own.")],
    source_id: Annotated[
        str | None,
        typer.Option("--id", help="Name of the source (default: from the file).", show_default=False),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: write every guess down, marked as one.")
    ] = False,
) -> None:
    """Write a first description of a table of your own, which then goes in with `lma ingest`.

    Example: lma sources new emploi.csv --id mus_emploi --yes

    It is written to the folder `sources` (or $LMA_SOURCES), where your own sources live. It asks on a
    terminal; with --yes each guess stands in the file as a comment, and no run reads the file before you
    have checked them and removed the line `draft: true`.
    """
    from flows.sources import new_source

    new_source(file, source_id, take_guesses=yes, console=out)


# ---------------------------------------------------------------- records of persons


records_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Unit-level permit records: count them without showing any, or make synthetic ones.

    Example: lma records synthetic permits.csv --n 1000""",
)
app.add_typer(records_app, name="records")


@records_app.command("synthetic")
def make_synthetic_records(
    path: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, .csv.")],
    n: Annotated[int, typer.Option("--n", min=0, help="Number of permits.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same file.")] = 1,
) -> None:
    """Write synthetic permit records, marked as such: to try the path of a ministry's own file.

    Example: lma records synthetic permits.csv --n 45000 --seed 7
    """
    from flows.records import make_synthetic

    make_synthetic(path, n, seed, out)


@records_app.command("count")
def count_permit_records(
    table: Annotated[Path, typer.Argument(metavar="IN", help="File of records, .csv.")],
    result: OutTable,
    years: Annotated[str, typer.Option("--years", help="Counted on 31 December, joined by commas.")],
    store: Annotated[Path, typer.Option("--store", help="Folder that only you may read.")],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            help="File with the secret key (default: the variable LMA_PSEUDONYM_KEY).",
            show_default=False,
        ),
    ] = None,
    n_min: Annotated[
        int | None,
        typer.Option(
            "--n-min", min=2, help="Smallest count shown (default: 10, from the rules).", show_default=False
        ),
    ] = None,
) -> None:
    """Count persons with a valid permit by citizenship, sex and activity; small cells are withheld.

    Columns: person_id, birth_date, sex, citizenship, occupation, economic_activity, permit_type, valid_from,
    valid_to, employer_id. No row, name or number of a person is ever shown.

    Example: lma records count in.csv out.csv --years 2024 --store private
    """
    from flows.records import count_records

    count_records(table, result, store, key, _read_years(years), n_min, out)


@records_app.command("purge")
def purge_permit_records(
    store: Annotated[Path, typer.Argument(help="Folder given as --store.")],
) -> None:
    """Remove the pseudonymised records that counting left in the store.

    Example: lma records purge private
    """
    from flows.records import purge_records

    purge_records(store, out)


def _read_years(text: str) -> list[int]:
    """Years joined by commas."""
    parts = [part.strip() for part in text.split(",")]
    wrong = [part for part in parts if not (part.isdigit() and len(part) == 4)]
    if wrong:
        raise UsageError(f"--years {text}: {wrong[0]!r} is no year; write for example 2023,2024.")
    return sorted({int(part) for part in parts})


# ---------------------------------------------------------------- quarantine


quarantine_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Rows that broke a contract: look at them, and release those whose figure is right.

    Example: lma quarantine list""",
)
app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
def list_quarantined(
    source: Annotated[
        str | None, typer.Option("--source", help="Only rows of this source.", show_default=False)
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only rows that break this rule.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows shown.")] = 20,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """List refused rows with the rule they break, and how many there are by source and rule.

    Example: lma quarantine list --source arm_wages_monthly
    """
    from flows.quarantine import list_quarantine

    list_quarantine(warehouse, source, rule, limit, out)


@quarantine_app.command("show")
def show_quarantined(
    wanted: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="Id of a row, or a file (name or sha256).")
    ],
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Show refused rows beside the publisher's own row, and whether a reviewer may release them.

    Example: lma quarantine show 2888d6e1bff6:1736:wages
    """
    from flows.quarantine import show_quarantined

    show_quarantined(warehouse, wanted, out)


@quarantine_app.command("release")
def release_quarantined(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of rows.")],
    reason: Annotated[str, typer.Option("--reason", help="What was looked at, and why the figure is right.")],
    reviewer: Annotated[
        str | None,
        typer.Option("--reviewer", envvar="LMA_REVIEWER", help="Name of the reviewer.", show_default=False),
    ] = None,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
) -> None:
    """Release rows after a person has looked: the figure is loaded with reviewer and reason in its note.

    Only rules that judge the size of a figure can be set aside, never those about keys, codes or types. The
    record stands beside the landed files; it applies to this row of this file with this figure only.

    Example: lma quarantine release 2888d6e1bff6:7 --reason "see bulletin"
    """
    from flows.quarantine import release_rows

    request = _request(None, warehouse, "lma quarantine release", offline=True)
    release_rows(request, ids, reason, reviewer, _narrate)


@app.command()
def languages(
    update: Annotated[
        bool, typer.Option("--update", help="Write new messages into every catalogue, drop dead ones.")
    ] = False,
) -> None:
    """List the languages and how much of each is translated; check every catalogue.

    Example: lma languages --update
    """
    from flows.languages import print_catalogues, update_catalogues

    if update:
        out.print(f"brought up to date: {', '.join(update_catalogues()) or 'nothing to do'}", markup=False)
    if not print_catalogues(out):
        raise typer.Exit(DefinitionError.exit_code)


@app.command()
def doctor(warehouse: WarehousePath = DEFAULT_WAREHOUSE, out_folder: Out = DEFAULT_OUT) -> None:
    """Tell what is missing in the environment.

    Example: lma doctor
    """
    from flows.doctor import examine_environment

    if not examine_environment(warehouse, out_folder, out):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()

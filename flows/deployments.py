"""The same steps as Prefect flows and tasks: schedules, retries, run names and artifacts. The only importer of Prefect.

Prefect keeps what passes through its hands: arguments are hashed, results and exceptions are pickled into its
home folder, messages and tracebacks go into its database. So a task here has no arguments and no result, and an
error is told as its own message and nothing else. Frames, connections and rows of data stay in this process.
"""

from __future__ import annotations

import csv
import datetime as dt
import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import FailedRun
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.tasks import Task
from pydantic import Field

from flows.assess import check_places
from flows.fetching import Outcome
from flows.pipeline import run_pipeline
from flows.refresh import refresh_sources as refresh_only
from flows.request import (
    DEFAULT_HORIZON,
    DEFAULT_OUT,
    DEFAULT_WAREHOUSE,
    RunRequest,
    choose_forms,
    choose_languages,
)
from flows.summary import describe_edition
from lma import warehouse as warehouses
from lma.errors import LmaError, LockedError

P = ParamSpec("P")
R = TypeVar("R")

ARTIFACT_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "T3": (
        "Which activities lack workers",
        ("final_rating", "confidence", "p_shortage", "gap_q10", "gap_q50", "gap_q90", "rating_now", "forecast_rating", "drivers"),
    ),
    "T9": (
        "What else could fill the gap",
        ("drivers", "pay", "train", "activate", "neet", "automate", "recognise", "migrate"),
    ),
    "T10": (
        "When could labour migration fill the gap",
        ("result", "why", "need_low", "need_high", "modality", *(f"D{number}" for number in range(9))),
    ),
    "T12": ("Accuracy of the forecasts", ()),
}  # fmt: skip
"""Table -> its title and the columns shown beside a run (none named: all)."""

RETRY_DELAYS = [5.0, 30.0]  # seconds before the second and the third attempt
WAIT_SECONDS = 300  # a run of two countries holds the warehouse for a few minutes; three attempts outlast it

# The server refuses other parameters when a run is asked for, before a worker has it.
RefAreas = Annotated[list[Annotated[str, Field(pattern="^[A-Za-z]{3}$")]], Field(min_length=1)]
EditionMonth = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Horizon = Annotated[int, Field(ge=1, le=40)]
Seconds = Annotated[int, Field(ge=0)]


# ---------------------------------------------------------------- steps as tasks


class UnexpectedError(LmaError):
    """A step failed in a way nobody foresaw: where it failed, but not with which value, which may be data."""


def is_worth_retrying(_task: Task[..., object], _run: TaskRun, state: State) -> bool:
    """Another attempt may help when the warehouse was locked or something outside failed, not when the request or the data are wrong."""
    return isinstance(state.data, (LockedError, UnexpectedError))


def as_task(function: Callable[P, R]) -> Callable[P, R]:
    """Run one step as a Prefect task of the same name; its arguments, its result and the cause of its errors stay out of Prefect."""
    name = function.__name__.replace("_", " ")

    def run_step(*arguments: P.args, **named: P.kwargs) -> R:
        country = next((argument.ref_area for argument in arguments if hasattr(argument, "ref_area")), None)
        results: list[R] = []

        @task(
            name=name, task_run_name=f"{name} {country}" if country else name, retries=len(RETRY_DELAYS), retry_delay_seconds=RETRY_DELAYS,
            retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE, persist_result=False,
        )  # fmt: skip
        def step() -> None:
            try:
                results.append(function(*arguments, **named))
            except Exception as error:
                raise as_told(error, name) from None
            finally:  # a step that stops has often said why before
                _log_messages(arguments)

        step()
        return results[-1]

    return run_step


def as_told(error: Exception, doing: str) -> LmaError:
    """The error as it may leave this process: our own as it is, any other as its kind and its place in the program."""
    if isinstance(error, LmaError):
        return error
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    place = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return UnexpectedError(
        f"{doing!r} stopped with {type(error).__name__} at {place}. The error's own text is "
        "withheld, it may quote data. Run the same with `lma run` or `lma refresh` to see it; if it stays, report it to the maintainers."
    )


def is_news(record: logging.LogRecord) -> bool:
    """False for the traceback of Prefect's own engine with which it repeats a failed state; the state has said it all."""
    return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))


logging.getLogger("prefect.flow_runs").addFilter(is_news)


def _log_messages(arguments: tuple[object, ...]) -> None:
    for run in arguments[:1]:
        messages = getattr(run, "messages", None)
        while messages:
            message = messages.pop(0)
            # A publisher that failed or fell silent must be seen in a list of runs, not only read in a log.
            level = logging.WARNING if message.startswith("warning: ") else logging.INFO
            get_run_logger().log(level, message)


def wait_for_warehouse(request: RunRequest) -> None:
    """Return once the warehouse can be opened for writing; ``LockedError`` names the process that holds it.

    A task of its own, so that waiting is seen and retried. The run itself opens the warehouse right afterwards.
    """
    # A wrong country or output folder is told at once, not after the wait.
    check_places(request, request.countries())
    warehouses.open_for_writing(request.warehouse, request.wait_seconds, request.command).close()


def report(body: Callable[[], R]) -> R | State:
    """What ``body`` returns, or a failed state with the message of its error: Prefect pickles an exception that leaves a flow."""
    try:
        return body()
    except Exception as error:
        return Failed(message=str(as_told(error, "the run")))


# ---------------------------------------------------------------- flows


def choose_edition(edition: str | None, as_of: dt.date | None) -> str:
    """The edition asked for, else the month of ``as_of``, else the month a run was scheduled for, however late it starts."""
    return edition or (as_of or flow_run.scheduled_start_time).strftime("%Y-%m")


def _codes(ref_areas: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code.upper() for code in ref_areas))


def _data_folder(data: str | None) -> Path | None:
    named = data or os.environ.get("LMA_DATA")
    return Path(named) if named else None


def name_assessment() -> str:
    """Name of an assessment run, such as ``assess MUS ARM 2026-11``."""
    given = flow_run.parameters
    return f"assess {' '.join(_codes(given['ref_areas']))} {choose_edition(given['edition'], given['as_of'])}"


def name_refresh() -> str:
    """Name of a refresh run, such as ``refresh wdi mus_eoe``."""
    return f"refresh {' '.join(flow_run.parameters['source_ids'] or ['all sources'])}"


@flow(name="assess-countries", flow_run_name=name_assessment)
def assess_countries(
    ref_areas: RefAreas = ["MUS", "ARM"],  # noqa: B006 (Prefect reads the default into the deployment's form)
    edition: EditionMonth | None = None,
    as_of: dt.date | None = None,
    horizon: Horizon = DEFAULT_HORIZON,
    offline: bool = False,
    data: str | None = None,
    warehouse: str = str(DEFAULT_WAREHOUSE),
    out: str = str(DEFAULT_OUT),
    languages: list[str] | None = None,
    forms: list[str] | None = None,
    wait_seconds: Seconds = WAIT_SECONDS,
) -> list[str] | State:
    """Assess and publish countries; folders of the editions.

    Relative paths are relative to the folder that was deployed from.

    Args:
        ref_areas: Countries, ISO 3166-1 alpha-3.
        edition: Edition to publish, YYYY-MM. Default: the month of as_of, or the month the run is scheduled for.
        as_of: Use only what was known on this date. Default: everything known.
        horizon: Years ahead, 1 to 40.
        offline: Do not use the network; publishers' files come from the data folder only.
        data: Folder of publishers' files. Default: the folder named by LMA_DATA in the worker's environment, else the shipped sample.
        warehouse: DuckDB file. Landed files are kept beside it.
        out: Folder for editions.
        languages: Languages of what people read, such as fr. Default: English and those of the country's file.
        forms: Output forms to make, such as html. Default: all; the tables as CSV are always made.
        wait_seconds: How long one attempt waits while another process writes to the warehouse.
    """

    def publish_countries() -> list[str]:
        request = RunRequest(
            ref_areas=_codes(ref_areas), out=Path(out), warehouse=Path(warehouse), edition=choose_edition(edition, as_of),
            data=_data_folder(data), as_of=as_of, horizon=horizon, offline=offline, command="assess-countries", wait_seconds=wait_seconds,
            languages=choose_languages(languages or ()), forms=choose_forms(forms or ()),
        )  # fmt: skip
        as_task(wait_for_warehouse)(request)
        folders = run_pipeline(request, as_task)
        for folder in folders:
            show_edition(folder)
        return [str(folder) for folder in folders]

    return report(publish_countries)


@flow(name="refresh-sources", flow_run_name=name_refresh)
def refresh_sources(
    source_ids: list[str] | None = None,
    offline: bool = False,
    data: str | None = None,
    warehouse: str = str(DEFAULT_WAREHOUSE),
    wait_seconds: Seconds = WAIT_SECONDS,
) -> None | State:
    """Land and load publishers' files and rebuild what is derived from them; no forecast, no edition.

    Relative paths are relative to the folder that was deployed from.

    Args:
        source_ids: Sources, see `lma sources`. Default: all.
        offline: Do not use the network; publishers' files come from the data folder only.
        data: Folder of publishers' files. Default: the folder named by LMA_DATA in the worker's environment, else the shipped sample.
        warehouse: DuckDB file. Landed files are kept beside it.
        wait_seconds: How long one attempt waits while another process writes to the warehouse.
    """
    request = RunRequest(
        ref_areas=(), out=DEFAULT_OUT, warehouse=Path(warehouse), edition=choose_edition(None, None), data=_data_folder(data),
        offline=offline, command="refresh-sources", wait_seconds=wait_seconds,
    )  # fmt: skip

    def refresh() -> None:
        as_task(wait_for_warehouse)(request)
        show_outcomes(refresh_only(request, source_ids or [], as_task))

    return report(refresh)


# ---------------------------------------------------------------- artifacts


def show_outcomes(outcomes: list[Outcome]) -> None:
    """What was fetched, what has not changed and what failed, as a Prefect artifact; nothing when no publisher was asked."""
    if outcomes:
        rows = [
            {"source": o.source_id, "file": o.file_name, "state": o.state, "detail": o.detail}
            for o in outcomes
        ]
        create_table_artifact(table=rows, key="fetched-files", description="Files of publishers")


def show_edition(folder: Path) -> None:
    """Findings and key tables of an edition as Prefect artifacts, so that an analyst sees them beside the run."""
    country = folder.parent.name
    create_markdown_artifact(
        describe_edition(folder),
        key=f"{country}-findings".lower(),
        description=f"{country} {folder.name}: Headline findings",
    )
    for table_id, (title, columns) in ARTIFACT_TABLES.items():
        with (folder / "tables" / f"{table_id}.csv").open(encoding="utf-8", newline="") as file:
            rows = lay_out(
                [cell for cell in csv.DictReader(file) if not columns or cell["column_id"] in columns]
            )
        create_table_artifact(
            table=rows, key=f"{country}-{table_id}".lower(), description=f"{country} {folder.name}: {title}"
        )


def lay_out(cells: list[dict[str, str]]) -> list[dict[str, str]]:
    """Cells of a published table, one dict per row of the table: its label, then what each column shows."""
    rows: dict[str, dict[str, str]] = {}
    for cell in cells:
        row = rows.setdefault(cell["row_id"], {"": cell["row_label"]})
        row[cell["column_label"]] = show_cell(cell)
    return list(rows.values())


def show_cell(cell: dict[str, str]) -> str:
    """Text of a cell, or its value with the published decimals, or the symbol of a missing one."""
    if cell["text"] or not cell["value"]:
        return cell["text"] or cell["symbol"]
    return f"{float(cell['value']):,.{int(cell['decimals'] or 0)}f}"

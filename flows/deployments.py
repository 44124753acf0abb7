"""The same steps as Prefect flows and tasks: schedules, retries, run names and artifacts. The only importer of Prefect.

Each step becomes a task without parameters, so that neither an open database nor a frame is ever hashed,
serialised or shown by Prefect: its states hold counts, folder names and our own messages only.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

import pandas as pd
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.tasks import Task

from flows.pipeline import run_pipeline
from flows.refresh import refresh_sources as refresh_only
from flows.request import DEFAULT_HORIZON, DEFAULT_OUT, DEFAULT_WAREHOUSE, RunRequest
from lma.errors import LmaError, LockedError

P = ParamSpec("P")
R = TypeVar("R")

ARTIFACT_TABLES = {
    "T0": "Headline findings",
    "T10": "When could labour migration fill the gap",
    "T12": "Accuracy of the forecasts",
}
ARTIFACT_ROWS = 60


def is_worth_retrying(_task: Task[..., object], _run: TaskRun, state: State) -> bool:
    """Another attempt may help when the warehouse was locked or something outside failed, not when the data are wrong."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, LockedError) or not isinstance(error, LmaError)


def as_task(function: Callable[P, R]) -> Callable[P, R]:
    """Run one step as a Prefect task of the same name; its arguments stay out of Prefect."""
    name = function.__name__.replace("_", " ")

    def run_step(*arguments: P.args, **named: P.kwargs) -> R:
        country = next((argument.ref_area for argument in arguments if hasattr(argument, "ref_area")), None)

        @task(
            name=name, task_run_name=f"{name} {country}" if country else name, retries=2, retry_delay_seconds=[5, 30],
            retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE, persist_result=False,
        )  # fmt: skip
        def step() -> R:
            result = function(*arguments, **named)
            _log_messages(arguments)
            return result

        return step()

    return run_step


def _log_messages(arguments: tuple[object, ...]) -> None:
    for run in arguments[:1]:
        messages = getattr(run, "messages", None)
        while messages:
            get_run_logger().info(messages.pop(0))


def _edition(as_of: dt.date | None, edition: str | None) -> str:
    return edition or (as_of or dt.datetime.now(dt.UTC).date()).strftime("%Y-%m")


@flow(name="assess-countries", flow_run_name="assess {ref_areas} {edition}")
def assess_countries(
    ref_areas: list[str] = ["MUS", "ARM"],  # noqa: B006 (Prefect reads the default into the deployment's form)
    edition: str | None = None,
    as_of: dt.date | None = None,
    horizon: int = DEFAULT_HORIZON,
    offline: bool = False,
    data: str | None = None,
    warehouse: str = str(DEFAULT_WAREHOUSE),
    out: str = str(DEFAULT_OUT),
) -> list[str]:
    """Assess and publish countries; folders of the editions."""
    request = RunRequest(
        ref_areas=tuple(code.upper() for code in ref_areas), out=Path(out), warehouse=Path(warehouse), edition=_edition(as_of, edition),
        data=Path(data) if data else None, as_of=as_of, horizon=horizon, offline=offline, command="assess-countries", wait_seconds=900,
    )  # fmt: skip
    folders = run_pipeline(request, as_task)
    for folder in folders:
        show_tables(folder)
    return [str(folder) for folder in folders]


@flow(name="refresh-sources", flow_run_name="refresh sources")
def refresh_sources(
    source_ids: list[str] | None = None,
    offline: bool = False,
    data: str | None = None,
    warehouse: str = str(DEFAULT_WAREHOUSE),
) -> None:
    """Land and load publishers' files and rebuild what is derived from them."""
    request = RunRequest(
        ref_areas=(), out=DEFAULT_OUT, warehouse=Path(warehouse), edition=_edition(None, None), data=Path(data) if data else None,
        offline=offline, command="refresh-sources", wait_seconds=900,
    )  # fmt: skip
    refresh_only(request, source_ids or [], as_task)


def show_tables(folder: Path) -> None:
    """Key tables of an edition as Prefect artifacts, so that an analyst sees them beside the run."""
    for table_id, title in ARTIFACT_TABLES.items():
        cells = pd.read_csv(folder / "tables" / f"{table_id}.csv", dtype=str, keep_default_na=False)
        shown = cells.assign(shown=cells["text"].where(cells["text"] != "", cells["value"])).head(
            ARTIFACT_ROWS
        )
        rows = shown[["address", "row_label", "column_label", "shown"]].to_dict("records")
        create_table_artifact(
            table=rows,
            key=f"{folder.parent.name}-{table_id}".lower(),
            description=f"{folder.parent.name} {folder.name}: {title}",
        )

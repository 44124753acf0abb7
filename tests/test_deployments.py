"""The scheduled side for real: one Prefect server and one worker on loopback run the deployments of prefect.yaml."""

from __future__ import annotations

import ast
import base64
import contextlib
import csv
import datetime as dt
import inspect
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lma import warehouse as warehouses
from lma.errors import ContractError, InputError, LmaError, LockedError, UsageError

ROOT = Path(__file__).parent.parent
EDITION = "2026-03"
CANARY = "kanarie-0f3ac1"  # stands in the publisher's file, in a column that is loaded and checked
SECRET = "geheim-77b2e9"  # stands in the text of an error nobody foresaw
PATIENCE = 900  # seconds until a run is given up: the machine of continuous integration is small and busy

server = [pytest.mark.server, pytest.mark.timeout(1500)]


# ---------------------------------------------------------------- without a server


def read_deployments(folder: Path = ROOT) -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((folder / "prefect.yaml").read_text(encoding="utf-8"))
    return {deployment["name"]: deployment for deployment in content["deployments"]}


DEPLOYMENTS = read_deployments()


@pytest.fixture(scope="session")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """flows.deployments, imported so that Prefect keeps its home out of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        from flows import deployments

        yield deployments


def find_flow(deployments: Any, deployment: dict[str, Any]) -> Any:
    file, _, name = deployment["entrypoint"].partition(":")
    assert (ROOT / file).samefile(deployments.__file__)
    return getattr(deployments, name)


def test_there_is_a_monthly_a_weekly_and_an_ad_hoc_deployment() -> None:
    assert list(DEPLOYMENTS) == ["monthly", "weekly", "adhoc"]
    assert DEPLOYMENTS["monthly"]["parameters"]["ref_areas"] == ["MUS"]
    assert "schedules" not in DEPLOYMENTS["adhoc"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_names_a_flow_and_parameters_that_it_has(deployments: Any, name: str) -> None:
    flow = find_flow(deployments, DEPLOYMENTS[name])
    given = DEPLOYMENTS[name]["parameters"]
    validated = flow.validate_parameters(dict(given))
    assert {key: validated[key] for key in given} == given
    assert {"offline", "data", "warehouse", "wait_seconds"} <= set(inspect.signature(flow.fn).parameters)


def test_parameters_that_a_flow_does_not_have_would_be_noticed(deployments: Any) -> None:
    with pytest.raises(Exception, match="colour"):
        deployments.assess_countries.validate_parameters({"colour": "red"})


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_parameter_is_described_in_the_form(deployments: Any, name: str) -> None:
    properties = find_flow(deployments, DEPLOYMENTS[name]).parameters.properties
    assert {key: bool(value.get("description")) for key, value in properties.items()} == dict.fromkeys(
        properties, True
    )


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_schedules_are_in_utc_and_runs_queue(name: str) -> None:
    schedules = DEPLOYMENTS[name].get("schedules", [])
    assert {schedule["timezone"] for schedule in schedules} <= {"UTC"}
    # A slug is the identity of a schedule: under another one the old schedule would stay on the server beside it.
    assert [schedule["slug"] for schedule in schedules] == ([] if name == "adhoc" else [name])
    assert DEPLOYMENTS[name]["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_the_steps_hand_nothing_to_prefect(deployments: Any) -> None:
    """The task has no parameter and no return statement: nothing to hash, nothing to keep."""
    tree = ast.parse(Path(deployments.__file__).read_text(encoding="utf-8"))
    tasks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any("task" in ast.unparse(mark)[:5] for mark in node.decorator_list)
    ]
    assert [task.name for task in tasks] == ["step"]
    assert ast.unparse(tasks[0].args) == ""
    assert not any(isinstance(node, ast.Return) for node in ast.walk(tasks[0]))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (LockedError("held by process 1"), True),
        (OSError("disk full"), True),
        (UsageError("no such country"), False),
        (InputError("not a folder"), False),
        (ContractError("a rule is broken"), False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(deployments: Any, error: Exception, again: bool) -> None:
    from prefect.states import Failed

    try:
        raise error
    except Exception as raised:
        told = deployments.as_told(raised, "load landed files")
    assert deployments.is_worth_retrying(None, None, Failed(data=told)) is again


def test_an_unforeseen_error_is_told_without_its_text(deployments: Any) -> None:
    try:
        int(SECRET)
    except ValueError as error:
        told = deployments.as_told(error, "load landed files")
    assert isinstance(told, LmaError)
    assert str(told).startswith("'load landed files' stopped with ValueError at test_deployments.py:")
    assert SECRET not in str(told)


def test_a_late_run_publishes_the_edition_of_the_month_it_was_scheduled_for(
    deployments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = dt.datetime(2025, 10, 3, 6, tzinfo=dt.UTC)
    monkeypatch.setattr("prefect.runtime.flow_run.scheduled_start_time", due, raising=False)
    assert deployments.choose_edition(None, None) == "2025-10"
    assert deployments.choose_edition(None, dt.date(2018, 12, 31)) == "2018-12"
    assert deployments.choose_edition("2026-02", dt.date(2018, 12, 31)) == "2026-02"


def test_an_artifact_shows_every_row_of_the_table_as_published(deployments: Any) -> None:
    def cell(row: str, column: str, **given: str) -> dict[str, str]:
        blank = dict.fromkeys(("value", "text", "decimals", "symbol"), "")
        return {"row_id": row, "row_label": f"Row {row}", "column_label": column} | blank | given

    cells = [
        cell("A", "Result", text="no"), cell("A", "Persons", value="-13844.2", decimals="0"),
        cell("C", "Result", symbol="[x]"), cell("C", "Persons", value="3.818253", decimals="2"),
    ]  # fmt: skip
    assert deployments.lay_out(cells) == [
        {"": "Row A", "Result": "no", "Persons": "-13,844"},
        {"": "Row C", "Result": "[x]", "Persons": "3.82"},
    ]


def test_traces_are_found_in_what_prefect_writes(tmp_path: Path) -> None:
    for shift in range(60):
        pickled = base64.encodebytes(b"-" * shift + CANARY.encode() + b"-" * 60)
        (tmp_path / f"{shift}.txt").write_bytes(pickled)
        (tmp_path / f"{shift}.json").write_text(json.dumps(pickled.decode()))
    assert len(find_traces(CANARY, tmp_path)) == 120
    assert find_traces(SECRET, tmp_path) == []


# ---------------------------------------------------------------- with a server


def copy_project(to: Path) -> Path:
    """A copy of the checkout to deploy from, so that relative paths do not write into the checkout."""
    leave = shutil.ignore_patterns("__pycache__", "*.duckdb*", "raw", "restricted")
    for name in ("flows", "lma", "data_contracts", "languages", "warehouse"):
        shutil.copytree(ROOT / name, to / name, ignore=leave)
    shutil.copy(ROOT / "prefect.yaml", to)
    return to


def write_publisher_file(folder: Path, rows: int | None = None) -> Path:
    """A publisher's file of the sample with the canary in its last row, cut to ``rows`` rows."""
    lines = (ROOT / "warehouse/sample/mus_eoe_employment.csv").read_text(encoding="utf-8").splitlines()[:rows]
    folder.mkdir()
    file = folder / "mus_eoe_employment.csv"
    file.write_text("\n".join([*lines[:-1], f"{lines[-1]} {CANARY}"]) + "\n", encoding="utf-8")
    return file


def add_frequent_schedule(project: Path) -> None:
    """A deployment like ``weekly`` that is due every half minute."""
    content = yaml.safe_load((project / "prefect.yaml").read_text(encoding="utf-8"))
    weekly = next(deployment for deployment in content["deployments"] if deployment["name"] == "weekly")
    often = {
        **weekly,
        "name": "often",
        "parameters": {"source_ids": ["mus_eoe"], "offline": True, "data": "publishers"},
        "schedules": [{"slug": "often", "interval": 30, "timezone": "UTC", "active": True}],
    }
    content["deployments"].append(often)
    (project / "prefect.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def make_environment(home: Path, project: Path, port: int) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT", "LMA_"))}
    return inherited | {
        "PREFECT_HOME": str(home), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PYTHONPATH": str(project),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        "PREFECT_SERVER_UI_ENABLED": "false", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        # Quicker than in service, and few runs ahead; otherwise as in service.
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2", "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "4",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }  # fmt: skip


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_descendants(ancestor: int) -> list[int]:
    """Processes that ``ancestor`` started, directly or not (a worker gives each run a session of its own)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                int(stat.parent.name)
            )
    found = [ancestor]
    for pid in found:
        found.extend(children.get(pid, []))
    return found[1:]


def is_alive(pid: str | None) -> bool:
    with contextlib.suppress(TypeError, ProcessLookupError):
        os.kill(int(pid), 0)  # type: ignore[arg-type]
        return True
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then kill it and what is left of those it started."""
    started = find_descendants(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(30)
    for pid in [process.pid, *started]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(30)


@dataclass
class Service:
    """The server's API, and the folders it works on."""

    api: httpx.Client
    project: Path
    home: Path
    logs: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """The answer of the API. SQLite under load makes the server say 503: like Prefect's own client, ask again."""

        def send() -> list[httpx.Response]:
            answer = self.api.request(method, path, json=content or None)
            return [] if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else [answer]

        answer = self.wait_until(send)[0]
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found = [
            deployment
            for deployment in self.ask("POST", "deployments/filter", limit=50)
            if deployment["name"] == name
        ]
        assert len(found) == 1, found
        return dict(found[0])

    def trigger(self, name: str, **parameters: Any) -> str:
        path = f"deployments/{self.deployment(name)['id']}/create_flow_run"
        return str(self.ask("POST", path, parameters=parameters, idempotency_key=uuid.uuid4().hex)["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"flow_runs/{run_id}"))

    def wait(self, run_id: str) -> dict[str, Any]:
        """The run once it has ended and its process too, which sends its last log lines when it exits."""
        done = self.wait_until(lambda: found if (found := self.run(run_id))["end_time"] else None)
        self.wait_until(lambda: not is_alive(done["infrastructure_pid"]))
        return dict(done)

    def wait_until(self, look: Callable[[], Any]) -> Any:
        """What ``look`` finds, once it finds something; given up when the server or the worker has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and all(process.poll() is None for process in self.processes):
            if found := look():
                return found
            time.sleep(0.5)
        logs = {path.name: path.read_text(errors="replace")[-3000:] for path in self.logs.iterdir()}
        raise AssertionError("\n".join(f"{name}\n{text}" for name, text in logs.items()))

    def task_runs(self, run_id: str) -> list[dict[str, Any]]:
        found = self.ask("POST", "task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return sorted(found, key=lambda task_run: task_run["start_time"])

    def messages(self, run_id: str) -> str:
        """Everything the run has logged."""
        found = self.ask(
            "POST", "logs/filter", logs={"flow_run_id": {"any_": [run_id]}}, sort="TIMESTAMP_ASC"
        )
        return "\n".join(log["message"] for log in found)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """A process of its own session, its output in a file."""
        with (self.logs / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=self.project, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def prefect(self, *arguments: str) -> None:
        """One command of Prefect, as in the head of prefect.yaml."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments], cwd=self.project, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def is_up(self) -> bool:
        try:
            return self.api.get("health").is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with all deployments, and a worker."""
    folder, port = tmp_path_factory.mktemp("service"), find_free_port()
    home, logs, project = folder / "home", folder / "logs", copy_project(folder / "project")
    logs.mkdir()
    write_publisher_file(project / "publishers")
    add_frequent_schedule(project)
    environment = make_environment(home, project, port)
    with httpx.Client(base_url=f"{environment['PREFECT_API_URL']}/", trust_env=False, timeout=120) as api:
        service = Service(api, project, home, logs, environment)
        try:
            service.processes.append(
                service.start(
                    "server", "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)
                )
            )
            service.wait_until(service.is_up)
            service.prefect("work-pool", "create", "lma-pool", "--type", "process")
            service.prefect("deploy", "--all")
            service.processes.append(
                service.start("worker", "-m", "prefect", "worker", "start", "--pool", "lma-pool")
            )
            yield service
        finally:
            for process in reversed(service.processes):
                stop(process)


@dataclass
class Assessment:
    """The same assessment asked of the ad hoc deployment and of the command line."""

    run_id: str
    out: Path
    warehouse: Path
    plain_out: Path
    plain: subprocess.Popen[bytes]

    @property
    def edition(self) -> Path:
        return self.out / "MUS" / EDITION


@pytest.fixture(scope="session")
def assessment(service: Service) -> Iterator[Assessment]:
    """Asked before anything else and waited for later: it takes longest."""
    folder = service.project.parent
    out, warehouse, plain_out = (
        folder / "editions",
        folder / "adhoc" / "lma.duckdb",
        folder / "plain" / "editions",
    )
    run_id = service.trigger(
        "adhoc",
        ref_areas=["MUS"],
        edition=EDITION,
        offline=True,
        data="publishers",
        warehouse=str(warehouse),
        out=str(out),
        languages=["en"],
        forms=["html"],
    )
    plain = service.start(
        "plain", "-X", "importtime", "-m", "flows.cli", "run", "MUS", "--offline", "--edition", EDITION, "--data", "publishers",
        "--out", str(plain_out), "--warehouse", str(folder / "plain" / "lma.duckdb"), "--language", "en", "--form", "html",
    )  # fmt: skip
    yield Assessment(run_id, out, warehouse, plain_out, plain)
    stop(plain)


def find_traces(text: str, *folders: Path) -> list[str]:
    """Files that hold the text, plain or within base64 (which Prefect writes pickles in)."""
    raw = text.encode()
    inner = [base64.b64encode(b"-" * shift + raw)[shift and 4 : -4] for shift in range(3)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [
        str(path) for path in files if any(form in join_lines(path.read_bytes()) for form in [raw, *inner])
    ]


def join_lines(content: bytes) -> bytes:
    """Base64 comes in lines, and their ends are written out within JSON."""
    return content.replace(b"\\n", b"").replace(b"\n", b"")


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


UNFORESEEN = f"""
import sys
from flows import deployments

def read_record():
    try:
        {{}}[{SECRET!r} + " key"]
    except KeyError as error:
        raise ValueError({SECRET!r} + " value") from error

def refresh_only(request, source_ids, step):
    step(read_record)()

deployments.RETRY_DELAYS[:] = [0.2]
deployments.refresh_only = refresh_only
state = deployments.refresh_sources(warehouse=sys.argv[1], offline=True, return_state=True)
print(state.state_details.flow_run_id)
"""


class TestService:
    """In this order; the first ones run while the assessment is under way."""

    pytestmark = server

    def test_the_server_has_the_schedules_of_prefect_yaml(
        self, service: Service, assessment: Assessment
    ) -> None:
        service.prefect("deploy", "--name", "monthly")  # deploying again adds no second schedule
        crons = {"monthly": ["0 6 3 * *"], "weekly": ["0 5 * * 1"], "adhoc": []}
        for name, expected in crons.items():
            deployment = service.deployment(name)
            assert [s["schedule"]["cron"] for s in deployment["schedules"] if s["active"]] == expected
            assert {s["schedule"]["timezone"] for s in deployment["schedules"]} <= {"UTC"}
            assert deployment["global_concurrency_limit"]["limit"] == 1
            step = {"prefect.deployments.steps.set_working_directory": {"directory": str(service.project)}}
            assert deployment["pull_steps"] == [step]

    def test_a_scheduled_run_fires_by_itself_and_completes(
        self, service: Service, assessment: Assessment
    ) -> None:
        often = service.deployment("often")
        mine = {"deployment_id": {"any_": [often["id"]]}}
        running = {**mine, "state": {"type": {"any_": ["RUNNING", "COMPLETED", "FAILED", "CRASHED"]}}}
        fired = service.wait_until(
            lambda: service.ask("POST", "flow_runs/filter", flow_runs=running, sort="START_TIME_ASC")
        )[0]
        service.ask(
            "PATCH", f"deployments/{often['id']}/schedules/{often['schedules'][0]['id']}", active=False
        )

        done = service.wait(fired["id"])
        assert (done["state_type"], done["auto_scheduled"], done["name"]) == (
            "COMPLETED",
            True,
            "refresh mus_eoe",
        )
        assert [task_run["state_type"] for task_run in service.task_runs(done["id"])] == ["COMPLETED"] * 6
        # The paths were relative: ``publishers`` was found, and the warehouse stands in the folder deployed from.
        with warehouses.open_for_reading(service.project / "warehouse" / "lma.duckdb") as warehouse:
            observations = warehouse.read("staging.observations")
        assert set(observations["source_id"]) == {"mus_eoe"}
        assert observations["note"].str.contains(CANARY).any()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("edition", "soon"),
            ("edition", "../2026-01"),
            ("horizon", 0),
            ("ref_areas", ["../X"]),
        ],
    )
    def test_a_request_that_makes_no_sense_is_refused_at_once(
        self, service: Service, name: str, value: Any
    ) -> None:
        with pytest.raises(httpx.HTTPStatusError) as refused:
            service.trigger("adhoc", **{name: value})
        assert refused.value.response.status_code == 409
        assert name in refused.value.response.text

    def test_an_unknown_country_fails_with_our_message_and_is_not_tried_again(
        self, service: Service, tmp_path: Path
    ) -> None:
        done = service.wait(
            service.trigger(
                "monthly", ref_areas=["XXX"], offline=True, warehouse=str(tmp_path / "lma.duckdb")
            )
        )
        assert done["state_type"] == "FAILED"
        assert done["state"]["message"].startswith("'XXX' is not an ISO 3166-1 alpha-3 country code")
        assert [(task_run["name"], task_run["run_count"]) for task_run in service.task_runs(done["id"])] == [
            ("wait for warehouse", 1)
        ]
        assert "Traceback" not in service.messages(done["id"])
        assert not (tmp_path / "lma.duckdb").exists()

    def test_a_locked_warehouse_is_tried_again(self, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "lma.duckdb"
        with warehouses.open_for_writing(path, command="a test that writes"):
            run_id = service.trigger(
                "weekly",
                source_ids=["mus_eoe"],
                offline=True,
                data="publishers",
                warehouse=str(path),
                wait_seconds=1,
            )
            service.wait_until(
                lambda: "Retry 1/2" in service.messages(run_id) or service.run(run_id)["end_time"]
            )
        done = service.wait(run_id)
        assert done["state_type"] == "COMPLETED", done["state"]["message"]
        waited = service.task_runs(run_id)[0]
        assert (waited["name"], waited["state_type"]) == ("wait for warehouse", "COMPLETED")
        assert waited["run_count"] > 1
        assert f"is being written by process {os.getpid()} (a test that writes)" in service.messages(run_id)

    def test_a_killed_run_is_told_and_does_not_hold_up_the_next(
        self, service: Service, tmp_path: Path
    ) -> None:
        path = tmp_path / "lma.duckdb"
        given = {"source_ids": ["mus_eoe"], "offline": True, "data": "publishers", "warehouse": str(path)}
        with warehouses.open_for_writing(path):
            run_id = service.trigger("weekly", **given)
            service.wait_until(
                lambda: [run for run in service.task_runs(run_id) if run["state_type"] == "RUNNING"]
            )
            pid = int(service.run(run_id)["infrastructure_pid"])
            assert pid in [found for process in service.processes for found in find_descendants(process.pid)]
            os.kill(pid, signal.SIGKILL)
            assert service.wait(run_id)["state_type"] == "CRASHED"
        killed = time.monotonic()
        assert service.wait(service.trigger("weekly", **given))["state_type"] == "COMPLETED"
        assert time.monotonic() - killed < 280  # well before the lease of a lost place ends (five minutes)

    def test_an_ad_hoc_run_publishes_its_edition_and_shows_it(
        self, service: Service, assessment: Assessment
    ) -> None:
        done = service.wait(assessment.run_id)
        assert (done["state_type"], done["name"]) == ("COMPLETED", f"assess MUS {EDITION}"), done["state"][
            "message"
        ]
        files = set(read_tree(assessment.edition))
        assert {"assessment.html", "run.json", "tables/T10.csv"} <= files and "assessment.pdf" not in files

        task_runs = service.task_runs(assessment.run_id)
        assert {(task_run["state_type"], task_run["run_count"]) for task_run in task_runs} == {
            ("COMPLETED", 1)
        }
        assert "publishers' files landed" in service.messages(assessment.run_id)

        found = service.ask(
            "POST", "artifacts/filter", artifacts={"flow_run_id": {"any_": [assessment.run_id]}}
        )
        tables = {artifact["key"]: artifact for artifact in found if artifact["type"] == "table"}
        assert set(tables) == {"mus-t3", "mus-t9", "mus-t10", "mus-t12"}
        assert tables["mus-t3"]["description"] == f"MUS {EDITION}: Which activities lack workers"
        [findings] = [artifact["data"] for artifact in found if artifact["type"] == "markdown"]
        assert (
            "13,499 of 28,434 workers are foreign" in findings and "| Activity | Gap, persons |" in findings
        )
        with (assessment.edition / "tables" / "T10.csv").open(encoding="utf-8", newline="") as file:
            published = list(csv.DictReader(file))
        shown = json.loads(tables["mus-t10"]["data"])
        assert [row[""] for row in shown] == list(dict.fromkeys(cell["row_label"] for cell in published))
        assert {row["Result"] for row in shown} == {
            cell["text"] for cell in published if cell["column_id"] == "result"
        }

    def test_the_command_line_runs_the_same_steps_to_the_same_bytes_without_prefect(
        self, service: Service, assessment: Assessment
    ) -> None:
        assert assessment.plain.wait(PATIENCE) == 0
        told = (service.logs / "plain.log").read_text(encoding="utf-8")
        imported = re.findall(r"^import time:.*\| +(\S+)$", told, re.M)
        assert "pandas" in imported
        assert [name for name in imported if name.split(".")[0] == "prefect"] == []

        service.wait(assessment.run_id)
        steps = re.findall(r"^  (\S.*?) +\d+\.\d s$", told, re.M)
        assert "publish country MUS" in steps
        assert [task_run["name"] for task_run in service.task_runs(assessment.run_id)] == [
            "wait for warehouse",
            *steps,
        ]
        assert read_tree(assessment.plain_out / "MUS" / EDITION) == read_tree(assessment.edition)

    def test_a_failed_run_leaves_the_earlier_edition_in_place(
        self, service: Service, assessment: Assessment, tmp_path: Path
    ) -> None:
        assert service.wait(assessment.run_id)["state_type"] == "COMPLETED", service.run(assessment.run_id)[
            "state"
        ]["message"]
        published, landed = read_tree(assessment.out), read_tree(assessment.warehouse.parent / "raw")
        cut = write_publisher_file(tmp_path / "cut", rows=4).parent
        given = {
            "ref_areas": ["MUS"],
            "edition": EDITION,
            "offline": True,
            "warehouse": str(assessment.warehouse),
            "out": str(assessment.out),
        }
        for data, step, message in [
            (tmp_path / "nowhere", "land files", f"{tmp_path}/nowhere is not a folder"),
            (
                cut,
                "load landed files",
                "mus_eoe_employment.csv has 3 rows, source mus_eoe expects at least 13",
            ),
        ]:
            done = service.wait(service.trigger("adhoc", data=str(data), **given))
            assert done["state_type"] == "FAILED"
            assert done["state"]["message"].startswith(message), done["state"]["message"]
            failed = [
                task_run
                for task_run in service.task_runs(done["id"])
                if task_run["state_type"] != "COMPLETED"
            ]
            assert [(task_run["name"], task_run["run_count"]) for task_run in failed] == [(step, 1)]
            assert "Traceback" not in service.messages(done["id"])
        assert read_tree(assessment.out) == published
        assert read_tree(assessment.warehouse.parent / "raw") == landed

    def test_an_unforeseen_error_is_tried_again_and_leaves_no_value_behind(
        self, service: Service, tmp_path: Path
    ) -> None:
        (tmp_path / "unforeseen.py").write_text(UNFORESEEN, encoding="utf-8")
        process = service.start("unforeseen", str(tmp_path / "unforeseen.py"), str(tmp_path / "lma.duckdb"))
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            stop(process)
        told = (service.logs / "unforeseen.log").read_text(encoding="utf-8")
        run_id = told.splitlines()[-1]
        message = service.run(run_id)["state"]["message"]
        assert re.match(
            r"'read record' stopped with ValueError at deployments\.py:\d+ > unforeseen\.py:9\. ", message
        ), message
        assert [(task_run["name"], task_run["run_count"]) for task_run in service.task_runs(run_id)][1:] == [
            ("read record", 2)
        ]
        assert SECRET not in told
        assert find_traces(SECRET, service.home) == []

    def test_prefect_has_kept_no_row_of_data(self, service: Service, assessment: Assessment) -> None:
        """The canary went through every run above: it is in the warehouse, and nowhere in Prefect's home or in a log."""
        assert service.wait(assessment.run_id)["state_type"] == "COMPLETED", service.run(assessment.run_id)[
            "state"
        ]["message"]
        with warehouses.open_for_reading(assessment.warehouse) as warehouse:
            assert warehouse.read("staging.observations")["note"].str.contains(CANARY).any()
        assert {"prefect.db"} <= {path.name for path in service.home.iterdir()}
        assert find_traces("mus_eoe", service.home) != []  # what Prefect does keep is found
        assert find_traces(CANARY, service.home, service.logs) == []

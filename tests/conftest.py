"""What all tests share: no network, no analytics, and one full run of the shipped sample that many tests read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import network_guard
import pytest

os.environ |= {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
os.environ.pop("LMA_DATA", None)  # the tests run on the shipped sample, whatever the machine is used for


# ---------------------------------------------------------------- the network


def pytest_configure() -> None:
    network_guard.allow("nothing")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What one test may talk to, from before its first fixture to after its last."""
    network_guard.allow(_allowed_to(item))
    try:
        return (yield)
    finally:
        network_guard.allow("nothing")


def _allowed_to(item: pytest.Item) -> network_guard.Allowed:
    if item.get_closest_marker("live"):
        return "everything"
    asks = "loopback" in getattr(item, "fixturenames", ())
    return "loopback" if asks or any(map(item.get_closest_marker, ("server", "browser"))) else "nothing"


@pytest.fixture
def loopback() -> None:
    """Asked for by a test that serves something on this machine."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that call on publishers run only when they are asked for by name: `pytest -m live`."""
    if "live" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.skip(reason="talks to publishers: ask for it with `pytest -m live`"))


# ---------------------------------------------------------------- one world for many tests


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextlib.contextmanager
def held(lock: Path) -> Iterator[None]:
    """The worker that comes first does the work, the others wait for it."""
    with lock.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest, shared_folder: Path) -> Any:
    """`lma run MUS ARM --offline`, once; tests read it, and copy it where they change something."""
    from world_builder import EDITION, World

    if any("second_world" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("second_process")  # on the machine's other core
    made = World(shared_folder / "world")
    with held(shared_folder / "world.lock"):
        if not (made.folder / "out.txt").is_file():
            made.folder.mkdir()
            outcome = made.lma("run", "MUS", "ARM", "--offline", "--edition", EDITION)
            assert outcome.code == 0, outcome.err
            (made.folder / "err.txt").write_text(outcome.err, encoding="utf-8")
            (made.folder / "out.txt").write_text(outcome.out, encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def second_process(shared_folder: Path) -> Iterator[Path]:
    """The script second_world.py at work beside the tests, started by the first worker; its folder."""
    folder, here, process = shared_folder / "second", Path(__file__).parent, None
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)]),
        "PYTHONHASHSEED": "7",
        "TZ": "Pacific/Kiritimati",
    }
    with held(shared_folder / "second.lock"):
        if not folder.exists():
            folder.mkdir()
            with (folder / "output.txt").open("wb") as output:
                command = [sys.executable, str(here / "second_world.py"), str(folder)]
                process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    yield folder
    if process:  # another worker may still read what it finds
        process.wait()


@pytest.fixture(scope="session")
def second_world(second_process: Path) -> dict[str, Any]:
    """What second_world.py found: the raw store after landing, tables and editions after building again and again."""
    found = second_process / "found.json"
    for _ in range(6000):
        if found.is_file():
            break
        time.sleep(0.1)
    described: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    assert "failed" not in described, described
    return described

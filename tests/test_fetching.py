"""Refreshing over the network, from the publisher's server to the warehouse: what failed does not stop the rest."""

from __future__ import annotations

import datetime as dt
import errno
import io
import json
import logging
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from publishers_server import PublishersServer, RangeFile, Reply

from flows import fetching, refresh, sources
from flows.refresh import Run, open_run
from flows.request import RunRequest, call_directly
from lma import contracts, snapshots, withdrawals
from lma.contracts import Download, Source, SourceFile
from lma.errors import InputError, OutputError, SourceMovedError
from lma.fetch import Politeness
from lma.parsers import PARSERS
from lma.withdrawals import Decision

pytestmark = pytest.mark.usefixtures("loopback")

BULLETIN = contracts.sample_dir() / "mus_eoe_employment.csv"
GOOD = BULLETIN.read_bytes()
TODAY = dt.date(2026, 5, 2)


@pytest.fixture
def server() -> Iterator[PublishersServer]:
    started = PublishersServer()
    yield started
    started.stop()


class Office:
    """A ministry's weekly refresh of two sources, one of them fetched from the played server."""

    def __init__(self, folder: Path, server: PublishersServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.server, self.monkeypatch = folder, server, monkeypatch
        (folder / "data").mkdir()
        self.now = dt.datetime(2026, 2, 2, 5)
        monkeypatch.setattr(refresh, "_now", lambda: self.now)
        monkeypatch.setattr(contracts, "sample_dir", lambda: folder / "data")  # nothing but what is fetched
        self.use(self.eoe())

    def eoe(self, path: str = "/eoe.csv", source_id: str = "mus_eoe", **download: Any) -> Source:
        """The export zone's bulletin, served over the network and new about every hundred days."""
        file_name = "mus_eoe_employment.csv" if source_id == "mus_eoe" else f"{source_id}.csv"
        wanted = {"url": f"{self.server.url}{path}", "file_name": file_name, "pause_seconds": 0} | download
        source = contracts.read_source(contracts.contracts_dir() / "sources" / "mus_eoe.yaml")
        changes = {
            "source_id": source_id,
            "files": [SourceFile(name=re.escape(file_name), as_of=dt.date(2025, 12, 31))],
            "expect": source.expect.model_copy(update={"new_vintage_days": 100}),
            "download": Download.model_validate(wanted),
        }
        return source.model_copy(update=changes)

    def use(self, *sources: Source) -> None:
        self.monkeypatch.setattr(
            contracts, "sources", lambda: {source.source_id: source for source in sources}
        )

    def run(self) -> Run:
        """One refresh, as far as the loading: the run with all that it said."""
        request = RunRequest(
            (), self.folder / "out", self.folder / "lma.duckdb", "2026-02", data=self.folder / "data"
        )
        with open_run(request) as run:
            run.politeness = Politeness(attempts=2, wait=lambda seconds: None)
            refresh.land_files(run)
            refresh.load_landed_files(run)
            self.observations = run.warehouse.read("staging.observations")
        return run

    def landed(self) -> list[snapshots.Landed]:
        return snapshots.list_landed(self.folder / "raw")


@pytest.fixture
def office(tmp_path: Path, server: PublishersServer, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, server, monkeypatch)


def states(run: Run) -> list[str]:
    return [outcome.state for outcome in run.outcomes]


@pytest.mark.parametrize(
    ("as_of", "offline", "expected"),
    [(None, False, True), (None, True, False), ("2026-02-02", False, True), ("2018-12-31", False, False)],
)
def test_nothing_is_fetched_for_a_day_that_is_past(as_of: str | None, offline: bool, expected: bool) -> None:
    day = dt.date.fromisoformat(as_of) if as_of else None
    request = RunRequest((), Path("out"), Path("lma.duckdb"), "2026-02", as_of=day, offline=offline)
    assert request.may_fetch(dt.date(2026, 2, 2)) == expected


def test_fetched_file_is_loaded_with_the_publishers_date_as_vintage(
    office: Office, server: PublishersServer
) -> None:
    server.on(
        "/eoe.csv",
        Reply(body=GOOD, headers={"Last-Modified": "Fri, 30 Jan 2026 08:00:00 GMT", "ETag": '"v1"'}),
    )
    office.use(office.eoe(last_update={"reads": "header", "name": "Last-Modified"}))
    run = office.run()
    assert states(run) == ["fetched"]
    assert (
        f"mus_eoe: fetched mus_eoe_employment.csv: {len(GOOD)} bytes, last updated 2026-01-30 by the publisher"
        in run.messages
    )
    assert "network: 1 fetched, 0 unchanged, 0 failed" in run.messages
    assert set(office.observations["as_of"].astype(str)) == {"2026-01-30"}
    [landed] = office.landed()
    assert (landed.as_of, landed.url) == (dt.date(2026, 1, 30), f"{server.url}/eoe.csv")
    assert [path.name for path in (office.folder / "raw" / "incoming" / "mus_eoe").glob("[!.]*")] == []


def test_unchanged_file_lands_nothing_and_a_changed_one_becomes_a_vintage(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    office.run()
    n_first = len(office.observations)
    office.now += dt.timedelta(days=7)
    assert states(office.run()) == ["unchanged"]
    assert len(office.landed()) == 1
    server.on("/eoe.csv", RangeFile(GOOD.replace(b"54417,31466,22951", b"54418,31466,22952"), '"v2"'))
    office.now += dt.timedelta(days=7)
    assert states(office.run()) == ["fetched"]
    assert [str(landed.as_of) for landed in office.landed()] == ["2026-02-02", "2026-02-16"]
    assert len(office.observations) > n_first


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD.replace(b"quarter,total", b"quarter,sum"), "sum"),
        (b"\n".join(GOOD.splitlines()[:9]), "expects at least 13"),
        (GOOD.replace(b",2", b",x2"), "x2"),
    ],
)
def test_file_that_is_not_what_its_source_declares_leaves_the_last_vintage_in_use(
    office: Office, server: PublishersServer, bad: bytes, reason: str
) -> None:
    server.on("/eoe.csv", Reply(body=GOOD), Reply(body=bad))
    office.run()
    before, n_before = office.landed(), len(office.observations)
    office.now += dt.timedelta(days=7)
    run = office.run()
    assert states(run) == ["failed"]
    assert reason in run.outcomes[0].detail
    assert any(
        message.startswith("warning: mus_eoe: failed mus_eoe_employment.csv: ") for message in run.messages
    )
    assert office.landed() == before
    assert len(office.observations) == n_before
    # The file was not remembered as good: it is asked for, and refused, again.
    assert states(office.run()) == ["failed"]


def test_fetched_file_that_a_parser_stumbles_over_does_not_stop_the_others(
    office: Office, server: PublishersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/eoe.csv", Reply(body=GOOD))
    server.on("/odd.parquet", Reply(body=b"PAR1" + b"x" * 500))
    odd = office.eoe("/odd.parquet", "a_odd").model_copy(update={"format": "odd"})

    def stumble(content: bytes, options: Any) -> Any:
        return {}["column"]

    monkeypatch.setitem(PARSERS, "odd", stumble)
    office.use(odd, office.eoe())
    run = office.run()
    assert states(run) == ["failed", "fetched"]
    assert "a_odd.csv of a_odd cannot be read (KeyError: 'column')" in run.outcomes[0].detail
    assert [landed.source_id for landed in office.landed()] == ["mus_eoe"]
    with pytest.raises(InputError, match="changed its layout"):
        fetching.raise_for_named(run, ["a_odd"])


def test_one_publisher_that_fails_does_not_stop_the_others(office: Office, server: PublishersServer) -> None:
    server.on("/eoe.csv", Reply(body=GOOD))
    moved, down = office.eoe("/gone.csv", "a_moved"), office.eoe("/down.csv", "b_down")
    unset = office.eoe(source_id="c_unset", secret={"key": "LMA_NOT_SET"})
    server.on("/down.csv", Reply(503))
    office.use(moved, down, unset, office.eoe())
    run = office.run()
    assert states(run) == ["failed", "failed", "failed", "fetched"]
    assert "network: 1 fetched, 0 unchanged, 3 failed" in run.messages
    assert len(office.observations) == 39
    fetching.raise_for_named(run, ["mus_eoe"])
    fetching.raise_for_named(run, [])
    with pytest.raises(SourceMovedError, match="source moved"):
        fetching.raise_for_named(run, ["mus_eoe", "a_moved"])
    with pytest.raises(InputError, match="HTTP 503"):
        fetching.raise_for_named(run, ["b_down"])


def test_a_source_that_stays_the_same_for_too_long_is_told(office: Office, server: PublishersServer) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    assert not [message for message in office.run().messages if "stale" in message]
    for days, expected in (
        (150, []),
        (1, ["warning: mus_eoe is due but unchanged, stale since 2026-05-13"]),
        (365, ["warning: mus_eoe is due"]),
    ):
        office.now += dt.timedelta(days=days)
        run = office.run()
        assert states(run) == ["unchanged"]
        told = [message for message in run.messages if "stale" in message]
        assert [message[: len(start)] for message, start in zip(told, expected, strict=True)] == expected


def test_one_rule_says_what_is_stale_and_a_withdrawn_vintage_keeps_nothing_fresh(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    office.run()
    server.on("/eoe.csv", RangeFile(GOOD.replace(b"54417,31466,22951", b"54418,31466,22952"), '"v2"'))
    office.now += dt.timedelta(days=60)
    office.run()
    source, day = office.eoe(), dt.date(2026, 7, 5)  # 153 days after the first vintage, 93 after the second
    assert list_stale(office, day) == {}
    later = max(office.landed(), key=lambda landed: landed.as_of)
    decision = Decision(
        "mus_eoe", later.snapshot_sha, 0, "withdrawn", later.file_name, later.as_of, "x", "me", TODAY
    )
    withdrawals.keep_decision(office.folder / "raw", decision)
    assert list_stale(office, day) == {"mus_eoe": dt.date(2026, 5, 13)}
    for days in range(60, 200):  # what `lma sources` says is what a run warns of
        now = dt.date(2026, 2, 2) + dt.timedelta(days=days)
        assert (
            sources.is_stale(source, dt.date(2026, 2, 2), now)
            == bool(list_stale(office, now))
            == (days > 150)
        )


def list_stale(office: Office, day: dt.date) -> dict[str, dt.date]:
    request = RunRequest((), office.folder / "out", office.folder / "lma.duckdb", "2026-02")
    return fetching.list_stale(SimpleNamespace(request=request), contracts.sources(), day)  # type: ignore[arg-type]


def test_a_source_without_a_rhythm_is_held_to_the_frequency_of_its_figures() -> None:
    source = contracts.source("mus_eoe")
    expect = source.expect.model_copy(update={"new_vintage_days": None})
    last = dt.date(2025, 1, 1)
    for freq, most in (("A", 547), ("Q", 138), ("M", 46)):
        constant = source.mapping.constant | {"freq": freq}
        mapping = source.mapping.model_copy(update={"constant": constant})
        one = source.model_copy(update={"expect": expect, "mapping": mapping})
        assert not sources.is_stale(one, last, last + dt.timedelta(days=most))
        assert sources.is_stale(one, last, last + dt.timedelta(days=most + 1))


def test_refresh_of_a_named_source_ends_with_its_error_and_keeps_the_others(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", Reply(body=GOOD))
    office.use(office.eoe("/gone.csv", "a_moved"), office.eoe())
    request = RunRequest(
        (), office.folder / "out", office.folder / "lma.duckdb", "2026-02", data=office.folder / "data"
    )
    with pytest.raises(SourceMovedError, match=r"a_moved answers HTTP 404: source moved"):
        refresh.refresh_sources(request, ["a_moved", "mus_eoe"], call_directly)
    assert [landed.source_id for landed in office.landed()] == ["mus_eoe"]
    outcomes = refresh.refresh_sources(request, [], call_directly)
    assert [(o.source_id, o.state) for o in outcomes] == [("a_moved", "failed"), ("mus_eoe", "unchanged")]


def test_weekly_refresh_warns_and_shows_what_became_of_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import deployments

    lines: list[tuple[int, str]] = []
    shown: list[dict[str, Any]] = []
    logger = SimpleNamespace(log=lambda level, message: lines.append((level, message)))
    monkeypatch.setattr(deployments, "get_run_logger", lambda: logger)
    monkeypatch.setattr(deployments, "create_table_artifact", lambda **given: shown.append(given))
    messages = ["mus_eoe: unchanged", "warning: wdi is due but unchanged"]
    deployments._log_messages((SimpleNamespace(messages=messages),))
    assert lines == [
        (logging.INFO, "mus_eoe: unchanged"),
        (logging.WARNING, "warning: wdi is due but unchanged"),
    ]
    deployments.show_outcomes([])
    deployments.show_outcomes([fetching.Outcome("wdi", "WDI.zip", "failed", "HTTP 503")])
    assert [given["table"] for given in shown] == [
        [{"source": "wdi", "file": "WDI.zip", "state": "failed", "detail": "HTTP 503"}]
    ]


def stop_after_a_word(run: Any) -> None:
    """A step that says why, then stops."""
    run.messages.append("warning: mus_eoe: failed")
    raise InputError("stopped")


def test_a_step_that_stops_still_tells_what_was_said_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows import cli, deployments

    run = SimpleNamespace(messages=[])
    with pytest.raises(InputError, match="stopped"):
        cli._narrate(stop_after_a_word)(run)
    assert "warning: mus_eoe: failed" in capsys.readouterr().err
    lines: list[str] = []
    logger = SimpleNamespace(log=lambda level, message: lines.append(message))
    monkeypatch.setattr(deployments, "get_run_logger", lambda: logger)
    monkeypatch.setattr(deployments, "task", lambda **named: lambda step: step)
    with pytest.raises(InputError, match="stopped"):
        deployments.as_task(stop_after_a_word)(run)
    assert lines == ["warning: mus_eoe: failed"]


# ---------------------------------------------------------------- the sources as they are declared


SPECIMENS = Path(__file__).parent / "specimens"
UPDATED = b"id,last.update\nEMP_NIFL_SEX_RT_A,15/01/2026 09:30:12\nUNE_DEAP_SEX_AGE_RT_A,15/01/2026 09:30:12\nARM_A,2026-01-15\n"


def read_specimen(source_id: str, pattern: str) -> bytes:
    [path] = (SPECIMENS / source_id).glob(pattern)
    return path.read_bytes()


def pack_download(series: str, file: bytes) -> bytes:
    """The zip archive of the World Bank's API: the table and two side files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for name, body in (
            (f"Metadata_Indicator_API_{series}_DS2_en_csv_v2_7.csv", b'"INDICATOR_CODE","SOURCE_NOTE"\n'),
            (f"API_{series}_DS2_en_csv_v2_7.csv", file),
            (f"Metadata_Country_API_{series}_DS2_en_csv_v2_7.csv", b'"Country Code","Region"\n'),
        ):
            members.writestr(name, body)
    return archive.getvalue()


def answers_of_publishers() -> dict[str, dict[str, bytes]]:
    """Source: what its publisher answers at which path, from specimens in the publisher's layout."""
    labour = read_specimen("wb_wdi_api_labour", "API*.csv")
    informality = (BULLETIN.parent / "EMP_NIFL_SEX_RT_A-20240726T0000.csv").read_bytes()
    by_country = read_specimen("ilo_by_country", "ARM_A*.csv").splitlines(keepends=True)
    page = json.loads(read_specimen("wb_wdi_json", "*.json").splitlines()[0])
    growth = json.dumps([page[0] | {"pages": 1, "total": 3, "lastupdated": "2026-01-15"}, page[1]]).encode()
    eurostat = "/eurostat/api/dissemination"
    inventory = b"Code\tType\tLast data change\nMIGR_RESFIRST\tDATASET\t2026-01-15T11:00:00+0200\n"
    return {
        "wb_wdi_api_labour": {
            "/v2/en/indicator/SL.IND.EMPL.ZS": pack_download("SL.IND.EMPL.ZS", labour),
            "/v2/country/all/indicator/SL.IND.EMPL.ZS": b'[{"page":1,"pages":9,"total":9,"lastupdated":"2026-01-15"},[]]',
        },
        "wb_wdi_json": {"/v2/country/all/indicator/NY.GDP.MKTP.KD.ZG": growth},
        "ilo_informality_reported": {"/data/indicator": informality, "/metadata/toc/indicator": UPDATED},
        "ilo_by_country": {
            "/data/ref_area": b"".join(
                row for row in by_country if row.startswith(b"ref_area") or row.rstrip().endswith(b",1")
            ),
            "/metadata/toc/ref_area": UPDATED,
        },
        "eurostat_first_permits": {
            f"{eurostat}/sdmx/2.1/data/migr_resfirst/A..TOTAL.TOTAL.PER.": read_specimen(
                "eurostat_first_permits", "*.tsv"
            ),
            f"{eurostat}/files/inventory": inventory,
        },
        "wb_knomad_remittances": {
            "/data360-data/data/WB_KNOMAD/WB_KNOMAD_BRE.csv": read_specimen(
                "wb_knomad_remittances", "WB_*.csv"
            )
        },
    }


@pytest.mark.parametrize("source_id", list(answers_of_publishers()))
def test_declared_source_goes_from_its_publisher_to_the_warehouse(
    office: Office, server: PublishersServer, source_id: str
) -> None:
    source = contracts.read_source(contracts.contracts_dir() / "sources" / f"{source_id}.yaml")
    assert source.download is not None
    here = re.sub(r"https://[^/\"]+", server.url, source.download.model_dump_json())
    wanted = json.loads(here) | {"pause_seconds": 0}
    one_of_each = {"ilo_by_country": {"country": ["ARM"]}, "wb_wdi_json": {"series": ["NY.GDP.MKTP.KD.ZG"]}}
    wanted["each"] = one_of_each.get(source_id, wanted["each"])
    few = source.expect.model_copy(update={"min_rows": 1, "max_quarantined_share": 1.0})
    office.use(source.model_copy(update={"download": Download.model_validate(wanted), "expect": few}))
    dated = {"Last-Modified": "Thu, 15 Jan 2026 08:00:00 GMT"}
    for path, body in answers_of_publishers()[source_id].items():
        server.on(path, Reply(body=body, headers=dated))
    run = office.run()
    assert states(run) == ["fetched"], run.outcomes
    assert set(office.observations["as_of"].astype(str)) == {"2026-01-15"}
    assert len(office.observations) >= 1


def test_every_download_has_a_name_that_its_source_reads() -> None:
    from lma import staging

    for source in contracts.sources().values():
        for wanted in source.download.files() if source.download else []:
            match = staging.match_file({source.source_id: source}, wanted.file_name)
            assert match is not None, f"{source.source_id}: no pattern under files matches {wanted.file_name}"


def test_no_source_fetches_over_unprotected_http_or_names_a_host_of_its_own_machine() -> None:
    for source in contracts.sources().values():
        if source.download:
            assert source.download.url.startswith("https://"), source.source_id
            assert not {"localhost", "127.0.0.1"} & set(source.download.hosts), source.source_id


# ---------------------------------------------------------------- months of a run that nobody watches


def test_publisher_that_goes_back_to_an_earlier_file_is_told_until_it_is_settled(
    office: Office, server: PublishersServer
) -> None:
    wrong = GOOD.replace(b"54417,31466,22951", b"54418,31466,22952")
    for month, body in ((2, GOOD), (3, wrong)):
        server.on("/eoe.csv", Reply(body=body, headers={"ETag": f'"{month}"'}))
        office.now = dt.datetime(2026, month, 2, 5)
        assert not any("went back" in message for message in office.run().messages)
    server.on("/eoe.csv", RangeFile(GOOD, '"c"'))  # the publisher has seen its mistake
    told = "warning: mus_eoe: unchanged mus_eoe_employment.csv: the publisher went back to the file of vintage 2026-02-02"
    for month in (4, 5):
        office.now = dt.datetime(2026, month, 2, 5)
        [message] = [message for message in office.run().messages if "went back" in message]
        assert message.startswith(told)
        assert "`lma withdraw mus_eoe 2026-03-02 --file mus_eoe_employment.csv" in message
    [later] = [landed for landed in office.landed() if landed.as_of == dt.date(2026, 3, 2)]
    decision = Decision(
        "mus_eoe", later.snapshot_sha, 0, "withdrawn", later.file_name, later.as_of, "x", "me", TODAY
    )
    withdrawals.keep_decision(office.folder / "raw", decision)
    assert not any("went back" in message for message in office.run().messages)
    assert set(office.observations["as_of"].astype(str)) == {"2026-02-02"}


def land_and_die(office: Office) -> None:
    """A run that is killed between landing and loading."""
    request = RunRequest(
        (), office.folder / "out", office.folder / "lma.duckdb", "2026-03", data=office.folder / "data"
    )
    with open_run(request) as run:
        run.politeness = Politeness(attempts=2, wait=lambda seconds: None)
        refresh.land_files(run)


def test_fetched_file_that_a_killed_run_did_not_load_is_set_aside_by_the_next(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    office.run()
    before = office.landed()
    bad = GOOD.replace(b"quarter,total", b"quarter,sum")
    server.on("/eoe.csv", RangeFile(bad, '"v2"'))
    office.now = dt.datetime(2026, 3, 2, 5)
    land_and_die(office)
    assert len(office.landed()) == 2
    office.now = dt.datetime(2026, 4, 2, 5)
    run = office.run()
    assert states(run) == ["failed"]
    assert any(message.startswith("warning: mus_eoe: failed") for message in run.messages)
    assert office.landed() == before
    assert states(office.run()) == ["failed"]  # asked for, and refused, again
    server.on("/eoe.csv", RangeFile(GOOD.replace(b"54417,31466,22951", b"54418,31466,22952"), '"v3"'))
    assert states(office.run()) == ["fetched"]


def test_fetched_file_that_a_killed_run_did_not_load_is_loaded_by_the_next(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    land_and_die(office)
    assert [landed.is_unproven for landed in office.landed()] == [True]
    assert states(office.run()) == ["unchanged"]
    assert len(office.observations) == 39
    assert [landed.is_unproven for landed in office.landed()] == [False]


def test_file_that_was_loaded_once_is_never_set_aside(office: Office, server: PublishersServer) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))
    office.run()
    harder = office.eoe()
    office.use(harder.model_copy(update={"expect": harder.expect.model_copy(update={"min_rows": 10_000})}))
    (office.folder / "lma.duckdb").unlink()  # built again, under a definition that it does not meet
    with pytest.raises(InputError, match="expects at least 10000"):
        office.run()
    assert len(office.landed()) == 1


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), OutputError("full"), MemoryError()]
)
def test_fault_of_the_machine_leaves_a_fetched_file_landed(
    office: Office, server: PublishersServer, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    server.on("/eoe.csv", RangeFile(GOOD))

    def fail(*arguments: Any) -> Any:
        raise fault

    with monkeypatch.context() as patch, pytest.raises(type(fault)):
        patch.setattr(refresh, "read_observations", fail)
        office.run()
    assert len(office.landed()) == 1
    assert states(office.run()) == ["unchanged"]
    assert len(office.observations) == 39


def test_what_was_fetched_is_told_although_loading_stops(
    office: Office, server: PublishersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.use(office.eoe("/gone.csv"))
    heard: list[str] = []
    monkeypatch.setattr(Run, "say", lambda run, message: heard.append(message))

    def stop(run: Run) -> Any:
        raise InputError("a file given by hand is damaged")

    monkeypatch.setattr(refresh, "list_unloaded", stop)
    with pytest.raises(InputError, match="by hand"):
        office.run()
    assert any(message.startswith("warning: mus_eoe: failed") for message in heard)


# ---------------------------------------------------------------- what nobody foresaw


LOGIN_PAGE = b'<html><body class="' + b"x" * 200_000 + b'">log in to the network</body></html>'


@pytest.mark.parametrize("stumble", ["list of tables", "page of figures", "redirect"])
def test_odd_answer_is_told_as_a_failure_of_its_source_alone(
    office: Office, server: PublishersServer, stumble: str
) -> None:
    server.on("/eoe.csv", Reply(body=GOOD))
    server.on("/toc.csv", Reply(body=LOGIN_PAGE))
    server.on("/page", Reply(body=b'[{"page":1,"pages":1,"total":null,"lastupdated":null},[]]'))
    server.on("/away.csv", Reply(302, headers={"Location": "http://[no-address/"}))
    listed = {"reads": "row", "url": server.url + "/toc.csv", "name": "last", "where": {"id": "x"}}
    odd = {
        "list of tables": lambda: office.eoe(source_id="a_odd", last_update=listed),
        "page of figures": lambda: office.eoe("/page", "a_odd", protocol="worldbank"),
        "redirect": lambda: office.eoe("/away.csv", "a_odd"),
    }
    office.use(odd[stumble](), office.eoe())
    run = office.run()
    assert states(run) == ["failed", "fetched"]
    [told] = [message for message in run.messages if message.startswith("warning: a_odd: failed")]
    assert f"{server.url}/" in told and "cannot be read" in told
    assert "sources/a_odd.yaml" in told and "lma ingest" in told
    assert len(told) < 1000


def test_disk_that_cannot_take_a_file_stops_the_run_with_its_place(
    office: Office, server: PublishersServer
) -> None:
    server.on("/eoe.csv", Reply(body=GOOD))
    (office.folder / "raw" / "incoming").mkdir(parents=True)
    in_the_way = office.folder / "raw" / "incoming" / "mus_eoe"
    in_the_way.write_text("no folder")
    with pytest.raises(OutputError, match=re.escape(f"{in_the_way} cannot take mus_eoe_employment.csv")):
        office.run()


def test_installations_wait_differently_and_each_always_the_same(
    office: Office, server: PublishersServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    used: list[Politeness | None] = []

    class Watched(fetching.fetch.Line):
        def __init__(self, politeness: Politeness | None = None) -> None:
            used.append(politeness)
            super().__init__(politeness)

    monkeypatch.setattr(fetching.fetch, "Line", Watched)
    office.use()
    for folder in (tmp_path, tmp_path, tmp_path / "other"):
        request = RunRequest(
            (), folder / "out", folder / "lma.duckdb", "2026-02", data=office.folder / "data"
        )
        with open_run(request) as run:
            fetching.fetch_files(run, {})
    monkeypatch.setattr(fetching.platform, "node", lambda: "another machine")
    seeds = [politeness.seed for politeness in used if politeness]
    assert seeds[0] == seeds[1] != seeds[2]
    assert seeds[0] != fetching.seed_of_installation(tmp_path / "lma.duckdb")
    assert 0 not in seeds


def test_transfer_that_nobody_goes_on_with_is_dropped_after_two_months(
    office: Office, server: PublishersServer
) -> None:
    folder = office.folder / "raw" / "incoming" / "old_source"
    folder.mkdir(parents=True)
    parts = [folder / ".table.csv.part", folder / ".table.csv.part.json"]
    kept = folder / ".table.csv.last.json"
    for file in (*parts, kept):
        file.write_bytes(b"{}")
        os.utime(file, (dt.datetime(2026, 2, 1, tzinfo=dt.UTC).timestamp(),) * 2)
    server.on("/eoe.csv", Reply(body=GOOD))
    office.run()
    assert all(file.exists() for file in (*parts, kept))
    office.now += dt.timedelta(days=60)
    office.run()
    assert [file.name for file in (*parts, kept) if file.exists()] == [kept.name]


def test_temporary_folder_that_cannot_take_a_copy_of_the_warehouse_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import news

    def fill(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    with open_run(RunRequest(("MUS",), tmp_path / "out", tmp_path / "lma.duckdb", "2026-02")) as run:
        refresh.open_to_readers(run)
    request = RunRequest(("MUS",), tmp_path / "out", tmp_path / "lma.duckdb", "2026-02")
    monkeypatch.setattr(news.shutil, "copyfile", fill)
    with (
        pytest.raises(OutputError, match="No space left on device.*TMPDIR"),
        news.open_walk(request, TODAY, TODAY),
    ):
        pass

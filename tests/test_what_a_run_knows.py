"""A run knows what was known on its date, keeps the vintage of what is landed, and asks publishers when it may."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from flows import assess, refresh
from flows.request import RunRequest
from lma import contracts
from lma.errors import InputError

SAMPLE = contracts.sample_dir() / "mus_eoe_employment.csv"


def ask(folder: Path, **given: object) -> RunRequest:
    plain = RunRequest(("MUS",), folder / "editions", folder / "lma.duckdb", "2026-11", offline=True)
    return replace(plain, **given)  # type: ignore[arg-type]


def stand_in(request: RunRequest, snapshots: pd.DataFrame) -> SimpleNamespace:
    return SimpleNamespace(request=request, warehouse=SimpleNamespace(read=lambda name: snapshots))


def test_files_that_came_after_the_date_asked_for_are_not_known(tmp_path: Path) -> None:
    days = [dt.date(2018, 8, 1), dt.date(2018, 12, 31), dt.date(2025, 12, 17)]
    snapshots = pd.DataFrame({"snapshot_sha": ["a", "b", "c"], "as_of": days, "n_quarantined": [0, 1, 40]})
    known = assess.list_known_snapshots(stand_in(ask(tmp_path, as_of=days[1]), snapshots))
    assert list(known["snapshot_sha"]) == ["a", "b"]
    assert len(assess.list_known_snapshots(stand_in(ask(tmp_path), snapshots))) == 3


def test_vintage_of_a_landed_file_is_not_changed_in_silence(tmp_path: Path) -> None:
    source = contracts.source("mus_eoe")
    with refresh.open_run(ask(tmp_path)) as run:
        first = refresh.ingest_file(run, SAMPLE, source, dt.date(2025, 12, 31))
        assert refresh.ingest_file(run, SAMPLE, source, dt.date(2025, 12, 31)).as_of == first.as_of
        with pytest.raises(InputError, match="as vintage 2025-12-31, and --vintage 2026-01-31 cannot"):
            refresh.ingest_file(run, SAMPLE, source, dt.date(2026, 1, 31))


def test_source_without_a_file_is_fetched_unless_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(refresh, "download_files", lambda run, sources: 1)
    wanted = ["ilo_emp_age_reported"]
    monkeypatch.setattr(contracts, "sample_dir", lambda: tmp_path / "empty")
    with refresh.open_run(ask(tmp_path, offline=False)) as run:
        assert refresh.land_files(run, wanted) == 1
    with (
        pytest.raises(InputError, match="holds no file that a source"),
        refresh.open_run(ask(tmp_path)) as run,
    ):
        refresh.land_files(run, wanted)

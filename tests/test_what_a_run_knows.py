"""A run knows what was known on its date, keeps the vintage of what is landed, and asks publishers when it may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from flows import assess, cli, pipeline, refresh
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
    snapshots = pd.DataFrame(
        {
            "snapshot_sha": ["a", "b", "c"],
            "source_id": ["x", "x", "y"],
            "as_of": days,
            "n_quarantined": [0, 1, 40],
        }
    )
    known = assess.list_known_snapshots(stand_in(ask(tmp_path, as_of=days[1]), snapshots))
    assert list(known["snapshot_sha"]) == ["a", "b"]
    mixed = ask(tmp_path, as_of=days[1], bounds=(("x", days[0]), ("y", days[2])))
    assert list(assess.list_known_snapshots(stand_in(mixed, snapshots))["snapshot_sha"]) == ["a", "c"]
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
    monkeypatch.setattr(refresh.fetching, "fetch_files", lambda run, sources: 1)
    wanted = ["ilo_emp_age_reported"]
    monkeypatch.setattr(contracts, "sample_dir", lambda: tmp_path / "empty")
    with refresh.open_run(ask(tmp_path, offline=False)) as run:
        assert refresh.land_files(run, wanted) == 1
    with (
        pytest.raises(InputError, match="holds no file that a source"),
        refresh.open_run(ask(tmp_path)) as run,
    ):
        refresh.land_files(run, wanted)


def test_decision_rests_on_no_rating_that_no_run_of_the_ledger_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, list[str]] = {}

    def read(name: str, ref_area: str | list[str] | None = None, **_: object) -> pd.DataFrame:
        if name == "meta.runs":
            return pd.DataFrame(columns=["command", "started_at", "parameters"])
        asked = [ref_area] if isinstance(ref_area, str) else ref_area
        rows = pd.DataFrame({"ref_area": ["ARM", "MUS"] if asked is None else asked})
        return rows.reindex(columns=contracts.table_contract(name).column_names)

    def keep(name: str) -> Callable[..., pd.DataFrame]:
        def list_nothing(country: object, **frames: pd.DataFrame) -> pd.DataFrame:
            given[name] = list(frames["shortages"]["ref_area"])
            return pd.DataFrame(columns=["origin", "destination"])

        return list_nothing

    monkeypatch.setattr("lma.migration.corridors.list_corridors", keep("corridors"))
    monkeypatch.setattr("lma.migration.decision.decide", keep("decisions"))
    run = stand_in(ask(tmp_path), pd.DataFrame())
    run.warehouse = SimpleNamespace(read=read, replace=lambda name, frame, code: 0)
    assess.decide_migration(run, contracts.country("ARM"))
    assert given == {"corridors": ["ARM", "MUS"], "decisions": ["ARM"]}  # MUS is of this run


def test_match_reads_no_balance_that_no_run_of_the_ledger_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def read(name: str, ref_area: object = None, **_: object) -> pd.DataFrame:
        asked[name] = ref_area
        if name == "marts.corridors":
            return pd.DataFrame({"origin": ["IND", "MUS"], "destination": ["ARM", "ARM"]})
        rows = pd.DataFrame({"ref_area": ["IND", "MUS"]} if name == "marts.shortages" else {})
        return rows.reindex(columns=["ref_area", "command", "started_at", "parameters"])

    monkeypatch.setattr("lma.migration.matching.match_corridors", lambda corridors, **_: corridors)
    run = stand_in(ask(tmp_path), pd.DataFrame())
    run.warehouse = SimpleNamespace(read=read, replace=lambda name, frame, code: len(frame))
    assert assess.match_migration(run, contracts.country("ARM")) == 2
    assert asked["marts.balances"] == ["MUS"]  # of this run; India was rated by nobody knows whom


def test_no_corridor_is_matched_before_every_country_has_decided(tmp_path: Path) -> None:
    done: list[str] = []

    def note(function: Callable[..., object]) -> Callable[..., Path]:
        def write_down(*_: object) -> Path:
            done.append(function.__name__)
            return tmp_path

        return write_down

    countries = [contracts.country(code) for code in ("ARM", "MUS")]
    pipeline.assess_countries(None, countries, note)  # type: ignore[arg-type]
    order = [name for name in done if name.endswith(("_migration", "assess_country"))]
    assert (
        order == ["decide_migration"] * 2 + ["match_migration"] + ["match_migration"] + ["assess_country"] * 2
    )


@pytest.mark.parametrize(
    ("text", "as_of", "edition"),
    [("0001-01", None, "0001-01"), ("2026-1", None, "2026-01"), (None, dt.date(1, 2, 3), "0001-02")],
)
def test_edition_has_a_year_of_four_digits(text: str | None, as_of: dt.date | None, edition: str) -> None:
    assert cli._edition_id(text, as_of) == edition


def test_a_changed_definition_reaches_what_is_already_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    name = "mus_eoe_employment.csv"
    (data / name).write_bytes((contracts.sample_dir() / name).read_bytes())
    request = RunRequest(
        ("MUS",), tmp_path / "out", tmp_path / "w" / "lma.duckdb", "2026-11", data=data, offline=True
    )
    told: list[str] = []

    def load() -> pd.DataFrame:
        with refresh.open_run(request) as run:
            refresh.land_files(run, ["mus_eoe"])
            refresh.load_landed_files(run)
            told[:] = run.messages
            return run.warehouse.read("staging.observations")

    before = load()
    assert load().equals(before) and not any("loaded again" in message for message in told)
    changed = contracts.source("mus_eoe").model_copy(update={"title": "Another title"})
    monkeypatch.setattr(contracts, "sources", lambda: {"mus_eoe": changed})
    assert load().equals(before)
    assert any(words.startswith("1 files are loaded again, because the definition") for words in told)


def test_a_row_released_from_two_rules_counts_once() -> None:
    files = pd.DataFrame({"snapshot_sha": ["a", "b"], "source_id": ["x", "x"]})
    released = pd.DataFrame(
        {"snapshot_sha": ["a"] * 3, "source_id": ["x"] * 3, "observation_id": ["a:1", "a:1", "a:2"]}
    )
    assert assess.count_releases(files, released)["n_released"].tolist() == [2, 0]
    assert assess.count_releases(files, released.head(0))["n_released"].tolist() == [0, 0]

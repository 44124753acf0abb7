"""A bad vintage is taken out of use and put back: nothing is lost, the ledger says who, when and why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from world_builder import SAMPLE, Outcome, World, describe_warehouse

from lma import withdrawals
from lma.errors import InputError

DAY, BAD_DAY = "2025-12-31", "2026-01-31"
GOOD = (SAMPLE / "mus_eoe_employment.csv").read_bytes()
BAD = GOOD.replace(b"28434", b"82434")
REASON = ("--reason", "digits of the newest quarter exchanged", "--reviewer", "A. Reviewer")


@pytest.fixture
def own(tmp_path: Path) -> World:
    """A warehouse with a good vintage of the export zone's bulletin and a bad one after it."""
    assert BAD != GOOD
    for name, content, day in (("good.csv", GOOD, DAY), ("bad.csv", BAD, BAD_DAY)):
        (tmp_path / name).write_bytes(content)
        outcome = World(tmp_path).lma("ingest", "mus_eoe", name, "--vintage", day)
        assert outcome.code == 0, outcome.err
    return World(tmp_path)


def withdraw(world: World, day: str = BAD_DAY, *more: str) -> Outcome:
    return world.lma("withdraw", "mus_eoe", day, *REASON, *more)


def newest_total(world: World) -> float:
    figures = world.read("marts.observations", "MUS")
    mine = (figures["time_period"] == "2025-Q3") & (figures["citizenship"] == "_T")
    return float(figures.loc[mine, "obs_value"].item())


def test_withdrawn_vintage_leaves_the_figures_and_stays_landed(own: World) -> None:
    landed = sorted(path.name for path in own.raw.iterdir())
    assert newest_total(own) == 82434
    outcome = withdraw(own)
    assert outcome.code == 0, outcome.err
    assert (
        "withdrawn on" in outcome.err
        and "by A. Reviewer: digits of the newest quarter exchanged" in outcome.err
    )
    assert newest_total(own) == 28434
    assert set(own.read("staging.observations")["as_of"]) == {dt.date.fromisoformat(DAY)}
    assert own.read("marts.revisions").empty
    assert sorted(path.name for path in own.raw.iterdir()) == sorted([*landed, withdrawals.FOLDER])
    row = own.read("meta.withdrawals").iloc[0]
    assert (row["action"], row["decided_by"], row["file_name"]) == ("withdrawn", "A. Reviewer", "bad.csv")
    assert row["reason"] == REASON[1] and row["as_of"] == dt.date.fromisoformat(BAD_DAY)


def test_withdrawn_file_is_listed_with_who_and_why(own: World) -> None:
    assert "withdrawn" not in own.lma("sources", "--here").out
    assert withdraw(own).code == 0
    for command in (["sources", "--here"], ["sources", "show", "mus_eoe"]):
        words = " ".join(own.lma(*command).out.split())
        assert f"withdrawn: bad.csv, vintage {BAD_DAY}" in words and "by A. Reviewer: digits of the" in words
        assert f"lma withdraw mus_eoe {BAD_DAY} --restore" in words


def test_withdrawn_file_given_again_names_the_way_back(own: World) -> None:
    silent = own.lma("ingest", "mus_eoe", "bad.csv", "--vintage", BAD_DAY)
    assert silent.code == 0 and "withdrawals" not in silent.err and "--restore" not in silent.err
    assert withdraw(own).code == 0
    again = own.lma("ingest", "mus_eoe", "bad.csv", "--vintage", BAD_DAY)
    assert again.code == 0 and f"`lma withdraw mus_eoe {BAD_DAY} --restore" in again.err


def test_database_built_again_is_the_same(own: World) -> None:
    assert withdraw(own).code == 0
    before = describe_warehouse(own)
    for path in own.warehouse.parent.glob("lma.*"):
        path.unlink()
    (own.folder / "none").mkdir()
    (own.folder / "none" / "mus_eoe_employment.csv").write_bytes(GOOD)
    assert own.lma("refresh", "mus_eoe", "--data", "none", "--offline").code == 0
    assert describe_warehouse(own) == before
    assert before["meta.withdrawals"][0] == 1


def test_file_given_again_stays_out_of_use_and_says_so(own: World) -> None:
    assert withdraw(own).code == 0
    outcome = own.lma("ingest", "mus_eoe", "bad.csv", "--vintage", BAD_DAY)
    assert outcome.code == 0 and "bad.csv (mus_eoe, vintage 2026-01-31) is left out" in outcome.err
    assert newest_total(own) == 28434


def test_vintage_put_back_is_as_before_and_both_decisions_are_kept(own: World) -> None:
    before = describe_warehouse(own)
    assert withdraw(own).code == 0
    assert withdraw(own, BAD_DAY, "--restore").code == 0
    after = describe_warehouse(own)
    assert after.pop("meta.withdrawals")[0] == 2 and before.pop("meta.withdrawals")[0] == 0
    assert after == before and newest_total(own) == 82434
    assert own.read("meta.withdrawals")["action"].tolist() == ["withdrawn", "restored"]


@pytest.mark.parametrize(
    ("day", "more", "words"),
    [
        (
            "2020-01-01",
            (),
            "no landed file of vintage 2020-01-01 that is in use. Vintages in use: 2025-12-31, 2026-01-31",
        ),
        (BAD_DAY, ("--file", "other.csv"), "file other.csv that is in use"),
        (BAD_DAY, ("--restore",), "that is withdrawn. Vintages withdrawn: none"),
        ("tomorrow", (), "is not a date"),
    ],
)
def test_what_cannot_be_withdrawn_is_told(own: World, day: str, more: tuple[str, ...], words: str) -> None:
    outcome = withdraw(own, day, *more)
    assert outcome.code != 0 and words in outcome.err
    assert newest_total(own) == 82434


def test_damaged_note_is_named(tmp_path: Path) -> None:
    path = withdrawals.note_path(tmp_path, "mus_eoe", "a" * 64)
    path.parent.mkdir()
    path.write_text("[{}]", encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        withdrawals.list_withdrawn(tmp_path)
    with pytest.raises(InputError, match="name no landed file"):
        withdrawals.note_path(tmp_path, "../x", "a" * 64)


def test_note_without_its_command_loads_the_other_file_of_the_vintage_again(tmp_path: Path) -> None:
    """A command killed after it wrote its note, or notes from a backup: the next run does the rest."""
    world = World(tmp_path)
    first = b"\n".join(GOOD.split(b"\n")[:15]) + b"\n"
    for name, content in (("first.csv", first), ("whole.csv", GOOD)):
        (tmp_path / name).write_bytes(content)
        assert world.lma("ingest", "mus_eoe", name, "--vintage", DAY).code == 0
    before, files = describe_warehouse(world), world.read("meta.snapshots").set_index("file_name")
    n_added = int(before["staging.observations"][0])
    assert files["n_observations"].sum() == n_added, "a figure of two files counts once"

    def decide(action: str) -> None:
        sha = str(files.loc["first.csv", "snapshot_sha"])
        day = dt.date.fromisoformat(DAY)
        decision = withdrawals.Decision("mus_eoe", sha, 0, action, "first.csv", day, "wrong", "me", day)
        withdrawals.keep_decision(world.raw, decision)
        assert world.lma("refresh", "mus_eoe", "--offline", "--data", str(tmp_path / "none")).code == 0

    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "mus_eoe_employment.csv").write_bytes(GOOD)
    decide(withdrawals.WITHDRAWN)
    loaded = world.read("meta.snapshots").set_index("file_name")
    assert loaded["n_observations"].to_dict() == {"whole.csv": n_added}
    decide(withdrawals.RESTORED)
    after = describe_warehouse(world)
    assert after.pop("meta.withdrawals")[0] == 2 and before.pop("meta.withdrawals")[0] == 0
    assert after == before

"""Quarantine: what is shown of refused rows, and what a reviewer may release, on which conditions, for how long."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from observation_builder import observations
from world_builder import SAMPLE, World, run_lma

from flows import bulk
from flows.quarantine import _collapse_alike
from lma import contracts, releases
from lma.errors import ContractError, InputError
from lma.releases import Release, apply_releases, keep_releases, list_releases
from lma.validation import check_rows
from lma.warehouse import find_rule_breakers

EOE = (SAMPLE / "mus_eoe_employment.csv").read_text(encoding="utf-8")
NEGATIVE = EOE.replace("2025-Q3,28434,14935,13499", "2025-Q4,28000,14000,-14000")
IN_WORDS = EOE.replace("2025-Q3,28434,14935,13499", "2026-Q1,28000,14000,fourteen")
REASON = "the bulletin itself prints a correction of the quarter before"
STAGING = contracts.table_contract("staging.observations")


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose quarantine holds a negative number of persons and a figure in words."""
    made = World(tmp_path_factory.mktemp("quarantined"))
    for name, text, vintage in (
        ("negative.csv", NEGATIVE, "2026-02-01"),
        ("words.csv", IN_WORDS, "2026-05-01"),
    ):
        (made.folder / name).write_text(text, encoding="utf-8")
        outcome = made.lma("ingest", "mus_eoe", name, "--vintage", vintage)
        assert outcome.code == 0, outcome.err
    return made


@pytest.fixture
def own(quarantined: World, tmp_path: Path) -> World:
    """A copy that a test may change."""
    return quarantined.copy_to(tmp_path / "own")


def row_of(world: World, rule: str) -> str:
    rows = world.read("meta.quarantine")
    return str(rows.loc[rows["rule_id"] == rule, "observation_id"].iloc[0])


def release(world: World, *ids: str, reason: str = REASON, reviewer: str = "A. Reviewer"):
    return world.lma("quarantine", "release", *ids, "--reason", reason, "--reviewer", reviewer)


# ---------------------------------------------------------------- looking


def test_list_shows_each_row_with_its_rule_and_counts_them(quarantined: World) -> None:
    outcome = quarantined.lma("quarantine", "list")
    assert outcome.code == 0
    assert (
        f"{row_of(quarantined, 'persons_not_negative')}  mus_eoe  persons_not_negative  obs_value = '-14000'"
        in outcome.out
    )
    assert "foreign = 'fourteen'" in outcome.out
    assert "1  mus_eoe, persons_not_negative: Persons and earnings cannot be negative." in outcome.out
    one = quarantined.lma("quarantine", "list", "--rule", "readable", "--source", "mus_eoe")
    assert "fourteen" in one.out and "-14000" not in one.out
    assert outcome.out.startswith("rows  source, rule")
    short = quarantined.lma("quarantine", "list", "--limit", "1")
    assert "... and 1 more: --limit 2 shows all" in short.out


def test_lines_that_say_the_same_are_one() -> None:
    rows = pd.DataFrame(
        {
            "observation_id": ["a:1:x", "a:2:x", "a:3:x"],
            "source_id": "own",
            "rule_id": "readable",
            "column_name": "date",
            "table_name": "staging.observations",
            "value": ["NA", "NA", "-"],
        }
    )
    assert _collapse_alike(rows) == [
        "a:1:x  own  readable  date = 'NA'  (and 1 alike)",
        "a:3:x  own  readable  date = '-'",
    ]


@pytest.mark.parametrize(("option", "value"), [("--source", "wdi"), ("--rule", "nosuch")])
def test_list_of_what_nothing_has_names_what_there_is(quarantined: World, option: str, value: str) -> None:
    outcome = quarantined.lma("quarantine", "list", option, value)
    assert outcome.code == 2 and value in outcome.err
    assert ("mus_eoe" if option == "--source" else "persons_not_negative, readable") in outcome.err


def test_show_puts_the_publishers_row_beside_it(quarantined: World) -> None:
    outcome = quarantined.lma("quarantine", "show", row_of(quarantined, "persons_not_negative"))
    assert outcome.code == 0
    for words in (
        "Statistics Mauritius, negative.csv",
        "vintage 2026-02-01",
        "quarter=2025-Q4",
        "foreign=-14000",
        "may be released",
    ):
        assert words in outcome.out, words
    by_file = quarantined.lma("quarantine", "show", "words.csv")
    assert by_file.code == 0 and "cannot be released: readable" in by_file.out and "fourteen" in by_file.out
    assert quarantined.lma("quarantine", "show", "nosuch").code == 2
    assert run_lma("quarantine", "list", folder=quarantined.folder / "warehouse").code == 11


def test_values_of_other_tables_are_never_shown(own: World) -> None:
    """Nothing writes records of persons there; should it ever, the value stays unseen."""
    with own_warehouse(own) as opened:
        row = opened.read("meta.quarantine").head(1).assign(table_name="restricted.records", value="CANARY")
        opened.write_quarantine(row)
        opened.publish_read_copy()
    for arguments in (["list"], ["show", str(row["observation_id"].iloc[0])]):
        outcome = own.lma("quarantine", *arguments)
        assert outcome.code == 0 and row["observation_id"].iloc[0] in outcome.out
        assert "CANARY" not in outcome.out + outcome.err


def own_warehouse(world: World):
    from lma import warehouse

    return warehouse.open_for_writing(world.warehouse, command="tests")


# ---------------------------------------------------------------- releasing


def test_released_row_is_loaded_and_says_who_and_why(own: World) -> None:
    wanted = row_of(own, "persons_not_negative")
    outcome = release(own, wanted)
    assert outcome.code == 0, outcome.err
    assert "1 row(s) released by A. Reviewer; recorded in" in outcome.err
    staged = own.read("staging.observations").set_index("observation_id")
    assert staged.loc[wanted, "obs_value"] == -14000 and staged.loc[wanted, "obs_status"] == "A"
    note = staged.loc[wanted, "note"]
    assert note.startswith("EOE") and f"by A. Reviewer on {pd.Timestamp.today():%Y-%m-%d}: {REASON}" in note
    recorded = own.read("meta.releases")
    assert recorded[["observation_id", "rule_id", "obs_value", "reviewer", "reason"]].to_numpy().tolist() == [
        [wanted, "persons_not_negative", -14000.0, "A. Reviewer", REASON]
    ]
    assert row_of(own, "readable")
    assert "persons_not_negative" not in own.lma("quarantine", "list").out
    assert own.lma("check", "staging.observations").code == 0
    shown = own.lma("quarantine", "show", wanted)
    assert shown.code == 2 and "was released by A. Reviewer" in shown.err
    facts = own.read("meta.snapshots").set_index("file_name")
    assert (facts.loc["negative.csv", "n_observations"], facts.loc["negative.csv", "n_quarantined"]) == (
        39,
        0,
    )


def test_release_survives_a_rebuild_from_the_landed_files(own: World) -> None:
    assert release(own, row_of(own, "persons_not_negative")).code == 0
    names = [
        "staging.observations",
        "marts.observations",
        "meta.releases",
        "meta.quarantine",
        "meta.snapshots",
    ]
    with own_warehouse(own) as opened:
        before = {name: opened.content_hash(name) for name in names}
    for path in own.warehouse.parent.glob("lma*"):
        path.unlink()
    assert own.lma("refresh", "mus_eoe", "--offline").code == 0
    with own_warehouse(own) as opened:
        after = {name: opened.content_hash(name) for name in names}
        assert opened.count_rows("meta.releases") == 1
    # The shipped sample has landed as well, so only what concerns the released file is compared whole.
    assert (
        after["meta.releases"] == before["meta.releases"]
        and after["meta.quarantine"] == before["meta.quarantine"]
    )
    released = own.read("staging.observations")
    assert (released["obs_value"] == -14000).sum() == 1


def test_release_says_nothing_of_a_changed_file(own: World) -> None:
    assert release(own, row_of(own, "persons_not_negative")).code == 0
    (own.folder / "again.csv").write_text(NEGATIVE.replace("-14000", "-14001"), encoding="utf-8")
    outcome = own.lma("ingest", "mus_eoe", "again.csv", "--vintage", "2026-03-01")
    assert outcome.code == 0 and "again.csv: 1 row(s) in quarantine" in outcome.err
    staged = own.read("staging.observations")
    assert (staged["obs_value"] == -14000).sum() == 1 and (staged["obs_value"] == -14001).sum() == 0


def test_withdrawn_release_puts_the_row_back(own: World) -> None:
    assert release(own, row_of(own, "persons_not_negative")).code == 0
    (path,) = (own.raw / "released").iterdir()
    path.unlink()
    outcome = own.lma("refresh", "mus_eoe", "--offline")
    assert outcome.code == 0 and "are loaded again" in outcome.err
    assert row_of(own, "persons_not_negative")
    assert (own.read("staging.observations")["obs_value"] == -14000).sum() == 0
    assert own.read("meta.releases").empty


def test_row_that_breaks_its_key_code_or_type_is_never_released(own: World) -> None:
    outcome = release(own, row_of(own, "persons_not_negative"), row_of(own, "readable"))
    assert outcome.code == 12
    assert "breaks readable of staging.observations, which no reviewer can set aside" in outcome.err
    assert not (own.raw / "released").exists(), "all or none"
    assert own.read("meta.releases").empty


def test_release_by_hand_of_what_may_not_be_released_is_not_applied(own: World) -> None:
    rows = own.read("meta.quarantine")
    row = rows[rows["rule_id"] == "readable"].iloc[0]
    day = pd.Timestamp("2026-06-01").date()
    address = (row["source_id"], row["snapshot_sha"], row["observation_id"])
    keep_releases(own.raw, [Release(*address, "readable", 14.0, "Somebody", "because I say so", day)])
    outcome = own.lma("refresh", "mus_eoe", "--offline")
    assert outcome.code == 0 and "by Somebody does not apply: the row gives no figure now" in outcome.err
    assert row_of(own, "readable") == row["observation_id"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reason", REASON], "--reviewer NAME, or set LMA_REVIEWER"),
        (["--reason", REASON, "--reviewer", "  "], "--reviewer NAME"),
        (["--reviewer", "A. Reviewer"], "--reason"),
        (["--reason", "ok", "--reviewer", "A. Reviewer"], "says too little"),
    ],
)
def test_release_needs_a_name_and_a_reason(
    quarantined: World, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LMA_REVIEWER", raising=False)
    outcome = quarantined.lma("quarantine", "release", row_of(quarantined, "persons_not_negative"), *options)
    assert outcome.code == 2 and words in outcome.err


def test_reviewer_may_stand_in_the_environment(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMA_REVIEWER", "Office of Quality")
    outcome = own.lma("quarantine", "release", row_of(own, "persons_not_negative"), "--reason", REASON)
    assert outcome.code == 0 and own.read("meta.releases")["reviewer"].tolist() == ["Office of Quality"]


@pytest.mark.parametrize("wanted", ["nosuch", "negative.csv"])
def test_only_single_rows_are_released(quarantined: World, wanted: str) -> None:
    outcome = release(quarantined, wanted)
    assert outcome.code == 2 and wanted in outcome.err


OWN_SOURCE = """
source_id: own_table
publisher: Ministry
title: Jobs
table_code: T1
url: https://example.org/
licence: none stated
files: [{name: jobs.csv, as_of: 2026-02-01}]
format: csv
basis: {default: reported}
priority: 90
expect: {max_quarantined_share: 0.5}
mapping:
  source: {time_period: year, obs_value: jobs, note: remark}
  constant: {ref_area: MUS, freq: A, indicator: EMP, unit_measure: PS}
"""


@pytest.mark.parametrize("way", ["frames", "sql"])
def test_release_is_the_same_for_a_large_file(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LARGE_BYTES", 0 if way == "sql" else 1 << 40)
    world = World(tmp_path)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "own_table.yaml").write_text(OWN_SOURCE, encoding="utf-8")
    (tmp_path / "jobs.csv").write_text(
        "year,jobs,remark\n2019,5,\n2020,5,\n2021,-7,sic\n2022,-8,\n", encoding="utf-8"
    )
    first = world.lma("ingest", "own_table", "jobs.csv")
    assert first.code == 0, first.err
    rows = world.read("meta.quarantine")
    assert sorted(rows["value"].astype(float)) == [-8, -7]
    outcome = release(world, str(rows.loc[rows["value"].astype(float) == -7, "observation_id"].iloc[0]))
    assert outcome.code == 0, outcome.err
    staged = world.read("staging.observations").sort_values("time_period")
    assert staged["obs_value"].tolist() == [5, 5, -7]
    assert staged["note"].iloc[2].startswith("sic; Released from quarantine (persons_not_negative) by A.")
    assert world.read("meta.quarantine")["value"].astype(float).tolist() == [-8]
    assert world.read("meta.snapshots")["n_observations"].tolist() == [3]
    assert world.lma("check", "staging.observations").code == 0
    (path,) = (world.raw / "released").iterdir()
    path.unlink()
    assert world.lma("refresh", "mus_eoe", "--offline").code == 0
    staged = world.read("staging.observations")
    assert staged.loc[staged["source_id"] == "own_table", "obs_value"].tolist() == [5, 5]


# ---------------------------------------------------------------- the records


def record(**given: object) -> Release:
    facts: dict[str, object] = {
        "source_id": "survey", "snapshot_sha": "a" * 64, "observation_id": f"{'a' * 12}:1", "rule_id": "persons_not_negative",
        "obs_value": -1.0, "reviewer": "A. Reviewer", "reason": "seen", "released_on": pd.Timestamp("2026-06-01").date(),
    }  # fmt: skip
    return Release(**(facts | given))  # type: ignore[arg-type]


def judge(frame: pd.DataFrame, *own: Release) -> releases.Verdict:
    checked = check_rows(frame, STAGING, find_rule_breakers(frame, STAGING))
    return apply_releases(frame, checked.passed, checked.failed, own, STAGING)


@pytest.mark.parametrize(
    ("row", "given", "words"),
    [
        ({"obs_value": -2.0}, {}, "now gives -2, the reviewer saw -1"),
        ({"obs_value": 1.0}, {}, "breaks no rule now"),
        ({"obs_value": -1.0, "sex": "X"}, {}, "also breaks sex_valid_values"),
        ({"obs_value": -1.0}, {"rule_id": "rates_within_0_100"}, "also breaks persons_not_negative"),
        (
            {"obs_value": 1.0, "sex": "X"},
            {"rule_id": "sex_valid_values", "obs_value": 1.0},
            "also breaks sex_valid_values",
        ),
        ({"obs_value": -1.0}, {"observation_id": f"{'b' * 12}:1"}, "gives no figure now"),
    ],
)
def test_release_is_guarded(row: dict[str, object], given: dict[str, object], words: str) -> None:
    frame = observations(row, {"time_period": "2020"})
    address = {"observation_id": frame["observation_id"].iloc[0]} | given
    verdict = judge(frame, record(**address))
    assert verdict.released.empty and len(verdict.idle) == 1 and words in verdict.idle[0]
    unreleased = judge(frame)
    pd.testing.assert_frame_equal(verdict.passed, unreleased.passed)
    pd.testing.assert_frame_equal(verdict.refused, unreleased.refused)


def test_released_row_keeps_status_and_note() -> None:
    frame = observations({"obs_value": -1.0, "obs_status": "P", "note": "revised"}, {"time_period": "2020"})
    before = frame.copy()
    verdict = judge(frame, record(observation_id=frame["observation_id"].iloc[0]))
    assert len(verdict.passed) == 2 and verdict.refused.empty and verdict.idle == ()
    row = verdict.passed[verdict.passed["obs_value"] == -1].iloc[0]
    assert row["obs_status"] == "P"
    assert (
        row["note"]
        == "revised; Released from quarantine (persons_not_negative) by A. Reviewer on 2026-06-01: seen"
    )
    assert verdict.released.columns.tolist() == contracts.table_contract("meta.releases").column_names
    pd.testing.assert_frame_equal(frame, before)


def test_only_rules_marked_in_the_contract_are_releasable() -> None:
    assert releases.releasable_rules(STAGING) == {"persons_not_negative", "rates_within_0_100"}
    with pytest.raises(
        ContractError, match=r"breaks obs_status_required .+ May be released: persons_not_negative"
    ):
        releases.check_releasable(["persons_not_negative", "obs_status_required"], "x:1", STAGING)


def test_records_are_kept_beside_the_landed_files(tmp_path: Path) -> None:
    first, second = record(), record(observation_id=f"{'a' * 12}:2")
    (path,) = keep_releases(tmp_path, [second])
    keep_releases(tmp_path, [first, record(observation_id=f"{'a' * 12}:2", reason="seen again")])
    assert [one.reason for one in list_releases(tmp_path, "survey", "a" * 64)] == ["seen", "seen again"]
    assert list_releases(tmp_path, "survey", "b" * 64) == []
    assert [p.name for p in tmp_path.rglob("*.tmp")] == []
    path.write_text("[{}]", encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        list_releases(tmp_path, "survey", "a" * 64)


def test_record_of_another_file_under_this_name_is_refused(tmp_path: Path) -> None:
    (path,) = keep_releases(tmp_path, [record()])
    entries = json.loads(path.read_text(encoding="utf-8"))
    other = releases.releases_path(tmp_path, "survey", "b" * 64)
    other.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(InputError, match="speaks of another file"):
        list_releases(tmp_path, "survey", "b" * 64)
    with pytest.raises(InputError, match="name no landed file"):
        releases.releases_path(tmp_path, "../survey", "b" * 64)

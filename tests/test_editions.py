"""Editions after their publication: listed, compared, marked as wrong, thinned out; nothing is changed in any of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from edition_builder import build_cells, build_edition
from world_builder import Outcome, run_lma

from flows.assess import choose_languages
from flows.earlier import choose_errata
from flows.request import RunRequest
from lma import contracts
from lma.assessment.cells import Lineage
from lma.assessment.changelog import Comparison, Made, change_table
from lma.contracts import Erratum
from lma.errors import InputError, OutputError
from lma.publish import edition as editions
from lma.publish import ledger, shelf

VERSIONS = {"lma": "0.1.0", "method": "aaaa1111bbbb", "classifications": "c1"}


def publish(out: Path, edition: str, label: str = "Mauritius", **versions: str) -> Path:
    """An edition of the tables alone; ``label``: other content."""
    run = {"versions": VERSIONS | versions, "parameters": {"horizon": 5}}
    return editions.publish(build_edition(edition=edition, label=label, run=run, forms=("csv",)), out)


def name_all(out: Path) -> list[str]:
    return [one.edition for one in shelf.list_published(out, "MUS")]


def hash_folder(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three editions of November, the middle of which is neither first nor last, and one of December."""
    folder = tmp_path_factory.mktemp("made") / "editions"
    for edition, label in (("2026-11", "A"), ("2026-11", "B"), ("2026-11", "C"), ("2026-12", "D")):
        publish(folder, edition, label)
    return folder


@pytest.fixture
def out(made_once: Path, tmp_path: Path) -> Path:
    """The same folder for one test to change."""
    return Path(shutil.copytree(made_once, tmp_path / "editions"))


def lma(out: Path, *arguments: object) -> Outcome:
    return run_lma(*arguments, folder=out.parent)


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err
    assert [word for word in words if word not in outcome.err] == [], outcome.err


# ---------------------------------------------------------------- the list


def test_editions_are_listed_in_their_order_with_what_they_are(out: Path) -> None:
    for number in (10, 4):
        shutil.copytree(out / "MUS" / "2026-11", out / "MUS" / f"2026-11.{number}")
    (out / "MUS" / "notes").mkdir()
    (out / "MUS" / "2026-11.02").mkdir()
    assert name_all(out) == [
        "2026-11", "2026-11.2", "2026-11.3", "2026-11.4", "2026-11.10", "2026-12",
    ]  # fmt: skip
    outcome = lma(out, "editions", "mus")
    assert outcome.code == 0, outcome.err
    line = next(line for line in outcome.out.splitlines() if "2026-11.10" in line)
    assert [word for word in ("MUS", "2025-09-30", "0.1.0 aaaa1111", "en", "whole") if word not in line] == []
    listed = json.loads(lma(out, "editions", "--json").out)
    assert [one["edition"] for one in listed] == name_all(out)
    assert listed[0]["is_whole"] and listed[0]["errata"] == [] and listed[0]["n_files"] > 10


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda folder: (folder / "tables" / "T5.csv").write_bytes(b"x"), "tables/T5.csv was changed"),
        (lambda folder: (folder / "run.json").unlink(), "run.json is missing"),
        (lambda folder: (folder / "more.txt").write_bytes(b""), "more.txt was added"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
        (lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff"), "SHA256SUMS is missing or empty"),
    ],
)
def test_a_damaged_edition_is_told_and_the_others_are_listed(out: Path, damage: Any, fault: str) -> None:
    damage(out / "MUS" / "2026-11.2")
    outcome = lma(out, "editions")
    assert_refused(outcome, 12, "1 of 4 editions are damaged", fault, "Restore the folder")
    assert "damaged (1)" in outcome.out and outcome.out.count("whole") == 3


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"run": []}', b"[]"])
def test_an_edition_that_does_not_say_how_it_was_made_is_not_compared(
    out: Path, content: bytes | None
) -> None:
    record = out / "MUS" / "2026-11.2" / "run.json"
    record.unlink() if content is None else record.write_bytes(content)
    outcome = lma(out, "compare", "MUS", "2026-11", "2026-11.2")
    assert_refused(outcome, 12, "2026-11.2 is damaged", "run.json", "Restore the folder")


def test_an_edition_beside_itself_and_a_folder_without_editions_need_no_empty_table(out: Path) -> None:
    same = lma(out, "compare", "MUS", "2026-11", "2026-11")
    assert same.code == 0 and "0 of" in same.out and "address" not in same.out
    (out.parent / "new").mkdir()
    none = lma(out, "editions", "--out", "new")
    assert none.code == 0 and "no edition in new yet" in none.out and "cut-off" not in none.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("editions", "XXX"), 2, ["'XXX'", "ISO 3166-1"]),
        (("editions", "FRA"), 11, ["FRA holds no edition", "MUS"]),
        (("editions", "--out", "nowhere"), 11, ["nowhere does not exist", "--out"]),
        (("editions", "--out", "file.txt"), 11, ["file.txt is a file, not a folder"]),
        (("compare", "MUS", "2026-11", "2027-01"), 11, ["2027-01 is not an edition", "2026-11.3"]),
        (("compare", "FRA", "2026-11", "2026-12"), 11, ["FRA holds no edition"]),
        (("erratum", "MUS", "2026-11.9", "--reason", "x"), 11, ["2026-11.9 is not an edition"]),
        (("erratum", "MUS", "../x", "--reason", "x"), 11, ["is not an edition"]),
        (("erratum", "MUS", "2026-11", "--reason", " "), 2, ["--reason is missing", "no open"]),
        (("erratum", "MUS", "2026-11", "--reason", "x", "--address", "T5.C.q5"), 2, ["no such cell", "T5.C.q50"]),
        (("erratum", "MUS", "2026-12", "--reason", "x", "--corrected-by", "2026-11"), 2, ["does not come after"]),
        (("erratum", "MUS", "2026-12", "--reason", "x", "--corrected-by", "2027-01"), 11, ["2027-01 is not"]),
        (("retention", "QQQ"), 2, ["'QQQ'"]),
        (("retention", "--keep", "0"), 2, ["--keep"]),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused(
    out: Path, arguments: tuple[str, ...], code: int, words: list[str]
) -> None:
    (out.parent / "file.txt").write_text("")
    before = hash_folder(out)
    assert_refused(lma(out, *arguments), code, *words)
    assert hash_folder(out) == before


# ---------------------------------------------------------------- errata


def test_an_erratum_is_recorded_beside_the_edition_which_stays_as_it_is(out: Path) -> None:
    before = hash_folder(out / "MUS" / "2026-11")
    given = ("--reason", "The unit\nis wrong: =cmd <b>", "--address", "T5.C.q50", "--reviewer", "A. Analyst")
    outcome = lma(out, "erratum", "mus", "2026-11", *given)
    assert outcome.code == 0 and "not corrected yet" in outcome.out, outcome.err
    assert lma(out, "erratum", "MUS", "2026-11", *given).out.startswith("MUS 2026-11: recorded already")
    (one,) = ledger.read_errata(out / "MUS")
    today = dt.date.today().isoformat()
    assert one == Erratum("2026-11", "T5.C.q50", "The unit is wrong: =cmd <b>", today, "A. Analyst", "")
    assert lma(out, "erratum", "MUS", "2026-11", "--corrected-by", "2026-12").code == 0
    (one,) = ledger.read_errata(out / "MUS")
    assert one.corrected_by == "2026-12"
    assert len((out / "MUS" / ledger.LEDGER).read_bytes().splitlines()) == 2
    listed = lma(out, "editions").out
    assert (
        "1 (0 open)" in listed
        and "corrects 2026-11" in listed
        and "(A. Analyst): The unit is wrong" in listed
    )
    compared = lma(out, "compare", "MUS", "2026-11", "2026-12").out
    assert "erratum: 2026-11 T5.C.q50" in compared and "corrected by 2026-12" in compared
    assert hash_folder(out / "MUS" / "2026-11") == before


@pytest.mark.parametrize("change", ["first line", "reason", "cut", "no json", "list"])
def test_a_ledger_that_somebody_changed_is_not_believed(out: Path, change: str) -> None:
    for reason in ("one", "two"):
        assert lma(out, "erratum", "MUS", "2026-11", "--reason", reason).code == 0
    path = out / "MUS" / ledger.LEDGER
    content = path.read_bytes()
    changed = {
        "first line": content.split(b"\n", 1)[1],
        "reason": content.replace(b'"one"', b'"none"'),
        "cut": content[:-10],
        "no json": content + b"hello\n",
        "list": content + b"[]\n",
    }
    path.write_bytes(changed[change])
    assert_refused(lma(out, "editions"), 11, "ledger.ndjson, line", "restore it")
    assert_refused(lma(out, "erratum", "MUS", "2026-11", "--reason", "x"), 11, "ledger.ndjson")
    with pytest.raises(InputError, match=r"ledger\.ndjson, line"):
        publish(out, "2026-12", "E")


def test_many_writers_at_once_each_add_their_line(out: Path) -> None:
    def record(number: int) -> None:
        shelf.record_erratum(out, "MUS", Erratum("2026-11", "", f"fault {number}", "2026-12-01", "A"))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    threads.append(threading.Thread(target=publish, args=(out, "2026-12", "E")))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.reason for one in ledger.read_errata(out / "MUS")} == {f"fault {n}" for n in range(8)}
    assert name_all(out)[-1] == "2026-12.2"


ERRATA = [
    Erratum("2026-10", "T5.C.2030", "open", "2026-11-02", "A"),
    Erratum("2026-10", "", "corrected at once", "2026-11-02", "A", "2026-11"),
    Erratum("2026-11", "", "corrected now", "2026-12-02", "A", "2026-12"),
    Erratum("2026-12", "", "of this edition itself", "2026-12-03", "A"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edition", "as_of", "told"),
    [
        ("2026-12", None, ["open", "corrected now"]),
        ("2026-11", None, ["open", "corrected at once"]),
        ("2026-10", None, []),
        ("2026-12", dt.date(2026, 11, 30), ["open"]),
        ("2026-12.2", None, ["open", "of this edition itself"]),
    ],
)
def test_the_change_log_tells_errata_that_no_edition_before_it_corrected(
    edition: str, as_of: dt.date | None, told: list[str]
) -> None:
    chosen = choose_errata(ERRATA, edition, as_of)
    assert [one.reason for one in chosen] == told
    cells = build_cells()
    made = [Made(name, {"method": "a"}, "c") for name in (edition, "2026-09")]
    log = change_table("MUS", cells, Comparison(made[0], made[1], cells, errata=chosen), Lineage({}, {}))
    rows = log[log["row_id"].str.startswith("ERRATUM_") & (log["column_id"] == "finding")]
    assert [text.partition(": ")[2].partition(" (recorded")[0] for text in rows["text"]] == told
    if told:
        assert rows["text"].iloc[0].startswith("edition 2026-10, T5.C.2030: open (recorded 2026-11-02)")


# ---------------------------------------------------------------- retention


def test_retention_takes_what_is_neither_first_nor_last_of_its_month_and_keeps_its_hashes(out: Path) -> None:
    before = hash_folder(out)
    plan = lma(out, "retention", "--keep", "1")
    assert plan.code == 0 and "1 editions" in plan.out and "nothing was" in plan.out
    assert hash_folder(out) == before, "without --yes nothing goes"
    kept = {one.edition: one for one in shelf.list_published(out, "MUS")}
    outcome = lma(out, "retention", "--keep", "1", "--yes", "--reviewer", "A. Analyst")
    assert outcome.code == 0, outcome.err
    assert name_all(out) == ["2026-11", "2026-11.3", "2026-12"]
    (gone,) = ledger.read_removals(out / "MUS")
    sums = {
        name.removeprefix("MUS/2026-11.2/"): digest
        for name, digest in before.items()
        if "/2026-11.2/" in name
    }
    assert gone.sums_sha256 == sums.pop("SHA256SUMS")
    assert gone.files == sums and (gone.removed_by, gone.as_of) == ("A. Analyst", kept["2026-11.2"].as_of)
    assert "2026-11.2: removed on" in lma(out, "editions").out
    assert_refused(lma(out, "compare", "MUS", "2026-11.2", "2026-12"), 11, "2026-11.2 was removed on")
    assert not list((out / "MUS").glob(".*"))


def test_the_name_of_a_removed_edition_is_never_given_again(out: Path) -> None:
    assert lma(out, "retention", "--keep", "1", "--yes").code == 0
    assert publish(out, "2026-11", "another").name == "2026-11.4"
    assert publish(out, "2026-11", "B").name == "2026-11.5"
    taken = build_edition(edition="2026-11.2", label="another")
    assert editions.is_taken_by_another(taken, out)


@pytest.mark.parametrize("guard", ["wrong", "correcting", "newest", "damaged"])
def test_what_is_cited_new_or_damaged_stays(out: Path, guard: str) -> None:
    if guard == "wrong":
        assert lma(out, "erratum", "MUS", "2026-11.2", "--reason", "x").code == 0
    if guard == "correcting":
        assert lma(out, "erratum", "MUS", "2026-11", "--reason", "x", "--corrected-by", "2026-11.2").code == 0
    if guard == "damaged":
        (out / "MUS" / "2026-11.2" / "units.csv").write_text("x")
    assert lma(out, "retention", "--keep", "3" if guard == "newest" else "1", "--yes").code == 0
    assert "2026-11.2" in name_all(out)


def test_a_removal_that_died_half_way_is_finished_by_the_next(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        shelf.remove_editions(out, "MUS", 1, "2026-12-31", "A")
    monkeypatch.undo()
    assert name_all(out) == ["2026-11", "2026-11.3", "2026-12"] and list((out / "MUS").glob(".*"))
    publish(out, "2026-12", "E")
    assert not list((out / "MUS").glob(".*"))
    assert len(ledger.read_removals(out / "MUS")) == 1


# ---------------------------------------------------------------- comparison


def test_comparison_says_what_moved_and_why(out: Path) -> None:
    cells = build_cells()
    number = cells["address"] == "T5.I.q50"
    moved = cells.assign(value=cells["value"].where(~number, 70000.0))
    newer = cells["source_id"].eq("ilostat_lfs_rates") & cells["value"].notna()
    moved["as_of"] = moved["as_of"].where(~newer, dt.date(2025, 9, 1))
    moved.loc[cells["address"] == "T1.UNE_RT.value", "value"] = 6.4
    run = {"versions": VERSIONS | {"classifications": "c2"}, "parameters": {"horizon": 6}}
    editions.publish(build_edition(edition="2027-01", cells=moved, run=run, forms=("csv",)), out)
    outcome = lma(out, "compare", "MUS", "2026-11", "2027-01", "--table", "changes.csv")
    assert outcome.code == 0, outcome.err
    first, data, method, classification, *rest = outcome.out.splitlines()
    assert first == f"MUS 2026-11 to 2027-01: 2 of {len(cells)} cells differ (2 revised)"
    assert "ilostat_lfs_rates (vintage 2024-11-15 replaced by 2025-09-01)" in data
    assert "horizon 5 to 6" in method and "were changed" in classification
    assert rest[0] == "figures of the headline:" and rest[1].startswith("  T5.I.q50 ")
    table = pd.read_csv(out.parent / "changes.csv").set_index("address")
    assert table.loc["T1.UNE_RT.value", "why"] == "data (ilostat_lfs_rates) or method or classification"
    assert table.loc["T5.I.q50", "change"] == pytest.approx(70000 - cells.loc[number, "value"].iloc[0])


# ---------------------------------------------------------------- folders that cannot be written


def test_an_output_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "editions").write_text("")
    with pytest.raises(OutputError, match=r"editions is a file, so no edition can be put into .*MUS.*--out"):
        editions.check_place(tmp_path / "editions" / "MUS")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_an_output_error(out: Path) -> None:
    (out / "MUS").chmod(0o555)
    try:
        assert_refused(lma(out, "erratum", "MUS", "2026-11", "--reason", "x"), 14, "cannot write")
    finally:
        (out / "MUS").chmod(0o755)


# ---------------------------------------------------------------- what a run is asked to make


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--language", "xx", ["no language 'xx'", "en, fr"]),
        ("--form", "exe", ["no form 'exe'", "html", "metadata"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "assess"])
def test_a_language_or_form_that_there_is_not_stops_before_the_work(
    tmp_path: Path, command: str, option: str, value: str, words: list[str]
) -> None:
    outcome = run_lma(command, "MUS", option, value, folder=tmp_path)
    assert_refused(outcome, 2, *words)
    assert not list(tmp_path.iterdir())


def test_a_catalogue_that_is_wrong_stops_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lma.languages
    from flows.assess import check_places
    from lma.errors import DefinitionError

    (tmp_path / "zu.po").write_text('msgid "broken', encoding="utf-8")
    monkeypatch.setattr(lma.languages, "languages_dir", lambda: tmp_path)
    request = RunRequest(("MUS",), tmp_path, tmp_path / "lma.duckdb", "2026-11", languages=("zu",))
    with pytest.raises(DefinitionError, match=r"zu.po.*line 1"):
        check_places(request, [contracts.country("MUS")])


@pytest.mark.parametrize(
    ("asked", "made"),
    [((), ("en", "fr")), (("fr",), ("fr",)), (("ru", "en"), ("en", "ru")), (("fr", "fr"), ("fr",))],
)
def test_languages_of_an_edition_are_those_asked_for_or_of_the_country(
    tmp_path: Path, asked: tuple[str, ...], made: tuple[str, ...]
) -> None:
    request = RunRequest(("MUS",), tmp_path, tmp_path / "lma.duckdb", "2026-11", languages=asked)
    assert choose_languages(request, contracts.country("MUS")) == made

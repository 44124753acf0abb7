"""Unit-level records: nothing but counts, row numbers and rule names leaves the module."""

from __future__ import annotations

import base64
import gzip
import logging
import pickle
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from world_builder import run_lma

import lma.records as records
from lma.disclosure import audit, protect
from lma.errors import InputError, LmaError, OutputError, UsageError
from lma.records import (
    COLUMNS,
    COUNT_COLUMNS,
    STORED_COLUMNS,
    aggregate_records,
    generate_records,
    is_synthetic,
    load_key,
    process_records,
    pseudonymise,
    purge_store,
    read_records,
    store_records,
    validate_records,
    write_synthetic,
)

KEY = b"k" * 32
GOOD = {
    "person_id": "P1", "birth_date": "1990-05-17", "sex": "M", "citizenship": "NPL", "occupation": "8153",
    "economic_activity": "C", "permit_type": "WORK", "valid_from": "2024-01-01", "valid_to": "2025-12-31",
    "employer_id": "E1",
}  # fmt: skip


def build(*changes: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame([{**GOOD, **change} for change in changes], columns=list(COLUMNS), dtype=str)


# ---------------------------------------------------------------- canaries: 1,000 records that must not leak


def plant_canaries(n: int = 1000) -> tuple[pd.DataFrame, list[str]]:
    """Synthetic records with names, passports, phones and dates nobody else has; every fifth row is wrong."""
    frame = generate_records(n, 7)
    canaries = []
    for place in range(n):
        passport, phone, name = f"PASSQ{place:06d}Z", f"+23059{place:06d}7", f"Zzcanary{place:05d} Namesson"
        frame.loc[place, ["person_id", "employer_id"]] = [passport, f"EMPQ{place:06d}Z"]
        canaries += [passport, phone, name, f"EMPQ{place:06d}Z"]
        if place % 5 == 0:
            columns = ["birth_date", "sex", "citizenship", "occupation", "valid_from", "economic_activity"]
            wrong = columns[place // 5 % 6]
            frame.loc[place, wrong] = name
        frame.loc[place, ["name", "phone"]] = [name, phone]
    return frame, canaries


def encode(text: bytes) -> list[bytes]:
    """Ways in which a leak could hide."""
    return [text, base64.b64encode(text)]


def assert_silent(haystacks: list[bytes], canaries: list[str]) -> None:
    joined = b"\n".join(one for text in haystacks for one in encode(text))
    leaked = [canary for canary in canaries if canary.encode() in joined]
    assert leaked == [], f"{len(leaked)} canaries leaked"


def dig(error: BaseException | None) -> list[bytes]:
    """Everything an exception says, with what it hides behind it."""
    if error is None:
        return []
    said = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]
    return [text.encode() for text in said] + dig(error.__cause__) + dig(error.__context__)


def list_outside(folder: Path, keep_out: set[Path]) -> list[bytes]:
    files = [file for file in folder.rglob("*") if file.is_file() and file not in keep_out]
    return [file.read_bytes() for file in files] + [str(file).encode() for file in files]


def test_a_thousand_canaries_stay_inside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    frame, canaries = plant_canaries()
    source, store = tmp_path / "permits.csv", tmp_path / "restricted"
    frame.to_csv(source, index=False)
    report = process_records(source, store, KEY, [2022, 2023])
    assert (report.rows, report.valid) == (1000, 800)
    assert len(set(report.failures["row"])) == 200
    assert report.counts["persons"].sum() > 0
    printed = capsys.readouterr()
    said = [
        caplog.text.encode(), printed.out.encode(), printed.err.encode(), repr(report).encode(),
        pickle.dumps(report), report.failures.to_csv().encode(), report.counts.to_csv().encode(),
    ]  # fmt: skip
    stored = set(store.iterdir())
    assert_silent(said + list_outside(tmp_path, {source} | stored), canaries)
    assert_silent([file.read_bytes() for file in stored], canaries)
    birthdays = set(frame["birth_date"])
    assert not any(day in file.read_text() for file in stored for day in list(birthdays)[:200])


def break_text(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def cut_quotes(frame: pd.DataFrame) -> bytes:
    return break_text(frame).replace(b"PASSQ000500Z", b'"PASSQ000500Z')


def cut_encoding(frame: pd.DataFrame) -> bytes:
    return break_text(frame).replace(b"PASSQ000500Z", b"PASSQ000500Z\xff")


def drop_header(frame: pd.DataFrame) -> bytes:
    return break_text(frame).split(b"\n", 1)[1]


def drop_cells(frame: pd.DataFrame) -> bytes:
    lines = break_text(frame).split(b"\n")
    return b"\n".join([*lines[:10], lines[10].rsplit(b",", 3)[0], *lines[11:]])


def zip_it(frame: pd.DataFrame) -> bytes:
    return gzip.compress(break_text(frame))


@pytest.mark.parametrize("damage", [cut_quotes, cut_encoding, drop_header, drop_cells, zip_it])
def test_a_file_that_breaks_the_parser_is_not_quoted(
    damage: Callable[[pd.DataFrame], bytes], tmp_path: Path
) -> None:
    frame, canaries = plant_canaries()
    source = tmp_path / "permits.csv"
    source.write_bytes(damage(frame))
    with pytest.raises(InputError) as caught:
        process_records(source, tmp_path / "restricted", KEY, [2023])
    assert_silent(dig(caught.value), canaries)
    assert not (tmp_path / "restricted").exists()


@pytest.mark.parametrize("stage", ["validate_records", "pseudonymise", "aggregate_records"])
def test_a_crash_inside_does_not_quote_a_record(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, canaries = plant_canaries()
    source = tmp_path / "permits.csv"
    frame.to_csv(source, index=False)

    def crash(held: pd.DataFrame, *_: object) -> None:
        raise ValueError(f"cannot convert {frame.to_csv()} {held.to_csv()}")

    monkeypatch.setattr(records, stage, crash)
    with pytest.raises(InputError, match="ValueError") as caught:
        process_records(source, tmp_path / "restricted", KEY, [2023])
    assert_silent(dig(caught.value), canaries)


# ---------------------------------------------------------------- reading and validating


def test_read_keeps_the_contract_columns_only(tmp_path: Path) -> None:
    path = tmp_path / "permits.csv"
    path.write_text(
        "\ufeff#a comment\n" + build({}).assign(name="Someone").to_csv(index=False), encoding="utf-8"
    )
    found = read_records(path)
    assert list(found.columns) == list(COLUMNS)
    assert found.loc[0].to_dict() == GOOD


def test_missing_columns_are_named_but_not_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "permits.csv"
    path.write_text(build({}).drop(columns=["sex"]).to_csv(index=False))
    with pytest.raises(InputError, match="lacks the column sex"):
        read_records(path)
    with pytest.raises(InputError, match="does not exist"):
        read_records(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("change", "column", "rule"),
    [
        ({"person_id": ""}, "person_id", "MISSING"),
        ({"birth_date": "17/05/1990"}, "birth_date", "NOT_A_DATE"),
        ({"valid_from": "2024-02-30"}, "valid_from", "NOT_A_DATE"),
        ({"birth_date": "2015-01-01"}, "birth_date", "AGE_OUT_OF_RANGE"),
        ({"birth_date": "1930-01-01"}, "birth_date", "AGE_OUT_OF_RANGE"),
        ({"valid_to": "2023-12-31"}, "valid_to", "ENDS_BEFORE_START"),
        ({"sex": "X"}, "sex", "UNKNOWN_CODE"),
        ({"citizenship": "NEP"}, "citizenship", "UNKNOWN_CODE"),
        ({"occupation": "welder"}, "occupation", "UNKNOWN_CODE"),
        ({"economic_activity": "Z"}, "economic_activity", "UNKNOWN_CODE"),
        ({"permit_type": "work permit"}, "permit_type", "UNKNOWN_CODE"),
    ],
)
def test_each_rule(change: dict[str, str], column: str, rule: str) -> None:
    found = validate_records(build({}, {"person_id": "P2", **change}, {"person_id": "P3"}))
    assert found.to_numpy().tolist() == [[2, column, rule]]


def test_duplicate_permit_and_valid_rows() -> None:
    assert validate_records(build({}, {"person_id": "P2"}, {"valid_from": "2024-06-01"})).empty
    assert validate_records(build({}, {})).to_numpy().tolist() == [[2, "person_id", "DUPLICATE_PERMIT"]]
    assert validate_records(build()).empty


# ---------------------------------------------------------------- pseudonyms and key


def test_pseudonyms_are_keyed_stable_and_apart() -> None:
    frame = build({"person_id": "A", "employer_id": "A"}, {"person_id": "A", "employer_id": "B"})
    found = pseudonymise(frame, KEY)
    assert list(found.columns) == list(STORED_COLUMNS)
    assert found["person"].nunique() == 1
    assert found.loc[0, "person"] != found.loc[0, "employer"]
    assert found.loc[0, "birth_year"] == "1990"
    assert found["person"].iloc[0] != pseudonymise(frame, b"x" * 32)["person"].iloc[0]
    # HMAC-SHA256 of b"person\0A" under 32 times k, computed apart with openssl dgst -mac HMAC
    assert found.loc[0, "person"] == "fa8301b190841aaa920816ee2ce7b81b1f9cc81e4415b569a639e3815d6c369a"


def test_key_comes_from_the_environment_or_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    assert load_key({}, path) == KEY
    assert load_key({"LMA_PSEUDONYM_KEY": KEY.decode()}) == KEY
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        load_key({}, path)
    with pytest.raises(UsageError, match="5 bytes"):
        load_key({"LMA_PSEUDONYM_KEY": "short"})
    with pytest.raises(UsageError, match="no key"):
        load_key({})
    with pytest.raises(UsageError, match="bytes"):
        pseudonymise(build({}), b"short")


# ---------------------------------------------------------------- counts


def count(frame: pd.DataFrame, *key: str) -> int:
    return int(frame.set_index(list(COUNT_COLUMNS[:4]))["persons"].get(key, 0))


def test_persons_with_a_permit_on_the_last_day_count_once() -> None:
    frame = build(
        {"person_id": "A"},
        {"person_id": "A", "valid_from": "2024-06-01", "economic_activity": "F", "employer_id": "E2"},
        {"person_id": "B", "sex": "F", "citizenship": "IND"},
        {"person_id": "C", "valid_to": "2024-12-30"},
        {"person_id": "D", "valid_from": "2025-01-01"},
    )
    found = aggregate_records(pseudonymise(frame, KEY), [2024, 2025])
    assert list(found.columns) == list(COUNT_COLUMNS)
    assert count(found, "_T", "_T", "_T", "2024") == 2
    assert count(found, "NPL", "M", "F", "2024") == 1
    assert count(found, "NPL", "M", "C", "2024") == 0
    assert count(found, "IND", "F", "_T", "2024") == 1
    assert count(found, "_T", "_T", "_T", "2025") == 3
    assert aggregate_records(pseudonymise(frame, KEY), []).empty


def test_counts_pass_through_disclosure_control() -> None:
    counts = aggregate_records(pseudonymise(generate_records(3000, 3), KEY), [2023])
    dims = list(COUNT_COLUMNS[:4])
    published, report = protect(counts, dims, "persons", n_min=10)
    assert report["primary"] > 0
    assert audit([published], dims, "persons", n_min=10).empty
    total = counts[(counts[dims[:3]] == "_T").all(axis=1)]["persons"].item()
    inner = counts[(counts[dims[:3]] != "_T").all(axis=1)]["persons"].sum()
    assert total == inner


# ---------------------------------------------------------------- the restricted store


def test_stored_files_are_private_and_can_be_purged(tmp_path: Path) -> None:
    store = tmp_path / "restricted"
    path = store_records(pseudonymise(build({}), KEY), store, "records-a.csv")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert [file.name for file in store.iterdir()] == ["records-a.csv"]
    assert purge_store(store) == 1
    assert list(store.iterdir()) == []
    assert purge_store(tmp_path / "absent") == 0


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="Name another folder") as caught:
        store_records(pseudonymise(build({}), KEY), blocked, "records-a.csv")
    assert isinstance(caught.value, LmaError)
    assert blocked.exists()


# ---------------------------------------------------------------- synthetic records


def test_synthetic_records_are_marked_valid_and_seeded(tmp_path: Path) -> None:
    frame = generate_records(20_000, 1)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["person_id"].str.startswith("SYN").all() and frame["employer_id"].str.startswith("SYN").all()
    assert validate_records(frame).empty
    pd.testing.assert_frame_equal(frame, generate_records(20_000, 1))
    assert not frame.equals(generate_records(20_000, 2))
    assert frame["person_id"].nunique() < len(frame)
    assert 0.85 < (frame["sex"] == "M").mean() < 0.91
    assert frame["citizenship"].value_counts().index[0] == "IND"
    per_person = frame.groupby("person_id")[["birth_date", "sex", "citizenship"]].nunique()
    assert (per_person == 1).all(axis=None)


@pytest.mark.parametrize("n", [0, 1, 2, 17])
def test_synthetic_files_of_any_size_can_be_read_back(n: int, tmp_path: Path) -> None:
    path = tmp_path / "synthetic.csv"
    write_synthetic(path, n, 5)
    assert path.read_text().startswith("#SYN synthetic")
    assert len(read_records(path)) == n
    with pytest.raises(UsageError):
        generate_records(-1, 5)


def test_synthetic_records_differ_by_activity_as_such_records_do() -> None:
    frame = generate_records(20_000, 1)
    women = (frame["sex"] == "F").groupby(frame["economic_activity"]).mean()
    assert women["F"] < 0.05 < women["C"] < women["Q"]
    citizens = frame.groupby("economic_activity")["citizenship"].value_counts(normalize=True)
    assert citizens["F", "IND"] > citizens["C", "IND"] and citizens["C", "MDG"] > 0.2
    assert frame.groupby("economic_activity")["occupation"].nunique().min() >= 2
    by_year = frame["valid_from"].str[:4].value_counts()
    assert by_year["2020"] < by_year["2019"] / 2 < by_year["2023"]
    per_person = frame.groupby("person_id")[["economic_activity", "sex", "citizenship"]].nunique()
    assert (per_person == 1).all(axis=None)


def test_synthetic_files_are_told_from_others(tmp_path: Path) -> None:
    made, other = tmp_path / "made.csv", tmp_path / "other.csv"
    write_synthetic(made, 3, 1)
    build(GOOD).to_csv(other, index=False)
    assert is_synthetic(made) and not is_synthetic(other)
    with pytest.raises(OutputError, match="Name another place"):
        write_synthetic(other / "below.csv", 3, 1)


# ---------------------------------------------------------------- the commands


@pytest.fixture
def permits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 3,000 synthetic permits, and a key."""
    monkeypatch.setenv("LMA_PSEUDONYM_KEY", KEY.decode())
    outcome = run_lma("records", "synthetic", "permits.csv", "--n", 3000, "--seed", 3, folder=tmp_path)
    assert outcome.code == 0 and "synthetic" in outcome.out, outcome.err
    return tmp_path


def count_permits(folder: Path, *more: object) -> object:
    words = ("permits.csv", "counts.csv", "--years", "2022,2023", "--store", "private", *more)
    return run_lma("records", "count", *words, folder=folder)


def test_counts_of_the_command_are_protected_rounded_and_marked(permits: Path) -> None:
    outcome = count_permits(permits)
    assert outcome.code == 0, outcome.err
    counts = pd.read_csv(permits / "counts.csv", dtype=str)
    assert list(counts.columns) == [*COUNT_COLUMNS, "note"]
    assert counts["note"].str.startswith("synthetic").all()
    shown = counts.loc[counts["persons"] != "[c]", "persons"].astype(int)
    assert shown.min() >= 10 and (shown % 5 == 0).all() and len(shown) < len(counts)
    assert audit([counts[list(COUNT_COLUMNS)]], list(COUNT_COLUMNS[:-1]), "persons", n_min=10).empty
    exact = aggregate_records(pseudonymise(generate_records(3000, 3), KEY), [2022, 2023])
    both = counts.merge(exact, on=list(COUNT_COLUMNS[:-1]), suffixes=("", "_exact"))
    near = both[both["persons"] != "[c]"]
    assert ((near["persons"].astype(int) - near["persons_exact"]).abs() < 5).all() and len(both) == len(exact)


def test_commands_show_no_record_and_leave_none_behind_after_a_purge(permits: Path) -> None:
    said = count_permits(permits)
    shown = said.out + said.err + (permits / "counts.csv").read_text()
    assert "SYN-P" not in shown and "SYN-E" not in shown
    (stored,) = (permits / "private").iterdir()
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600 and "SYN-P" not in stored.read_text()
    outcome = run_lma("records", "purge", "private", folder=permits)
    assert "1 files of records removed" in outcome.out and list((permits / "private").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("records", "synthetic", "permits.csv"), "exists: real records could be lost"),
        (("records", "count", "permits.csv", "permits.csv", "--years", "2023", "--store", "s"), "another name"),
        (("records", "count", "absent.csv", "c.csv", "--years", "2023", "--store", "s"), "does not exist"),
        (("records", "count", "permits.csv", "c.csv", "--years", "23", "--store", "s"), "no year"),
        (("records", "count", "permits.csv", "c.csv", "--years", "2023", "--store", "s", "--key", "k"), "make one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused_in_words(permits: Path, words: tuple[str, ...], said: str) -> None:
    outcome = run_lma(*words, folder=permits)
    assert outcome.code != 0 and said in outcome.err and "Traceback" not in outcome.err
    assert not (permits / "c.csv").exists()


def test_broken_rows_are_told_by_column_and_rule_only(permits: Path) -> None:
    frame = generate_records(40, 3)
    frame.loc[0, "sex"] = "Zzcanary"
    frame.to_csv(permits / "permits.csv", index=False)
    outcome = count_permits(permits)
    assert "1 rows: sex UNKNOWN_CODE" in outcome.out and "39 of 40 records counted" in outcome.out
    assert "Zzcanary" not in outcome.out + outcome.err
    assert "note" not in pd.read_csv(permits / "counts.csv").columns

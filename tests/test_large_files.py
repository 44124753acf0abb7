"""A file too large for a frame goes by SQL; both ways give the same observations, refusals and verdicts."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import bulk
from lma import contracts, pushdown, staging, validation
from lma import warehouse as warehouses
from lma.contract_rules import list_rules
from lma.errors import ClassificationError, ContractError, InputError, OutputError
from lma.parsers import find_parser

SPECIMENS = Path(__file__).parent / "specimens"
FOLDERS = [
    contracts.sample_dir(),
    *(path for path in SPECIMENS.iterdir() if path.name in contracts.sources()),
]
BY_SQL = {
    source.source_id: source
    for source in contracts.sources().values()
    if not pushdown.reason_for_frames(source, contracts.corrections())
}


def list_files() -> list[tuple[str, Path]]:
    paths = sorted(path for folder in FOLDERS for path in folder.iterdir())
    return [(s.source_id, path) for path in paths for s, *_ in staging.match_sources(BY_SQL, path.name)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    (folder / "raw").mkdir()
    with warehouses.open_for_writing(folder / "lma.duckdb", raw_store=folder / "raw") as opened:
        yield opened


def land(warehouse, content: bytes) -> str:
    sha = hashlib.sha256(content).hexdigest()
    (warehouse.path.parent / "raw" / sha).write_bytes(content)
    return sha


def describe(warehouse, source, content: bytes, name: str) -> tuple[contracts.Source, staging.FileFacts]:
    match = staging.match_file({source.source_id: source}, name)
    groups, constant = (match[2], match[1].constant) if match else ({}, {})
    vintage = (match and staging.read_vintage(match[1], groups)) or dt.date(2025, 1, 1)
    small = source.model_copy(update={"expect": source.expect.model_copy(update={"min_rows": 1})})
    return small, staging.FileFacts(land(warehouse, content), name, vintage, groups, constant)


def by_frames(source, file, content: bytes) -> staging.Conformed:
    parsed = find_parser(source.format)(content, source.options)
    return staging.conform(staging.name_columns_as_declared(parsed, source, "file"), source, file)


def by_sql(warehouse, source, file) -> tuple[bulk.LargeResult, pd.DataFrame]:
    result = bulk.conform_large(warehouse, warehouse.path.parent / "raw", source, file)
    large = warehouse.large_file(source.source_id, file.snapshot_sha)
    observations = large.ask(f"from {large.observations} order by raw_row")
    large.forget()
    return result, observations.astype({column: str for column in pushdown.CODE_COLUMNS})


def assert_same(warehouse, source, content: bytes, name: str) -> None:
    source, file = describe(warehouse, source, content, name)
    framed = by_frames(source, file, content)
    contract = contracts.table_contract("staging.observations")
    checked = validation.check_rows(
        framed.observations, contract, warehouses.find_rule_breakers(framed.observations, contract)
    )
    result, observations = by_sql(warehouse, source, file)
    expected = checked.passed.sort_values("raw_row", ignore_index=True)
    nothing = {
        column: expected[column].astype(object).where(expected[column].notna(), None)
        for column in ("raw_column", "correction_id")
    }
    pd.testing.assert_frame_equal(observations, expected.assign(**nothing), check_dtype=False)
    found = (result.n_dropped, result.n_not_applicable, result.n_collapsed)
    assert found == (framed.n_dropped, framed.n_not_applicable, framed.n_collapsed)
    readable = result.quarantine[result.quarantine["rule_id"] == "readable"]
    assert readable["observation_id"].tolist() == framed.rejected["observation_id"].tolist()
    assert (
        readable[["value", "reason"]].values.tolist() == framed.rejected[["value", "reason"]].values.tolist()
    )
    broken = result.quarantine[result.quarantine["rule_id"] != "readable"]
    named = set(zip(broken["observation_id"], broken["rule_id"], strict=True))
    assert named == set(zip(checked.failed["observation_id"], checked.failed["rule_id"], strict=True))


@pytest.mark.parametrize(
    ("source_id", "path"), [pytest.param(s, p, id=f"{s}-{p.name}") for s, p in list_files()]
)
def test_every_csv_of_the_samples_is_the_same_both_ways(warehouse, source_id, path):
    assert_same(warehouse, BY_SQL[source_id], path.read_bytes(), path.name)


# ---------------------------------------------------------------- what only bad files show

HEADER = "ref_area,sex,time,obs_value,obs_status,note_source\n"
SOURCE = {
    "source_id": "large_test", "publisher": "P", "title": "T", "table_code": "X", "url": "https://example.org", "licence": "none",
    "files": [{"name": "large_.*", "as_of": "2025-01-01"}], "format": "csv", "basis": {"default": "reported", "projection_from": "2024"},
    "priority": 1, "missing": ["", ".."], "not_applicable": ["-"], "break_notes": "break", "status": {"U": "U"},
    "expect": {"max_quarantined_share": 0.5},
    "mapping": {
        "source": {"ref_area": "ref_area", "sex": "sex", "time_period": "time", "obs_value": "obs_value",
                   "obs_status": "obs_status", "note": "{note_source}"},
        "constant": {"indicator": "EMP", "unit_measure": "PS"},
        "codes": {"ref_area": "area_codes_ilo", "sex": {"SEX_T": "_T", "SEX_M": "M", "SEX_F": "F"}},
        "unit_multiplier": 1000,
    },
}  # fmt: skip


def make_source(**changes) -> contracts.Source:
    return contracts.Source.model_validate(SOURCE | changes)


CELLS = st.sampled_from(
    [
        "1",
        "0.07",
        "1e3",
        "-5",
        "12.",
        ".5",
        "1e999",
        "1e-400",
        "0e-400",
        "nan",
        "inf",
        "",
        "..",
        "-",
        " 7 ",
        "\u00a08",
        "9\u2009",
        "1,2",
        "0x1",
        "1_0",
        "+3",
        "٣",
    ]
)
ROWS = st.tuples(
    st.sampled_from(["MUS", "ARM", "X01", "MUS "]),
    st.sampled_from(["SEX_T", "SEX_M", "SEX_F", " SEX_M"]),
    st.sampled_from(["2019", "2020", "2021Q1", "2024", "20", ""]),
    CELLS,
    st.sampled_from(["", "U"]),
    st.sampled_from(
        ["", "R1:1", "a break here", " spaces ", "tab\tinside", '"quoted"', "a,b", "line\nbreak"]
    ),
)


def write_csv(rows) -> bytes:
    frame = pd.DataFrame(rows, columns=HEADER.strip().split(","))
    return frame.to_csv(index=False, lineterminator="\n").encode()


def leave_cells_empty(rows: list[str], positions) -> str:
    """The rows with records that have no cell between them; these are not counted."""
    for position in sorted(positions, reverse=True):
        rows.insert(position, ",,,,,")
    return "\n".join(rows) + "\n"


def test_figures_too_small_and_records_without_a_cell_are_the_same_both_ways(warehouse):
    rows = GOOD.strip().split("\n")
    rows[3:5] = ["MUS,SEX_T,1952,1e-400,,", "MUS,SEX_T,1953,-0.000,,"]
    content = leave_cells_empty(rows, (1, 2, 30, len(rows)))
    assert_same(warehouse, make_source(), content.replace("1950,195.0", "1950,x").encode(), "large_a.csv")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=12))
def test_any_cells_are_the_same_both_ways(warehouse, rows):
    content = write_csv(rows)
    source, file = describe(warehouse, make_source(), content, "large_a.csv")
    refusals = []
    for way in (lambda: by_frames(source, file, content), lambda: by_sql(warehouse, source, file)):
        try:
            way()
            refusals.append(None)
        except ContractError as error:
            refusals.append(str(error))
    assert refusals[0] == refusals[1]
    if refusals[0] is None:
        assert_same(warehouse, make_source(), content, "large_a.csv")


def refused(warehouse, content: bytes, **changes) -> tuple[str, str]:
    """The messages of both ways."""
    source, file = describe(warehouse, make_source(**changes), content, "large_a.csv")
    messages = []
    for way in (lambda: by_frames(source, file, content), lambda: by_sql(warehouse, source, file)):
        with pytest.raises((InputError, ClassificationError, ContractError)) as caught:
            way()
        messages.append(str(caught.value))
    existing = warehouse._existing_columns()
    assert not [name for name in existing if ":" in name], "something of a refused file is left"
    return messages[0], messages[1]


GOOD = HEADER + "".join(f"MUS,SEX_T,{year},{year / 10},,R1:1\n" for year in range(1950, 2020))


def test_an_unknown_code_is_refused_with_the_same_words(warehouse):
    framed, by_query = refused(warehouse, (GOOD + "MUX,SEX_T,2020,5,,\nMUS,SEX_X,2021,5,,\n").encode())
    assert framed == by_query
    assert "'MUX' (row 71" in framed


def test_an_unknown_code_in_a_row_that_is_not_kept_is_no_error(warehouse):
    content = (GOOD + "X06,SEX_X,2020,5,,\nMUS,SEX_X,2021,-,,\n").encode()
    assert_same(warehouse, make_source(), content, "large_a.csv")


def test_lines_inside_a_cell_are_refused_with_the_same_words(warehouse):
    """Two stray quotes, far apart, hide the rows between them; cells with line breaks and empty records come before."""
    lines = ['MUS,SEX_M,1950,1,,"two\r\nlines, one\nnote"', ",,,,,", *GOOD.strip().split("\n")[1:]]
    lines[9], lines[20] = lines[9].replace("R1:1", '"R1:1'), lines[20] + '"'
    framed, by_query = refused(warehouse, (HEADER + "\n".join(lines) + "\n").encode())
    assert by_query == f"large_a.csv (source large_test): {framed}"
    assert "ends on line 24 has whole lines" in framed


def test_lines_inside_a_withheld_cell_are_refused(warehouse):
    lines = GOOD.replace("note_source", "employer").strip().split("\n")
    lines[9], lines[20] = lines[9].replace("R1:1", '"R1:1'), lines[20] + '"'
    mapping = SOURCE["mapping"] | {"source": SOURCE["mapping"]["source"] | {"note": "sex"}}
    content = ("\n".join(lines) + "\n").encode()
    source, file = describe(
        warehouse, make_source(withhold=["employer"], mapping=mapping), content, "large_a.csv"
    )
    with pytest.raises(InputError, match="ends on line 21 has whole lines of the table"):
        by_sql(warehouse, source, file)


@pytest.mark.parametrize("sign", ["\x01", "\x0b", "\x1b", "\x7f", "\x85", "\x93", "\0", "\ufffd"])
def test_control_characters_are_refused_with_the_same_words(warehouse, sign):
    rows = GOOD.replace("1999,199.9,,R1:1", f"1999,199.9,,Cô{sign}te")
    framed, by_query = refused(warehouse, rows.encode())
    assert framed.removeprefix("line ") in by_query and framed.startswith("line 51 holds ")


def test_contradictions_in_one_file_are_told_with_the_same_words(warehouse):
    rows = [f"MUS,SEX_T,{year},{year},,\n" for year in range(1800, 1925) for _ in (1, 2)]
    contradicting = [row.replace(",,", "1,,", 1) if n % 2 else row for n, row in enumerate(rows)]
    framed, by_query = refused(warehouse, (GOOD + "".join(contradicting)).encode())
    assert framed == by_query
    assert "125 key(s) carry different figures; the first, " in framed and "(row 71) and" in framed


def test_a_file_of_which_nothing_is_kept_is_refused_with_the_same_words(warehouse):
    mapping = SOURCE["mapping"] | {"keep": {"sex": ["SEX_O"]}}
    framed, by_query = refused(warehouse, GOOD.encode(), mapping=mapping)
    assert framed == by_query


def test_a_missing_column_is_refused_with_the_same_words(warehouse):
    framed, by_query = refused(warehouse, GOOD.replace("ref_area,sex", "area,sex").encode())
    assert framed == by_query


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD.encode() + b"MUS,SEX_T\n", "has 2 fields where the header has 6"),
        (GOOD.encode() + b"MUS,SEX_T,2020,1,,a,b\n", "has 7 fields where the header has 6"),
        (GOOD.encode() + b"MUS,SEX_T,2020,1,,C\xf4te\n", "is not utf-8"),
        (GOOD.encode() + b"MUS,SEX_T,2020,1,,\xef\xbf\xbd\n", "U+FFFD"),
        (GOOD.encode() + b'MUS,SEX_T,2020,1,,"open\n', "never close"),
        (gzip.compress(GOOD.encode() * 1, mtime=0)[:-9], "truncated or broken"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-8] + b"\0" * 8, "truncated or broken"),
        (b"", "is empty"),
        (b"x" * (2 << 20), "longer than"),
    ],
    ids=[
        "short line",
        "long line",
        "cp1252",
        "lost letters",
        "open quotes",
        "cut gzip",
        "wrong checksum",
        "empty",
        "one endless line",
    ],
)
def test_a_damaged_file_is_refused_and_leaves_nothing(warehouse, content, words):
    source, file = describe(warehouse, make_source(), content, "large_a.csv")
    with pytest.raises(InputError) as caught:
        by_sql(warehouse, source, file)
    assert words in str(caught.value) and "large_a.csv (source large_test)" in str(caught.value)
    assert not [name for name in warehouse._existing_columns() if ":" in name]


def test_a_name_that_must_not_be_loaded_reaches_no_table(warehouse):
    content = GOOD.replace("note_source", "employer").replace("R1:1", "Employer 1").encode()
    mapping = SOURCE["mapping"] | {"source": SOURCE["mapping"]["source"] | {"note": "sex"}}
    source, file = describe(
        warehouse, make_source(withhold=["employer"], mapping=mapping), content, "large_a.csv"
    )
    bulk.conform_large(warehouse, warehouse.path.parent / "raw", source, file)
    large = warehouse.large_file(source.source_id, file.snapshot_sha)
    assert "employer" not in warehouse._existing_columns()[large.stage]
    assert "Employer" not in large.ask(f"from {large.staged}").to_csv()
    large.forget()


def test_conflicting_figures_are_found_with_loaded_ones_among_the_rows_that_hold(warehouse):
    first, file = describe(warehouse, make_source(), GOOD.encode(), "large_a.csv")
    raw = warehouse.path.parent / "raw"
    bulk.conform_large(warehouse, raw, first, file)
    warehouse.large_file("large_test", file.snapshot_sha).show()
    _, bad = describe(warehouse, make_source(), GOOD.replace("201.9,", "-7,").encode(), "large_c.csv")
    broken, _ = by_sql(warehouse, first, bad)
    assert broken.conflicts.empty, "a row in quarantine contradicts nothing, as with frames"
    assert broken.quarantine["observation_id"].tolist() == [f"{bad.snapshot_sha[:12]}:70"]
    _, again = describe(warehouse, make_source(), GOOD.replace("201.9,", "7,").encode(), "large_b.csv")
    other = bulk.conform_large(warehouse, raw, first, again)
    assert other.conflicts["loaded_value"].tolist() == [201900.0]
    assert other.n_observations == 1, "equal figures of the same vintage add nothing"
    trace = warehouse.trace([f"{file.snapshot_sha[:12]}:70"])
    assert trace["value"].tolist() == [201900.0]
    assert warehouse.raw_row("large_test", file.snapshot_sha, 70)["time"] == "2019"
    for sha in (file.snapshot_sha, again.snapshot_sha):
        warehouse.forget_snapshot("large_test", sha)
    assert warehouse.count_rows("staging.observations") == 0


def test_a_zip_bomb_of_short_lines_is_stopped_early(warehouse):
    """A hundred and sixty megabytes of equal lines pack into less than one."""
    content = gzip.compress(HEADER.encode() + b"MUS,SEX_T,2019,1,,\n" * 8_000_000, 9, mtime=0)
    source, file = describe(warehouse, make_source(), content, "large_a.csv.gz")
    with pytest.raises(InputError, match="looks like a zip bomb"):
        by_sql(warehouse, source, file)
    assert not [name for name in warehouse._existing_columns() if ":" in name]


def test_want_of_memory_is_no_fault_of_the_file(warehouse, monkeypatch):
    monkeypatch.setitem(warehouses._LARGE_SETTINGS, "memory_limit", "30MB")
    rows = "".join(f"MUS,SEX_T,{year},{year},,{n}\n" for n in range(9000) for year in range(1900, 2020))
    source, file = describe(warehouse, make_source(), (HEADER + rows).encode(), "large_a.csv")
    with pytest.raises(OutputError, match="Make room on the disk") as caught:
        by_sql(warehouse, source, file)
    assert str(warehouse.path.parent) in str(caught.value) and caught.value.exit_code == 14


@pytest.mark.parametrize("kind", [duckdb.OutOfMemoryException, duckdb.IOException])
def test_every_query_of_a_large_file_tells_the_machine_from_the_file(warehouse, monkeypatch, kind):
    def fail(*_):
        raise kind("could not write: no space left on device")

    large = warehouse.large_file("large_test", "f" * 64)
    monkeypatch.setattr(
        large, "_connection", SimpleNamespace(execute=lambda query, *_: "set " in query[:4] or fail())
    )
    for query in (
        lambda: large.ask("select 1"),
        lambda: large.fill("select 1"),
        large.drop_unreadable,
        large.collapse_repeats,
    ):
        with pytest.raises(OutputError, match="no space left on device"):
            query()


def test_nothing_is_forgotten_while_the_second_reader_may_interrupt(warehouse, monkeypatch):
    content = GOOD.encode() + b"MUS,SEX_T\n"
    path = warehouse.path.parent / "raw" / land(warehouse, content)
    large, header = warehouse.large_file("large_test", "f" * 64), HEADER.strip().split(",")
    monkeypatch.setattr(large, "forget", lambda: pytest.fail("forgotten beside the second reader"))
    with pytest.raises(InputError, match="has 2 fields"):
        large.stage_csv(path, header, header, ",", '"')


# ---------------------------------------------------------------- one verdict


def break_each_rule(contract, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that break the rules of the columns one by one, and a repeated key."""
    broken = [frame.iloc[[0, 0]]]
    for number, rule in enumerate(list_rules(contract)):
        row = frame.iloc[[number % len(frame)]].copy()
        column = rule.columns[0] if rule.columns else None
        if rule.kind == "range":
            row[column] = rule.minimum - 1 if rule.minimum is not None else rule.maximum + 1
        elif rule.kind == "required":
            row[column] = None
        elif rule.kind in ("pattern", "valid_values"):
            row[column] = f"{row[column].iloc[0]}\n"  # a line break after a good code is no good code
        broken.append(row)
    return pd.concat(broken, ignore_index=True)


@pytest.mark.parametrize("name", contracts.table_contracts())
def test_great_expectations_and_sql_give_the_same_verdict_on_the_same_rows(warehouse, world, name):
    contract, frame = contracts.table_contract(name), world.read(name).head(200)
    if frame.empty:
        pytest.skip(f"{name} is empty in the sample")
    for rows in (frame, break_each_rule(contract, frame)):
        warehouse._connection.register("held rows", warehouses._arrow_table(rows, contract))
        by_query = warehouse.run_rules(contract, "_T", '"held rows"')
        by_expectations = validation.check_table(rows, contract)
        shared = by_query[by_query["rule_id"].isin(by_expectations["rule_id"])]
        columns = ["rule_id", "column_name", "description", "success", "n_failed", "n_checked"]
        pd.testing.assert_frame_equal(
            shared[columns].reset_index(drop=True), by_expectations[columns], check_dtype=False
        )
    breakable = [rule for rule in list_rules(contract) if rule.kind in ("required", "unique")]
    assert (shared["n_failed"] > 0).sum() >= len(breakable)

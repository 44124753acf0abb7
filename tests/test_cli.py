"""The command as others script against it: help, exit codes, messages, and nothing broken by a refused file."""

from __future__ import annotations

import datetime as dt
import functools
import gzip
import hashlib
import io
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from edition_builder import build_edition
from rich.console import Console
from world_builder import EDITION, SAMPLE, Outcome, World, hash_files, run_lma

from flows import assess, cli, doctor, forecast, hindsight, refresh, summary
from flows.evaluate import print_frame
from flows.pipeline import count_steps
from flows.refresh import Run
from lma import contracts, snapshots, warehouse
from lma.contracts import Country
from lma.publish import edition
from lma.warehouse import Warehouse

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "run", "refresh", "ingest", "check", "forecast", "forecast-panel", "backtest", "rate", "assess", "scenario", "compare",
    "protect", "convert", "audit", "trace", "sources", "quarantine", "docs", "doctor",
    "news", "revisions", "withdraw", "evaluate", "records", "coverage",
    "editions", "erratum", "retention", "site", "languages",
}  # fmt: skip
HEAVY = ("pandas", "duckdb", "great_expectations", "sklearn", "statsforecast", "prefect", "pyarrow", "numpy")
CASES = ROOT / "tests" / "cases" / "shortages"


def run_process(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`lma` in a process of its own."""
    named = {"PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=folder,
        env=os.environ | named,
        capture_output=True,
        text=True,
    )


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    """The error's own exit code, and one message that holds the words: what, where and what to do."""
    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err and "🅰" not in outcome.err
    assert outcome.err.splitlines()[-1].strip() and "lma: " in outcome.err
    message = outcome.err[outcome.err.index("lma: ") :]
    assert [word for word in words if word not in message] == [], message


# ---------------------------------------------------------------- help and start-up


def test_every_command_of_the_design_is_there() -> None:
    assert set(typer.main.get_command(cli.app).commands) == COMMANDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_has_an_example_that_can_be_run(name: str) -> None:
    outcome = run_lma(name, "--help")
    assert outcome.code == 0 and outcome.err == ""
    example = next(
        line.strip() for line in outcome.out.splitlines() if line.strip().startswith("Example: lma")
    )
    assert len(example) <= 78, "it would be broken in two"
    words = example.removeprefix("Example: lma ").split()
    assert words[0] == name
    command = typer.main.get_command(cli.app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words[1:])  # raises where an argument or option does not exist


SUBCOMMANDS = [
    (name, sub)
    for name, group in typer.main.get_command(cli.app).commands.items()  # type: ignore[attr-defined]
    for sub in getattr(group, "commands", {})
]


@pytest.mark.parametrize(("name", "sub"), SUBCOMMANDS)
def test_help_of_a_command_below_another_has_an_example_too(name: str, sub: str) -> None:
    outcome = run_lma(name, sub, "--help")
    assert outcome.code == 0 and outcome.err == ""
    example = next(line.strip() for line in outcome.out.splitlines() if "Example: lma" in line)
    assert len(example) <= 78, "it would be broken in two"
    words = shlex.split(example.removeprefix("Example: lma "))
    assert words[:2] == [name, sub]
    group = typer.main.get_command(cli.app).commands[name]  # type: ignore[attr-defined]
    group.commands[sub].make_context(sub, words[2:])


def test_help_is_quick_and_loads_no_heavy_library() -> None:
    """CPU time, because the machine may be busy; best of three."""
    code = (
        "import sys; sys.argv = ['lma', '--help']\n"
        "from flows import cli\n"
        "cli.main()\n"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout.splitlines()[-1] == "loaded: []"
    assert min(seconds) < 1.5


def test_command_alone_shows_its_help() -> None:
    outcome = run_lma()
    assert outcome.code == 2
    assert outcome.err.startswith("Usage:") and "forecast-panel" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], ["nosuch", "--help"]),
        (["run", "--nosuch"], ["--nosuch"]),
        (["run", "--horizon", "0"], ["--horizon", "1"]),
        (["run", "--as-of", "yesterday"], ["--as-of", "yesterday", "YYYY-MM-DD"]),
        (["run", "--as-of", "2018-13-31"], ["2018-13-31", "YYYY-MM-DD"]),
        (["run", "--edition", "2026-13"], ["--edition", "2026-13", "YYYY-MM"]),
        (["run", "XYZ"], ["XYZ", "ISO 3166-1 alpha-3", "MUS"]),
        (["run", "Mauritius"], ["MAURITIUS", "ISO 3166-1 alpha-3", "MUS"]),
        (["forecast", "XYZ"], ["XYZ", "ISO 3166-1 alpha-3"]),
        (["assess", "XYZ"], ["XYZ", "ISO 3166-1 alpha-3"]),
        (["backtest", "XYZ"], ["XYZ", "ISO 3166-1 alpha-3"]),
        (["check", "marts.nosuch"], ["marts.nosuch", "marts.balances"]),
        (["refresh", "nosuch"], ["nosuch", "mus_eoe", "lma sources"]),
        (["ingest", "nosuch", "x.csv"], ["nosuch", "mus_eoe"]),
        (["ingest", "mus_eoe", "x.csv", "--vintage", "soon"], ["--vintage", "soon"]),
        (["rate", "nosuch", "in.csv", "out.csv"], ["nosuch", "ba, oecd"]),
        (["forecast-panel", "in.csv", "out.csv", "--freq", "W"], ["W", "A (annual)"]),
        (["forecast-panel", "in.xls", "out.csv"], ["in.xls", ".csv, .parquet"]),
    ],
    ids=lambda given: "_".join(given) if isinstance(given, list) and given[0].isalpha() else "",
)
def test_what_does_not_exist_is_a_usage_error(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    assert_refused(run_lma(*arguments, folder=tmp_path), 2, *words)
    assert list(tmp_path.rglob("*.csv")) == []


def test_country_without_a_file_is_told_what_to_write(tmp_path: Path) -> None:
    words = ("FRA", "data_contracts/countries/FRA.yaml", "Copy", "six lines")
    assert_refused(run_lma("run", "MUS", "FRA", "--offline", folder=tmp_path), 10, *words)
    assert list(tmp_path.iterdir()) == [], "something was begun before the request was understood"


def test_before_the_first_run_every_reader_says_so(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "name: more\ndescription: More\nparticipation_points: 1\n", encoding="utf-8"
    )
    for arguments in (["trace", "MUS", "T5.C.2030"], ["backtest"], ["scenario", "MUS", "s.yaml"]):
        assert_refused(run_lma(*arguments, folder=tmp_path), 11, "lma.read.duckdb", "lma run")
    assert_refused(run_lma("assess", "MUS", folder=tmp_path), 11, "MUS", "lma run MUS")
    assert_refused(
        run_lma("compare", "MUS", "2026-01", "2026-02", folder=tmp_path), 11, "editions", "lma run"
    )


# ---------------------------------------------------------------- what a run says


def test_run_tells_its_steps_and_its_findings(world: World) -> None:
    said, told = ((world.folder / name).read_text(encoding="utf-8") for name in ("err.txt", "out.txt"))
    for step in (
        "land files",
        "load landed files",
        "forecast countries",
        "assess country MUS",
        "publish country ARM",
    ):
        assert step in said
    assert "40 row(s) in quarantine, such as" in said and "2024-08-19_folder_wages_db_clean.csv" in said
    assert "13,499 of 28,434 workers are foreign in 2025-Q3, 47.47 %" in told
    assert f"MUS/{EDITION}" in told and f"ARM/{EDITION}" in told and "assessment.pdf" in told
    assert "\x1b" not in said + told
    steps = [line for line in said.splitlines() if re.fullmatch(r"  \S.* +\d+\.\d s", line)]
    assert len(steps) == count_steps(2), steps
    assert "Largest gaps 2026-2030" in told and "lma trace MUS T3." in told


def test_steps_of_a_run_are_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(cli, "err", Console(file=screen, force_terminal=True, width=100, emoji=False))
    narrate = cli._Narrator(3)
    narrate(wait_a_moment)()
    narrate(wait_a_moment)()
    assert "0/3" in screen.getvalue() and "1/3" in screen.getvalue() and "wait a moment" in screen.getvalue()


def wait_a_moment() -> None:
    time.sleep(0.15)


def test_summary_of_an_edition_without_a_gap_says_so_in_words(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "MUS" / "2026-06"
    shutil.copytree(world.edition("MUS"), folder)
    table = folder / "tables" / "T3.csv"
    cells = pd.read_csv(table, dtype=str, keep_default_na=False)
    cells.assign(value="").to_csv(table, index=False)
    screen = io.StringIO()
    summary.summarise(folder, Console(file=screen, width=200))
    assert "Largest gaps" not in screen.getvalue() and "lma trace MUS T1." in screen.getvalue()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            ("assessment.html", "assessment.fr.html"),
            "assessment.html, tables/*.csv (people read it also in fr)",
        ),
        (("assessment.fr.html",), "assessment.fr.html, tables/*.csv"),
    ],
)
def test_summary_names_what_a_person_can_open(tmp_path: Path, made: tuple[str, ...], told: str) -> None:
    for name in made:
        (tmp_path / name).touch()
    assert summary._list_forms(tmp_path) == told


# ---------------------------------------------------------------- the way back


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("T5.C.2030", ["eco_details_c", "International Labour Organization", "CC BY 4.0", "https://ilostat.ilo.org/data/"]),
        ("T7.EOE.share", ["mus_eoe row 13 [", "foreign=13499", "total=28434", "Statistics Mauritius", "https://statsmauritius.govmu.org/", "47.47"]),
        ("T7.EOE.foreign", ["mus_eoe row 13 [", "foreign=13499", "mus_eoe_employment.csv"]),
        ("T6.C.gap_q50", ["balance baseline MUS C", "publisher's row:", "licence:"]),
        ("T3.DE.ba_rating", ["shortage ba MUS DE"]),
        ("T10.C.result", ["decision MUS C"]),
    ],
)  # fmt: skip
def test_trace_ends_at_the_publishers_row(world: World, address: str, words: list[str]) -> None:
    outcome = world.lma("trace", "MUS", address)
    assert outcome.code == 0, outcome.err
    assert [word for word in [address, *words] if word not in outcome.out] == [], outcome.out
    assert "unknown" not in outcome.out and "not in the warehouse" not in outcome.out


def test_trace_in_a_process_of_its_own_prints_plain_text(world: World) -> None:
    done = run_process("trace", "mus", "T5.C.2030", folder=world.folder, FORCE_COLOR="", TERM="dumb")
    assert done.returncode == 0 and done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "publisher's row: ref_area=mus, sex=sex_t, classif1=eco_details_c" in done.stdout
    assert "https://ilostat.ilo.org/data/  licence: CC BY 4.0" in done.stdout


def test_trace_of_a_cell_without_a_figure_says_why(world: World) -> None:
    outcome = world.lma("trace", "MUS", "T7.EOE.hhi")
    assert outcome.code == 0
    assert "[x] the bulletin does not give the origins of the workers" in outcome.out


def test_wrong_address_gives_close_ones(world: World) -> None:
    outcome = world.lma("trace", "MUS", "T5.C.2031")
    assert_refused(outcome, 2, "T5.C.2031", "Close to it: T5.C.2030", "table.row.column")
    assert_refused(world.lma("trace", "FRA", "T5.C.2030"), 2, "FRA", "lma run FRA")


# ---------------------------------------------------------------- tables from a file and to a file


@pytest.fixture
def panel(tmp_path: Path) -> pd.DataFrame:
    long = [("a", 2000 + i, 100 + 3 * i + i % 3) for i in range(20)]
    frame = pd.DataFrame([*long, ("b", 2000, 1), ("b", 2001, 2)], columns=["unique_id", "ds", "y"])
    frame.to_csv(tmp_path / "panel.csv", index=False)
    frame.to_parquet(tmp_path / "panel.parquet", index=False)
    return frame


def test_panel_is_forecast_from_csv_and_parquet_alike(panel: pd.DataFrame, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        outcome = run_lma(
            "forecast-panel", f"panel.{ending}", f"out.{ending}", "--horizon", 3, folder=tmp_path
        )
        assert outcome.code == 0, outcome.err
        assert f"1 series forecast, 1 refused, written to out.{ending}" in outcome.out
        assert "b: no forecast, TOO_SHORT" in outcome.out and "a: no forecast" not in outcome.out
    table, same = pd.read_csv(tmp_path / "out.csv"), pd.read_parquet(tmp_path / "out.parquet")
    columns = ["mean", "lo80", "hi80", "lo95", "hi95"]
    rows = table[table["unique_id"] == "a"]
    assert rows["h"].tolist() == [1, 2, 3] and rows["ds"].astype(int).tolist() == [2020, 2021, 2022]
    assert rows[columns].notna().all(axis=None)
    assert (rows["lo95"] <= rows["lo80"]).all() and (rows["lo80"] <= rows["mean"]).all()
    assert (rows["mean"] <= rows["hi80"]).all() and (rows["hi80"] <= rows["hi95"]).all()
    assert rows["mean"].iloc[-1] > panel.loc[panel["unique_id"] == "a", "y"].max()
    pd.testing.assert_frame_equal(table[columns], same[columns])


def test_panel_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "word.csv").write_text(
        "unique_id,ds,y\n" + "a,2001,1\n" * 3 + "a,2004,many\n", encoding="utf-8"
    )
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    forecast = functools.partial(run_lma, "forecast-panel", folder=tmp_path)
    assert_refused(forecast("wrong.csv", "out.csv"), 11, "unique_id, ds, y", "a, b")
    assert_refused(forecast("word.csv", "out.csv"), 11, "'many'", "column y", "row 4")
    assert_refused(forecast("absent.csv", "out.csv"), 11, "absent.csv does not exist")
    assert_refused(forecast("cut.parquet", "out.csv"), 11, "cut.parquet cannot be read")
    assert not (tmp_path / "out.csv").exists()


def test_table_that_cannot_be_written_is_an_output_error(panel: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    outcome = run_lma("forecast-panel", "panel.csv", "file/out.csv", folder=tmp_path)
    assert_refused(outcome, 14, "file/out.csv", "another folder")


@pytest.mark.parametrize("case", ["01_ba_quartiles", "06_oecd_two_of_five"])
def test_rate_gives_the_ratings_of_the_golden_case(case: str, tmp_path: Path) -> None:
    method = case.split("_")[1]
    outcome = run_lma("rate", method, CASES / case / "input.csv", "out.csv", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    rated = pd.read_csv(tmp_path / "out.csv").query("indicator == '_SCORE'").set_index("occupation")["rating"]
    expected = (
        pd.read_csv(CASES / case / "expected.csv").query("indicator == '_SCORE'").set_index("unit")["rating"]
    )
    assert rated[expected.index].tolist() == expected.tolist()
    assert f"of {len(rated)} units rated (" in outcome.out


def test_rate_says_what_its_table_lacks(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("unit,weight\nwelders,3\n", encoding="utf-8")
    assert_refused(
        run_lma("rate", "ba", "in.csv", "out.csv", folder=tmp_path), 11, "ba", "unit, weight", "UNE_RT"
    )
    (tmp_path / "in.csv").write_text("unit,UNE_RT\nwelders,high\n", encoding="utf-8")
    assert_refused(run_lma("rate", "ba", "in.csv", "out.csv", folder=tmp_path), 11, "'high'", "UNE_RT", "row")


def test_rate_by_rules_of_ones_own_and_its_sensitivity(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("unit,JOBSEEKERS_PER_VACANCY\nwelders,1.2\ncooks,2\n", encoding="utf-8")
    shipped = (ROOT / "data_contracts" / "rules" / "austria.yaml").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(shipped.replace("value: 1.5", "value: 2.0"), encoding="utf-8")
    asked = ("rate", "austria", "in.csv", "out.csv", "--rules", "own.yaml", "--sensitivity", "variants.csv")
    outcome = run_lma(*asked, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "2 of 2 units rated (SHORTAGE: 2;" in outcome.out and "1 change it" in outcome.out
    variants = pd.read_csv(tmp_path / "variants.csv").set_index(["occupation", "variant"])["rating"]
    assert variants["cooks", "ratio 1.8 instead of 2"] == "NONE"
    (tmp_path / "own.yaml").write_text(shipped.replace("value: 1.5", "value: -1"), encoding="utf-8")
    assert_refused(run_lma(*asked, folder=tmp_path), 10, "own.yaml", "ratio.value", "-1 is out of range")
    assert_refused(
        run_lma(*asked[:4], "--sensitivity", "out.csv", folder=tmp_path), 2, "out.csv", "another name"
    )


PERMITS = "sex,citizenship,permits\nM,IND,120\nM,BGD,3\nM,_T,123\nF,IND,80\nF,BGD,40\nF,_T,120\n_T,IND,200\n_T,BGD,43\n_T,_T,243\n"


def test_protected_table_survives_the_audit_and_the_plain_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "permits.csv").write_text(PERMITS, encoding="utf-8")
    arguments = ("protect", "permits.csv", "safe.csv", "--dims", "sex,citizenship", "--value", "permits")
    outcome = run_lma(*arguments, folder=tmp_path)
    assert outcome.code == 0 and "1 withheld because they are small" in outcome.out
    safe = pd.read_csv(tmp_path / "safe.csv", dtype=str).set_index(["sex", "citizenship"])["permits"]
    assert safe["M", "BGD"] == "[c]" and (safe == "[c]").sum() >= 3
    assert all(int(count) % 5 == 0 for count in safe[safe != "[c]"])
    assert run_lma("audit", "safe.csv", folder=tmp_path).code == 0
    outcome = run_lma("audit", "permits.csv", folder=tmp_path)
    assert_refused(outcome, 12, "permits.csv", "lma protect")
    assert "BGD" in outcome.out


def test_audit_and_protect_name_what_is_missing(world: World, tmp_path: Path) -> None:
    (tmp_path / "permits.csv").write_text(PERMITS, encoding="utf-8")
    assert_refused(run_lma("audit", "absent", folder=tmp_path), 11, "absent does not exist")
    assert_refused(run_lma("audit", tmp_path), 11, str(tmp_path), "not an edition")
    arguments = ("protect", "permits.csv", "safe.csv", "--dims", "sex,nation", "--value", "permits")
    assert_refused(run_lma(*arguments, folder=tmp_path), 11, "nation", "citizenship")
    assert world.lma("audit", f"editions/MUS/{EDITION}", f"editions/ARM/{EDITION}").code == 0


# ---------------------------------------------------------------- what the warehouse answers


def test_sources_are_listed_within_80_columns(world: World, tmp_path: Path) -> None:
    """Before the first run, and after it with vintage, figures and age."""
    before, after = run_lma("sources", folder=tmp_path), world.lma("sources")
    assert before.code == after.code == 0
    for text in (before.out, after.out):
        assert max(map(len, text.splitlines())) <= 80 and "…" not in text
        ids = [line.split()[0] for line in text.splitlines() if line.split()[0] in contracts.sources()]
        assert sorted(ids) == sorted(contracts.sources())
        whole = " ".join(text.split())
        for source in contracts.sources().values():
            assert f"{source.publisher}. Licence: {source.licence}" in whole
    assert "no warehouse here yet" in before.out and "no warehouse" not in after.out
    assert before.out.startswith(f"0 of {len(contracts.sources())} sources have files here, 0 stale\nsource ")
    here = world.lma("sources", "--here").out
    assert "not here" in after.out and "not here" not in here and "mus_eoe" in here
    facts = {line.split()[0]: line.split()[1:4] for line in after.out.splitlines()}
    assert facts["mus_eoe"][:2] == ["2025-12-31", "39"]
    assert facts["etd"][2] == "stale"


def test_one_source_is_described_in_words(world: World, tmp_path: Path) -> None:
    outcome = world.lma("sources", "show", "mus_eoe")
    assert outcome.code == 0 and max(map(len, outcome.out.splitlines())) <= 160
    for words in (
        "Statistics Mauritius",
        "`economic_activity` is always `EOE`",
        "13 rows, 39 figures, 0 in quarantine",
    ):
        assert words in " ".join(outcome.out.split()), words
    assert_refused(run_lma("sources", "show", "nosuch", folder=tmp_path), 2, "nosuch", "mus_eoe")


def test_doctor_tells_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy = run_lma("doctor", folder=tmp_path)
    assert healthy.code == 0 and "missing" not in healthy.out
    (tmp_path / "file").write_text("", encoding="utf-8")
    outcome = run_lma("doctor", "--warehouse", "file/lma.duckdb", folder=tmp_path)
    assert outcome.code == 1 and "missing" in outcome.out and "--warehouse" in outcome.out
    monkeypatch.setattr(doctor, "NEEDED", {"duckdb": "the warehouse", "no_such_library": "nothing"})
    outcome = run_lma("doctor", folder=tmp_path)
    assert outcome.code == 1 and "missing no_such_library" in outcome.out


def test_doctor_asks_for_nothing_that_is_not_a_dependency() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = {
        "sklearn": "scikit-learn",
        "great_expectations": "great-expectations",
        "vl_convert": "vl-convert-python",
        "docx": "python-docx",
    }
    assert [name for name in doctor.NEEDED if f'"{names.get(name, name)}' not in declared] == []


def test_backtest_shows_a_champion_of_every_series(world: World) -> None:
    outcome = world.lma("backtest", "mus")
    assert outcome.code == 0
    champions = world.read("marts.forecast_scores", "MUS").query("is_champion and horizon == 0")
    shown = [line for line in outcome.out.splitlines() if line.startswith("MUS ")]
    assert len(shown) == len(champions) >= 15
    assert (
        f"MUS: {len(champions)} series, mean error ratio to naive {champions['mase_ratio'].mean():.3f}"
        in outcome.out
    )


def test_a_table_is_cut_only_where_it_is_longer_than_asked() -> None:
    frame = pd.DataFrame({"series": [f"s{n}" for n in range(75)]})
    shown = []
    for options in ({}, {"longest": 75}):
        console = Console(file=io.StringIO(), width=80)
        print_frame(frame, console, **options)
        shown.append(console.file.getvalue())  # type: ignore[attr-defined]
    assert "s74" not in shown[0] and "35 more rows" in shown[0]
    assert "s74" in shown[1] and "more rows" not in shown[1]


def test_scenario_stands_beside_the_baseline(world: World, tmp_path: Path) -> None:
    (tmp_path / "women.yaml").write_text(
        "name: more_women\ndescription: Five points more women in work\nparticipation_points: 5\n",
        encoding="utf-8",
    )
    (tmp_path / "demand.yaml").write_text(
        "name: more_building\ndescription: Building grows\ndemand_growth_points: {F: 3}\n", encoding="utf-8"
    )
    women, demand = (world.lma("scenario", "MUS", tmp_path / f"{name}.yaml") for name in ("women", "demand"))
    assert women.code == demand.code == 0, women.err + demand.err
    assert "Five points more women in work" in women.out and "more_women" in women.out
    assert all(difference < 0 for difference in read_differences(women.out).values())
    by_demand = read_differences(demand.out)
    assert by_demand["F"] > 0 and all(abs(by_demand[other]) < by_demand["F"] for other in "ABCGIKOPQ")
    baseline = world.read("marts.balances", "MUS").query(
        "measure == 'GAP' and output_type_id == '0.5' and time_period == '2026-2030' and economic_activity == 'F'"
    )
    assert f"{baseline['value'].item():,.0f}" in demand.out


def read_differences(printed: str) -> dict[str, float]:
    """Median difference by activity: the third figure from the end of every row; sentences stand around the table."""
    rows = [line.split() for line in printed.splitlines()[2:]]
    rows = [row for row in rows if row and re.fullmatch(r"-?[\d,]+", row[-1])]
    return {row[0]: float(row[-3].replace(",", "")) for row in rows}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ndescription: y\nparticipation_point: 5\n", ["participation_point", "Extra inputs"]),
        ("name: x\ndescription: y\ndemand_growth_points: {QQ: 5}\n", ["QQ", "no sector", "LMN"]),
        ("name: x\nname: y\ndescription: z\n", ["name", "twice", "line 1"]),
        ("- 1\n- 2\n", ["s.yaml"]),
        ("name: [\n", ["s.yaml", "not valid YAML"]),
    ],
)
def test_scenario_that_cannot_be_understood_is_refused(
    world: World, tmp_path: Path, text: str, words: list[str]
) -> None:
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    assert_refused(world.lma("scenario", "MUS", tmp_path / "s.yaml"), 10, *words)


def test_scenario_may_not_call_itself_baseline(world: World, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: baseline\ndescription: y\n", encoding="utf-8")
    assert_refused(world.lma("scenario", "MUS", tmp_path / "s.yaml"), 2, "baseline", "choose another")


def test_compare_shows_what_changed(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "editions" / "MUS"
    shutil.copytree(world.edition("MUS"), folder / "2026-05")
    shutil.copytree(world.edition("MUS"), folder / EDITION)
    outcome = run_lma("compare", "MUS", "2026-05", EDITION, folder=tmp_path)
    assert outcome.code == 0 and "0 of " in outcome.out
    table = folder / "2026-05" / "tables" / "T7.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("13499", "13000"), encoding="utf-8")
    outcome = run_lma("compare", "MUS", "2026-05", EDITION, folder=tmp_path)
    assert "T7.EOE.foreign" in outcome.out and "13,000" in outcome.out and "499.000" in outcome.out
    assert_refused(
        run_lma("compare", "MUS", "2025-01", EDITION, folder=tmp_path), 11, "2025-01", f"2026-05, {EDITION}"
    )


def test_compare_prints_symbols_as_they_are(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "editions" / "MUS"
    shutil.copytree(world.edition("MUS"), folder / "2026-05")
    shutil.copytree(world.edition("MUS"), folder / EDITION)
    table = folder / EDITION / "tables" / "T0.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("Employment is", "[b] Employment is"), encoding="utf-8"
    )
    outcome = run_lma("compare", "MUS", "2026-05", EDITION, "--table", "changes.csv", folder=tmp_path)
    assert "[b] Employment is" in outcome.out and "..." in outcome.out and "changes.csv" in outcome.out
    whole = pd.read_csv(tmp_path / "changes.csv").set_index("address")["text_after"].dropna()
    assert whole.str.startswith("[b] Employment is").any()
    long = next(text for text in whole if text.startswith("[b]"))
    assert len(long) > 100 and long not in outcome.out.replace("\n", "")


# ---------------------------------------------------------------- a world that refuses what is wrong


@pytest.fixture(scope="module")
def tried(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One copy for all that must be refused: nothing of it may change, so nothing has to be put back."""
    return world.copy_to(tmp_path_factory.mktemp("tried"))


def fingerprint(
    world: World, tables: Callable[[Warehouse, str], object] = Warehouse.count_rows
) -> dict[str, Any]:
    """What a refused command must leave as it was: editions, raw store, the copy for readers, what is loaded."""
    loaded = (
        "staging.observations",
        "meta.snapshots",
        "meta.quarantine",
        "marts.observations",
        "marts.assessments",
    )
    with warehouse.open_for_writing(world.warehouse, command="tests") as opened:
        rows = {name: tables(opened, name) for name in loaded}
    copy = hashlib.sha256(warehouse.read_copy_path(world.warehouse).read_bytes()).hexdigest()
    raw = sorted(path.name for path in world.raw.iterdir())
    return {"editions": hash_files(world.folder / "editions"), "raw": raw, "rows": rows, "copy": copy}


def contents(world: World) -> dict[str, Any]:
    """The same, for commands that may write the same figures again."""
    return {
        name: found for name, found in fingerprint(world, Warehouse.content_hash).items() if name != "copy"
    }


@pytest.fixture
def unchanged(tried: World) -> Iterator[World]:
    before = fingerprint(tried)
    yield tried
    assert fingerprint(tried) == before


EOE = (SAMPLE / "mus_eoe_employment.csv").read_text(encoding="utf-8")
ILO_NAME = "ddf--datapoints--emp_2emp_sex_eco_nb--mus--sex_t--eco_details.csv"
ILO = (SAMPLE / ILO_NAME).read_text(encoding="utf-8")
HTML = (
    "<!doctype html><html><head><title>Sign in</title></head><body>Please accept our cookies</body></html>\n"
)


@dataclass(frozen=True)
class Bad:
    """A file that must be refused: its source and content, the exit code, and what the message must say."""

    source_id: str
    content: str | bytes
    code: int
    words: tuple[str, ...] = field(default=())
    name: str = "given.csv"


def cut(file_name: str, share: float) -> bytes:
    content = (SAMPLE / file_name).read_bytes()
    return content[: int(len(content) * share)]


def three_wrong(*wrong: str) -> str:
    """The last three counts of foreigners replaced: more than a twentieth of the file."""
    right = (",14342,", ",13508,", ",13499,")
    return functools.reduce(
        lambda text, pair: text.replace(pair[0], f",{pair[1]},"), zip(right, wrong, strict=True), EOE
    )


MODELLED, AGE_TABLE = "ilo_emp_activity_modelled", "EMP_TEMP_SEX_AGE_NB_A"
LFPR = "EAP_DWAP_SEX_AGE_RT_A_EN.xlsx"
BAD_FILES = {
    "web_page": Bad("mus_eoe", HTML, 11, ("web page", "<!doctype html>", "download the file again")),
    "web_page_as_workbook": Bad("ilo_lfpr_reported", HTML, 11, ("web page",), "given.xlsx"),
    "empty": Bad("mus_eoe", "", 11, ("empty", "download it again")),
    "header_only": Bad("mus_eoe", EOE.splitlines()[0] + "\n", 11, ("0 rows", "at least 13")),
    "cut_in_a_row": Bad(MODELLED, ILO[: ILO.rindex("sex_t")], 11, ("cut off", "download it again")),
    "cut_after_a_row": Bad(
        MODELLED, "\n".join(ILO.splitlines()[:300]) + "\n", 11, ("299 rows", "at least 500", "truncated")
    ),
    "cut_workbook": Bad(
        "ilo_lfpr_reported", cut(LFPR, 0.6), 11, ("cut off", "download it again"), "given.xlsx"
    ),
    "cut_gzip": Bad(
        "ilo_emp_age_reported",
        cut(f"{AGE_TABLE}-20260325T1614.csv.gz", 0.5),
        11,
        ("cut off", "gzip"),
        "given.csv.gz",
    ),
    "not_utf_8": Bad(
        "mus_eoe", EOE.replace("Mauricien", "Défi").encode("cp1252"), 11, ("not utf-8", "line", "encoding")
    ),
    "another_workbook": Bad(
        "ilo_unemployment_reported", cut(LFPR, 1), 11, ("no sheet", "EAP_DWAP_SEX_AGE_RT_A_EN"), "given.xlsx"
    ),
    "unknown_column": Bad(
        MODELLED, ILO.replace("classif1,time,", "classif1,year,"), 11, ("no column 'time'", "year", "mapping")
    ),
    "unknown_count": Bad(
        "mus_eoe",
        EOE.replace(",foreign,", ",foreigner,"),
        13,
        ("'foreigner'", "closest known: 'foreign'", "mus_eoe_citizenship"),
    ),
    "unknown_activity": Bad(
        MODELLED,
        ILO.replace("eco_details_a,1991", "eco_details_zz,1991"),
        13,
        ("'eco_details_zz'", "row 1", "closest known", "crosswalks/ilo_activity_codes.csv"),
    ),
    "unknown_country": Bad(
        MODELLED, ILO.replace("mus,", "mos,", 1), 13, ("'mos'", "row 1", "area_codes_ilo.csv")
    ),
    "two_figures_under_one_key": Bad(
        "mus_eoe",
        EOE.replace("2015-Q2,54187", "2015-Q1,54187"),
        12,
        ("54417 (row 1) and 54187 (row 2)", "2015-Q1", "ask the publisher"),
    ),
    "other_figures_of_a_loaded_vintage": Bad(
        "mus_eoe",
        EOE.replace(",13499,", ",13500,"),
        12,
        ("13500", "loaded is 13499", "2025-12-31", "--vintage"),
    ),
    "negative_persons": Bad(
        "mus_eoe",
        three_wrong("-14342", "-13508", "-13499"),
        12,
        (
            "3 of 39 rows",
            "more than 5%",
            "obs_value = '-14342'",
            "cannot be negative",
            "ask the publisher",
            "expect.max_quarantined_share: 0.08",
            "quarantine release",
        ),
    ),
    "persons_that_are_no_number": Bad(
        "mus_eoe", three_wrong("NaN", "nan", "inf"), 12, ("3 of 39 rows", "foreign = 'NaN'", "not a number")
    ),
    "no_vintage": Bad(
        "ilo_emp_age_reported",
        gzip.compress(b"a,b\n1,2\n"),
        11,
        ("no vintage", "--vintage YYYY-MM-DD"),
        f"{AGE_TABLE}.csv.gz",
    ),
}


def give(folder: Path, bad: Bad) -> Path:
    path = folder / bad.name
    path.write_bytes(bad.content if isinstance(bad.content, bytes) else bad.content.encode())
    return path


def vintage_of(name: str, source_id: str) -> tuple[str, ...]:
    if name == "no_vintage":
        return ()
    loaded = {"mus_eoe": "2025-12-31", "ilo_emp_activity_modelled": "2025-11-30"}
    new = {"negative_persons", "persons_that_are_no_number"}
    return ("--vintage", "2026-02-01" if name in new else loaded.get(source_id, "2026-02-01"))


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused_and_leaves_no_trace(name: str, unchanged: World, tmp_path: Path) -> None:
    bad = BAD_FILES[name]
    outcome = unchanged.lma("ingest", bad.source_id, give(tmp_path, bad), *vintage_of(name, bad.source_id))
    assert_refused(outcome, bad.code, bad.name, *bad.words)
    last = unchanged_runs(unchanged)
    assert last["status"] == "FAILED" and bad.name in last["message"]


def unchanged_runs(world: World) -> dict[str, Any]:
    """The last run of the ledger."""
    with warehouse.open_for_writing(world.warehouse, command="tests") as opened:
        runs = opened.read("meta.runs")
    return dict(runs.sort_values("started_at").iloc[-1])


def test_file_that_is_not_there_is_refused(unchanged: World, tmp_path: Path) -> None:
    assert_refused(
        unchanged.lma("ingest", "mus_eoe", "absent.csv"), 11, "absent.csv does not exist", "check the name"
    )
    assert_refused(unchanged.lma("ingest", "mus_eoe", tmp_path), 11, str(tmp_path), "check the name")
    assert_refused(unchanged.lma("run", "--data", "absent", "--offline"), 11, "absent is not a folder")
    assert_refused(unchanged.lma("refresh", "--data", tmp_path, "--offline"), 11, str(tmp_path), "--data")


def test_bad_file_among_good_ones_stops_the_run_and_no_edition_changes(
    unchanged: World, tmp_path: Path
) -> None:
    shutil.copy(SAMPLE / ILO_NAME, tmp_path)
    (tmp_path / "mus_eoe_employment.csv").write_text(HTML, encoding="utf-8")
    outcome = unchanged.lma("run", "MUS", "--data", tmp_path, "--offline", "--edition", EDITION)
    assert_refused(outcome, 11, "mus_eoe_employment.csv", "mus_eoe", "web page")


def test_the_run_after_a_refusal_succeeds(tried: World, tmp_path: Path) -> None:
    """The refused file does not meet the next run again, and what was there is still there."""
    before = contents(tried)
    for name in ("web_page", "other_figures_of_a_loaded_vintage", "negative_persons"):
        bad = BAD_FILES[name]
        path = give(tmp_path, bad)
        assert tried.lma("ingest", bad.source_id, path, *vintage_of(name, bad.source_id)).code == bad.code
    outcome = tried.lma("refresh", "--offline")
    assert outcome.code == 0, outcome.err
    assert "0 observations added" in outcome.err
    assert contents(tried) == before


def test_file_that_crashes_the_reader_does_not_stay_either(
    tried: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours shows its traceback; still the file must not meet the next run."""
    before = fingerprint(tried)
    (tmp_path / "mus_eoe_employment.csv").write_text(EOE.replace("2025-Q3", "2025-Q4"), encoding="utf-8")
    monkeypatch.setattr("lma.staging.conform", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tried.lma("ingest", "mus_eoe", tmp_path / "mus_eoe_employment.csv", "--vintage", "2026-02-01")
    assert fingerprint(tried) == before
    assert unchanged_runs(tried)["status"] == "FAILED"


# ---------------------------------------------------------------- single bad rows


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with the export zone only."""
    made = World(tmp_path_factory.mktemp("zone"))
    assert made.lma("ingest", "mus_eoe", SAMPLE / "mus_eoe_employment.csv").code == 0
    return made


@pytest.fixture
def small(zone: World, tmp_path: Path) -> World:
    """A copy of it that a test may change."""
    return zone.copy_to(tmp_path / "small")


@pytest.mark.parametrize(
    ("wrong", "column", "reason"),
    [("-14000", "obs_value", "cannot be negative"), ("NaN", "foreign", "not a number"), ("fourteen", "foreign", "not a number")],
)  # fmt: skip
def test_single_bad_figure_goes_to_quarantine_and_the_run_says_so(
    small: World, tmp_path: Path, wrong: str, column: str, reason: str
) -> None:
    (tmp_path / "new.csv").write_text(
        EOE.replace("2025-Q3,28434,14935,13499", f"2025-Q4,28000,14000,{wrong}"), encoding="utf-8"
    )
    outcome = small.lma("ingest", "mus_eoe", "../new.csv", "--vintage", "2026-02-01")
    assert outcome.code == 0, outcome.err
    assert "new.csv: 1 row(s) in quarantine" in outcome.err and reason in outcome.err and wrong in outcome.err
    assert "38 observations added" in outcome.err
    kept = small.read("meta.quarantine")
    assert len(kept) == 1
    row = kept.iloc[0]
    assert (row["column_name"], row["value"], row["source_id"]) == (column, wrong, "mus_eoe")
    assert reason in row["reason"] and row["observation_id"].endswith(":13:foreign")
    facts = small.read("meta.snapshots").sort_values("as_of")["n_quarantined"]
    assert facts.tolist() == [0, 1]
    figures = small.read("marts.observations").query("time_period == '2025-Q4'")
    assert sorted(figures["citizenship"]) == ["NAT", "_T"]


def test_check_tells_of_marts_that_no_run_has_filled(small: World) -> None:
    outcome = small.lma("check")
    assert outcome.code == 0, outcome.err
    assert "no rows yet: " in outcome.out and "marts.assessments" in outcome.out
    assert "staging.observations: " in outcome.out and "39 rows" in outcome.out


def test_check_finds_a_broken_row(small: World) -> None:
    with warehouse.open_for_writing(small.warehouse) as opened:
        opened.replace("marts.observations", opened.read("marts.observations").assign(basis="guess"))
    outcome = small.lma("check", "marts.observations", "staging.observations")
    assert_refused(
        outcome,
        12,
        "marts.observations",
        "basis_valid_values",
        "39 of 39 rows",
    )
    assert "rules hold, 39 rows" in outcome.out


def test_refresh_takes_the_files_of_one_source(small: World, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    later = EOE + "2026-Q1,28000,14800,13200,EOE 1st quarter 2026\n"
    (tmp_path / "data" / "mus_eoe_employment.csv").write_text(later, encoding="utf-8")
    outcome = small.lma("refresh", "mus_eoe", "--data", tmp_path / "data", "--offline")
    assert outcome.code == 0, outcome.err
    assert "1 publishers' files landed" in outcome.err and "3 observations added" in outcome.err
    assert set(small.read("staging.observations")["source_id"]) == {"mus_eoe"}


def test_damaged_database_is_built_again_after_the_message(small: World) -> None:
    small.warehouse.write_bytes(b"this is no database" * 1000)
    outcome = small.lma("refresh", "mus_eoe", "--offline")
    assert_refused(outcome, 11, "lma.duckdb cannot be opened", "Move it", "lma refresh")
    small.warehouse.unlink()
    outcome = small.lma("refresh", "mus_eoe", "--offline")
    assert outcome.code == 0 and "39 observations added" in outcome.err


def test_damaged_landed_file_is_named(small: World) -> None:
    landed = snapshots.list_landed(small.raw)[0]
    (small.raw / landed.snapshot_sha).write_text("changed", encoding="utf-8")
    small.warehouse.unlink()
    outcome = small.lma("refresh", "mus_eoe", "--offline")
    assert_refused(outcome, 11, landed.snapshot_sha, "damaged", "ingest")


def test_bad_file_of_a_run_that_died_is_named_with_its_place(small: World) -> None:
    """It was landed and never read: later runs say where it stands, and go on once it is taken away."""
    landed = snapshots.land(
        three_wrong("-1", "-2", "-3").encode(),
        "mus_eoe",
        "died.csv",
        "https://example.org",
        dt.date(2026, 2, 1),
        small.raw,
    )
    before = hash_files(small.raw)
    for _ in range(2):
        outcome = small.lma("refresh", "mus_eoe", "--offline")
        assert_refused(
            outcome,
            12,
            "died.csv",
            "An earlier run landed this file",
            f"remove {small.raw.relative_to(small.folder)}",
        )
    assert hash_files(small.raw) == before
    (small.folder / outcome.err.split("remove ")[-1].strip().rstrip(".")).unlink()
    assert small.lma("refresh", "mus_eoe", "--offline").code == 0
    assert landed.snapshot_sha not in set(small.read("staging.observations")["snapshot_sha"])


# ---------------------------------------------------------------- locks and places


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits half a minute for a lock."""
    monkeypatch.setattr(cli, "RunRequest", functools.partial(cli.RunRequest, wait_seconds=0.3))


HOLDERS = {
    "another_run": "from lma.warehouse import open_for_writing as hold; held = hold({path!r}, command='lma run MUS')",
    "a_database_shell": "import duckdb; held = duckdb.connect({path!r})",
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_second_writer_is_told_who_holds_the_database(unchanged: World, hurried: None, holder: str) -> None:
    code = HOLDERS[holder].format(path=str(unchanged.warehouse)) + "; print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        outcome = unchanged.lma("run", "MUS", "--offline", "--edition", EDITION)
        reading = unchanged.lma("trace", "MUS", "T7.EOE.foreign")
        process.communicate("\n")
    assert_refused(outcome, 75, "lma.duckdb", str(process.pid), "Wait until it has ended")
    assert holder != "another_run" or "(lma run MUS)" in outcome.err
    assert reading.code == 0 and "13,499" in reading.out


@pytest.mark.parametrize("place", ["out", "country"])
def test_editions_that_could_not_be_written_stop_the_run_before_its_work(
    unchanged: World, tmp_path: Path, place: str
) -> None:
    blocked = tmp_path / "out" if place == "out" else tmp_path / "out" / "ARM"
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file in the place of a folder", encoding="utf-8")
    outcome = unchanged.lma("run", "MUS", "ARM", "--offline", "--out", tmp_path / "out")
    assert_refused(outcome, 14, str(tmp_path / "out"), "is a file", "--out")
    assert "land files" not in outcome.err
    assert blocked.read_text(encoding="utf-8") == "a file in the place of a folder"


def test_warehouse_that_could_not_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    arguments = ("ingest", "mus_eoe", SAMPLE / "mus_eoe_employment.csv", "--warehouse", "file/lma.duckdb")
    assert_refused(run_lma(*arguments, folder=tmp_path), 14, "file cannot hold the warehouse", "--warehouse")


# ---------------------------------------------------------------- the last good edition stays in place


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps before the assessment keep what the world's run has computed."""
    for name in ("balance_country", "rate_shortages", "decide_migration", "match_migration"):
        monkeypatch.setattr(assess, name, lambda run, country: 0)
    monkeypatch.setattr(forecast, "forecast_countries", lambda run, countries: 0)
    monkeypatch.setattr(hindsight, "hindcast_countries", lambda run, countries: pd.DataFrame())
    monkeypatch.setattr(hindsight, "hindcast_gaps", lambda run, countries: 0)
    monkeypatch.setattr(hindsight, "judge_forecasts", lambda run, country, hindcasts: 0)
    for name in ("check_observations", "derive_figures"):
        monkeypatch.setattr(refresh, name, lambda run: 0)


@pytest.mark.parametrize(
    ("table", "column", "wrong", "rule"),
    [
        ("marts.balances", "basis", "guess", "basis_valid_values"),
        ("marts.assessments", "source_id", None, "number_has_unit_basis_source_vintage_inputs"),
    ],
)
def test_broken_contract_keeps_the_last_edition(
    unchanged: World,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    column: str,
    wrong: str | None,
    rule: str,
) -> None:
    """One row of one mart goes wrong in the last step before the check."""

    def assess_country(run: Run, country: Country) -> int:
        frame = run.warehouse.read(table, country.ref_area)
        frame.loc[frame.index[frame["value"].notna()][0], column] = wrong
        return run.warehouse.replace(table, frame, country.ref_area)

    monkeypatch.setattr(assess, "assess_country", assess_country)
    monkeypatch.setattr(assess, "COUNTRY_MARTS", ("marts.decisions", table))
    outcome = unchanged.lma("assess", "MUS", "--edition", EDITION)
    assert_refused(outcome, 12, f"{table} [MUS]", rule, "1 of ", "the last edition stays in place")
    assert outcome.out == ""
    put_back(unchanged, table)


def put_back(world: World, table: str) -> None:
    """The mart as the readers' copy has it; a run would compute it again."""
    rows = world.read(table, "MUS")
    with warehouse.open_for_writing(world.warehouse) as opened:
        opened.replace(table, rows, "MUS")


def test_full_disk_leaves_nothing_half_published(
    unchanged: World, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("assess_country", "check_marts"):
        monkeypatch.setattr(assess, name, lambda run, country: 0)
    monkeypatch.setattr(assess, "compose_edition", lambda run, country: build_edition())
    written = []

    def write_file(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr(edition, "_write_file", write_file)
    outcome = unchanged.lma("assess", "MUS")
    assert_refused(outcome, 14, "MUS", "No space left on device", "--out")
    assert len(written) == 4
    assert [path.name for path in (unchanged.folder / "editions" / "MUS").iterdir()] == [EDITION]


def test_run_stopped_by_hand_says_so(unchanged: World, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(run: Run, country: Country) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(assess, "balance_country", interrupt)
    outcome = unchanged.lma("assess", "MUS")
    assert_refused(outcome, 130, "stopped by hand", "nothing was published")
    last = unchanged_runs(unchanged)
    assert (last["status"], last["message"]) == ("FAILED", "KeyboardInterrupt")


def test_other_inputs_in_one_month_are_compared_with_its_first_edition(
    world: World, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the forms only those that decide: the tables, and run.json with its parameters."""
    monkeypatch.setattr(edition, "READER_FORMS", {})
    monkeypatch.setattr(assess, "COUNTRY_MARTS", ("marts.assessments",))
    own = world.copy_to(tmp_path / "own")
    folder = own.folder / "editions" / "MUS"

    def assess_with(horizon: int, name: str) -> None:
        outcome = own.lma("assess", "MUS", "--edition", EDITION, "--horizon", horizon)
        assert outcome.code == 0 and f"MUS/{name}\n" in outcome.out, outcome.err + outcome.out

    assess_with(4, f"{EDITION}.2")
    log = pd.read_csv(folder / f"{EDITION}.2" / "tables" / "T13.csv").set_index("address")["text"]
    assert log["T13.METHOD.finding"] == "changed: horizon 5 to 4"
    assert log["T13.CALENDAR.finding"].startswith(f"{EDITION} to {EDITION}.2: one month")
    assess_with(3, f"{EDITION}.3")
    third = pd.read_csv(folder / f"{EDITION}.3" / "tables" / "T13.csv").set_index("address")["text"]
    assert third["T13.METHOD.finding"] == "changed: horizon 4 to 3"
    assess_with(4, f"{EDITION}.2")  # published twice: inputs find their edition, though another came after
    assert sorted(path.name for path in folder.iterdir()) == [EDITION, f"{EDITION}.2", f"{EDITION}.3"]


# ---------------------------------------------------------------- the costly commands, once each


def test_assess_again_publishes_the_same_edition(tried: World) -> None:
    before = contents(tried)
    outcome = tried.lma("assess", "mus", "--edition", EDITION)
    assert outcome.code == 0, outcome.err
    assert f"editions/MUS/{EDITION}\n" in outcome.out and "47.47 %" in outcome.out
    assert contents(tried) == before


def test_forecast_again_gives_the_same_rows(tried: World) -> None:
    before = tried.read("marts.forecasts", "MUS")
    outcome = tried.lma("forecast", "MUS")
    assert outcome.code == 0, outcome.err
    after = tried.read("marts.forecasts", "MUS")
    pd.testing.assert_frame_equal(after, before)


def test_check_of_a_whole_world_holds(tried: World) -> None:
    outcome = tried.lma("check", "marts.assessments", "marts.balances", "marts.decisions")
    assert outcome.code == 0, outcome.err
    assert [line.split(":")[0] for line in outcome.out.splitlines()] == [
        "marts.assessments",
        "marts.balances",
        "marts.decisions",
    ]

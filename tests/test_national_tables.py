"""A ministry's own table: from an unknown file to a figure in the warehouse, with nothing guessed in silence."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from world_builder import World, run_lma

from lma import contracts
from lma.errors import DefinitionError
from lma.layout_guesses import (
    OPEN,
    find_extent,
    guess_date_format,
    guess_delimiter,
    guess_encoding,
    guess_frequency,
    guess_separators,
)

SPECIMENS = Path(__file__).parent / "specimens" / "national"
MAURITIUS = SPECIMENS / "emploi_trimestriel_2025-08-15.csv"
ARMENIA = SPECIMENS / "zbaghvatsutyun.xlsx"
ANSWERS = {
    "publisher": "Ministère du Travail",
    "url": "https://labour.govmu.org/",
    "licence": "none stated",
    "default": "reported",
    "indicator": "EMP",
    "unit_measure": "PS",
    "activity_revision": "ISIC4",
}


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def confirm(path: Path, **answers: str) -> None:
    """What a person does to a draft: an answer in place of each question mark, and the mark of a draft removed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = []
    for line in lines:
        name = line.strip().split(":")[0].strip('"')
        if '"?"' in line and name in answers:
            line = line.replace('"?"', f'"{answers[name]}"')
        if line != "draft: true":
            kept.append(line)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def figures(world: World, source_id: str) -> dict[tuple[str, ...], float]:
    staged = world.read("staging.observations")
    own = staged[staged["source_id"] == source_id]
    keys = own[["time_period", "economic_activity", "sex"]].itertuples(index=False, name=None)
    return dict(zip(keys, own["obs_value"], strict=True))


def test_mauritian_table_goes_the_whole_way(tmp_path: Path) -> None:
    """Semicolons, decimal commas, cp1252, French headings, d/m/Y dates, thousands; to the figure and back."""
    world = World(tmp_path)
    made = world.lma("sources", "new", MAURITIUS, "--id", "mus_emploi", "--yes")
    assert made.code == 0, made.err
    refused = world.lma("ingest", "mus_emploi", MAURITIUS)
    assert refused.code == 10
    assert "is a draft and is not used" in refused.err and "remove the line `draft: true`" in refused.err
    assert not world.warehouse.exists()
    told = world.lma("refresh", "mus_eoe", "--offline")
    assert (
        told.code == 0 and "not used, because they are drafts" in told.err and "mus_emploi.yaml" in told.err
    )
    path = tmp_path / "sources" / "mus_emploi.yaml"
    codes = {"Agriculture, sylviculture et pêche": "A", "Industries manufacturières": "C"}
    confirm(path, **ANSWERS, **codes)
    still = world.lma("ingest", "mus_emploi", MAURITIUS)
    assert still.code == 10 and 'still has no answer ("?") for mapping.constant.ref_area' in still.err
    confirm(path, ref_area="MUS")
    assert made.out.rstrip().endswith(MAURITIUS.name)  # the vintage is in the name
    done = world.lma("ingest", "mus_emploi", MAURITIUS)
    assert done.code == 0, done.err
    told = " ".join(done.out.split())
    assert "`lma run MUS --offline`" in told and "listed in observations.sdmx.csv and T11" in told
    found = figures(world, "mus_emploi")
    assert found[("2025-Q1", "C", "M")] == 41118  # 41,118 thousand
    assert found[("2025-Q1", "A", "F")] == 6250
    assert found[("2025-Q2", "C", "M")] == 1_041_200  # 1 041,2 thousand
    assert found[("2025-Q1", "C", "F")] != found[("2025-Q1", "C", "F")]  # n.d.: a row without a figure
    assert len(found) == 8
    with world.open() as warehouse:
        staged = warehouse.read("staging.observations")
        row = staged[staged["obs_value"] == 30050].iloc[0]
        assert row["note"] == "chiffre provisoire révisé à la hausse" and str(row["as_of"]) == "2025-08-15"
        node = warehouse.trace([row["observation_id"]]).iloc[0]
        raw = warehouse.raw_row(node["source_id"], node["snapshot_sha"], int(node["raw_row"]))
        assert raw["Effectif employé"] == "30,05" and raw["Date"] == "30/06/2025"
        fact = warehouse.snapshot_facts([node["snapshot_sha"]]).iloc[0]
        assert (fact["publisher"], fact["licence"]) == ("Ministère du Travail", "none stated")
    listed = world.lma("sources")
    assert "mus_emploi" in listed.out and "2025-08-15" in listed.out


def test_armenian_workbook_goes_the_whole_way(tmp_path: Path) -> None:
    """A second sheet, headings in row 4 in Armenian, a note below, no date in the name, an own crosswalk."""
    world = World(tmp_path)
    made = world.lma("sources", "new", ARMENIA, "--yes", "--id", "arm_employment")
    assert made.code == 0, made.err
    path = tmp_path / "sources" / "arm_employment.yaml"
    text = path.read_text(encoding="utf-8")
    assert 'sheet: "Զբաղվածություն"' in text and "header_rows: [4]" in text and "last_row: 12" in text
    (tmp_path / "sources" / "crosswalks").mkdir()
    own = "published,economic_activity\nԳյուղատնտեսություն,A\nՇինարարություն,F\n"
    (tmp_path / "sources" / "crosswalks" / "arm_sectors.csv").write_text(own, encoding="utf-8")
    start, end = text.index("    economic_activity:\n"), text.index("    sex:\n")
    text = text[:start] + '    "Ոլորտ": arm_sectors\n' + text[end:]
    path.write_text(
        text.replace('    economic_activity: "Ոլորտ"  # guessed: by its heading or its values\n', ""),
        encoding="utf-8",
    )
    confirm(path, **ANSWERS, ref_area="ARM")
    undated = world.lma("ingest", "arm_employment", ARMENIA)
    assert undated.code == 11 and "--vintage" in undated.err
    done = world.lma("ingest", "arm_employment", ARMENIA, "--vintage", "2024-06-30")
    assert done.code == 0, done.err
    found = figures(world, "arm_employment")
    assert found[("2022", "A", "M")] == 101234 and found[("2023", "F", "F")] == 2468
    assert len(found) == 8


def test_a_person_at_a_terminal_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter takes the guess, which is then no guess any more."""
    file = tmp_path / "table.csv"
    file.write_text("year,jobs\n2020,1000\n2021,1100\n", encoding="utf-8")
    facts = ["Ministry", "Jobs", "", "https://example.org/", "open"]
    answers = ["", "", "", *facts, "reported", "", "", "MUS", "", "EMP", "PS"]
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(answers) + "\n" * 9))
    outcome = run_lma("sources", "new", file, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    text = (tmp_path / "sources" / "table.yaml").read_text(encoding="utf-8")
    assert "guessed" not in text and "draft" not in text and 'publisher: "Ministry"' in text, text
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path / "sources"))
    assert contracts.source("table").mapping.constant["indicator"] == "EMP"


def test_a_wrong_answer_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.csv").write_text("year,jobs\n2020,1000\n", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Terminal("\n\nthree\n"))
    outcome = run_lma("sources", "new", "table.csv", folder=tmp_path)
    assert outcome.code == 2 and "'three' is no number" in outcome.err
    answers = ["", "", "", "Ministry", "Jobs", "", "x", "open", "counted", "", "", "MUS", "", "EMP", "PS"]
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(answers) + "\n"))
    outcome = run_lma("sources", "new", "table.csv", folder=tmp_path)
    assert outcome.code == 10 and "basis.default" in outcome.err and "counted" in outcome.err


def test_nobody_to_ask_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    outcome = run_lma("sources", "new", MAURITIUS, folder=tmp_path)
    assert outcome.code == 2 and "--yes" in outcome.err
    assert not (tmp_path / "sources").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent.csv", "--yes"], 11, "absent.csv does not exist"),
        ([MAURITIUS, "--yes", "--id", "mus_eoe"], 2, "a source of the project itself"),
        ([MAURITIUS, "--yes", "--id", "Mon Emploi"], 2, "lower case letters"),
        (["page.csv", "--yes"], 11, "web page"),
        (["prose.csv", "--yes"], 11, "delimiter"),
    ],
    ids=["absent", "shipped", "id", "page", "prose"],
)
def test_what_cannot_become_a_source_is_refused(arguments, code, words, tmp_path: Path) -> None:
    (tmp_path / "page.csv").write_text("<!doctype html><html></html>", encoding="utf-8")
    (tmp_path / "prose.csv").write_text("no table\nat all\n", encoding="utf-8")
    outcome = run_lma("sources", "new", *arguments, folder=tmp_path)
    assert outcome.code == code and words in outcome.err, outcome.err
    assert "Traceback" not in outcome.err and not (tmp_path / "sources").exists()


def test_a_definition_is_never_overwritten(tmp_path: Path) -> None:
    assert run_lma("sources", "new", MAURITIUS, "--yes", "--id", "own", folder=tmp_path).code == 0
    before = (tmp_path / "sources" / "own.yaml").read_bytes()
    outcome = run_lma("sources", "new", ARMENIA, "--yes", "--id", "own", folder=tmp_path)
    assert outcome.code == 2 and "exists and is not overwritten" in outcome.err
    assert (tmp_path / "sources" / "own.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("activities", "codes"),
    [
        (["Agriculture, forestry and fishing", "Manufacturing", "Construction"], ["A", "C", "F"]),
        (["Agriculture", "Industry", "Services"], ["SEC_AGR", "SEC_IND", "SEC_SER"]),
        (["Manufacturing", "Construction", "Education", "Services"], ["C", "F", "P", OPEN]),
    ],
)
def test_codes_are_proposed_of_one_classification(
    activities: list[str], codes: list[str], tmp_path: Path
) -> None:
    rows = "".join(f"2020,{name},{number}\n" for number, name in enumerate(map('"{}"'.format, activities), 1))
    (tmp_path / "table.csv").write_text("year,sector,jobs\n" + rows, encoding="utf-8")
    outcome = run_lma("sources", "new", "table.csv", "--yes", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    text = (tmp_path / "sources" / "table.yaml").read_text(encoding="utf-8")
    block = text.split("    economic_activity:\n")[1].splitlines()
    found = [line.split(": ")[1].split('"')[1] for line in block[: len(activities)]]
    assert found == codes, text
    assert "lma ingest table table.csv --vintage YYYY-MM-DD" in outcome.out


# ---------------------------------------------------------------- a user's own folder


def test_own_source_may_not_take_the_place_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path))
    shipped = (contracts.contracts_dir() / "sources" / "mus_eoe.yaml").read_text(encoding="utf-8")
    (tmp_path / "mus_eoe.yaml").write_text(shipped, encoding="utf-8")
    assert "mus_eoe is a source of the project itself" in contracts.unusable_sources()["mus_eoe"]
    assert contracts.source("mus_eoe") == contracts.shipped_sources()["mus_eoe"]


def test_own_crosswalk_may_not_take_the_place_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path))
    (tmp_path / "crosswalks").mkdir()
    (tmp_path / "crosswalks" / "mus_eoe_citizenship.csv").write_text("published,sex\na,F\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="bears the name of a crosswalk of the project itself"):
        contracts.crosswalk("mus_eoe_citizenship")


def test_own_source_is_held_to_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path))
    shipped = (contracts.contracts_dir() / "sources" / "mus_eoe.yaml").read_text(encoding="utf-8")
    own = shipped.replace("source_id: mus_eoe", "source_id: own_table")
    (tmp_path / "own_table.yaml").write_text(own + "colour: red\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"own_table\.yaml does not follow its model:\n  colour"):
        contracts.source("own_table")
    assert "own_table" not in contracts.sources()
    (tmp_path / "own_table.yaml").write_text(own + "\n", encoding="utf-8")
    assert contracts.source("own_table").publisher == "Statistics Mauritius"
    (tmp_path / "own_table.yaml").write_text("draft: true\nanything: goes\n", encoding="utf-8")
    assert "own_table" not in contracts.sources() and contracts.draft_sources() == ["own_table"]


def own_source(folder: Path, name: str = "own_table", more: str = "") -> Path:
    """A user's copy of a shipped source under its own id, with further lines."""
    shipped = (contracts.contracts_dir() / "sources" / "mus_eoe.yaml").read_text(encoding="utf-8")
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    own = shipped.replace("source_id: mus_eoe", f"source_id: {name}").replace("priority: 10", "priority: 90")
    path.write_text(own + more, encoding="utf-8")
    return path


def test_one_wrong_yaml_stops_nothing_but_itself(tmp_path: Path) -> None:
    world = World(tmp_path)
    own_source(tmp_path / "sources", "own_good")
    own_source(tmp_path / "sources", "own_wrong", "colour: red\n")
    (tmp_path / "sources" / "torn.yaml").write_text("a: [", encoding="utf-8")
    listed = world.lma("sources")
    words = " ".join(listed.out.split())
    assert listed.code == 0 and "own_wrong is not usable:" in words and "torn is not usable:" in words
    assert "own_good" in words and "does not follow its model: colour" in words
    told = world.lma("refresh", "mus_eoe", "--offline")
    assert told.code == 0, told.err
    assert "warning: a source of your own is not used" in told.err and "own_wrong.yaml" in told.err
    for command in (["sources", "show", "own_wrong"], ["ingest", "own_wrong", str(MAURITIUS)]):
        refused = world.lma(*command)
        assert refused.code == 10 and "own_wrong.yaml does not follow its model" in refused.err, refused.err


def test_a_warehouse_with_files_of_a_wrong_yaml_stops(tmp_path: Path) -> None:
    """A landed file never leaves a run because the YAML that described it broke."""
    world = World(tmp_path)
    path = own_source(tmp_path / "sources")
    sample = next(contracts.sample_dir().rglob("mus_eoe_employment.csv"))
    (tmp_path / "own.csv").write_bytes(sample.read_bytes().replace(b"\n", b"\r\n"))
    done = world.lma("ingest", "own_table", tmp_path / "own.csv", "--vintage", "2025-12-31")
    assert done.code == 0, done.err
    own_source(tmp_path / "sources", more="colour: red\n")
    for command in (["refresh", "mus_eoe", "--offline"], ["check"]):
        refused = world.lma(*command)
        assert refused.code == 10 and "own_table.yaml does not follow its model" in refused.err, refused.err
    path.write_text(path.read_text(encoding="utf-8").replace("colour: red\n", ""), encoding="utf-8")
    assert world.lma("refresh", "mus_eoe", "--offline").code == 0


def test_an_unknown_key_names_the_keys_there_and_the_closest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path))
    own_source(tmp_path, more="expects: {min_rows: 1}\n")
    with pytest.raises(DefinitionError, match=r"Keys there: source_id, publisher.*closest: 'expect'"):
        contracts.source("own_table")
    path = own_source(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  - name:", "  - as_off: 2020-01-01\n    name:", 1), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"as_off: .*Keys there: name, as_of.*closest: 'as_of'"):
        contracts.source("own_table")


def test_publishers_own_question_mark_is_no_open_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMA_SOURCES", str(tmp_path))
    shipped = (contracts.contracts_dir() / "sources" / "mus_eoe.yaml").read_text(encoding="utf-8")
    own = shipped.replace("source_id: mus_eoe", "source_id: own_table") + '\nmissing: ["", "?"]\n'
    (tmp_path / "own_table.yaml").write_text(own, encoding="utf-8")
    assert contracts.source("own_table").missing == ["", "?"]


# ---------------------------------------------------------------- what a file says of itself, and what it does not


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands"),
    [
        (["1.234,5"], ",", "."),
        (["1,234.5"], ".", ","),
        (["1 234,5", "12,7"], ",", " "),
        (["1\u00a0234", "5"], ".", " "),
        (["1'234.50"], ".", "'"),
        (["1,234,567", "1,234"], ".", ","),
        (["1.234.567", "0,5"], ",", "."),
        (["0,123"], ",", ""),
        (["41,118", "19,6"], ",", ""),
        (["1234,567"], ",", ""),
        (["1234", "5"], ".", ""),
        (["12,345", "7.5"], ".", ","),
        (["1,234", "2,345"], OPEN, OPEN),
        (["1.234"], OPEN, OPEN),
        (["1,5", "2.5"], OPEN, OPEN),
        (["1,5", "1,234,567"], OPEN, OPEN),
    ],
)
def test_decimal_and_thousands_signs(cells: list[str], decimal: str, thousands: str) -> None:
    assert [guess.value for guess in guess_separators(cells)] == [decimal, thousands]


@pytest.mark.parametrize(
    ("cells", "expected", "why"),
    [
        (["31/12/2023", "01/02/2023"], "%d/%m/%Y", "the day comes first, as in 31/12/2023"),
        (["12/31/2023", "01/02/2023"], "%m/%d/%Y", "the month comes first, as in 12/31/2023"),
        (["5.13.2020"], "%m.%d.%Y", "the month comes first, as in 5.13.2020"),
        (["01/02/2023", "03/04/2023"], OPEN, "01/02/2023 fits both %d/%m/%Y and %m/%d/%Y"),
        (["31/12/2023", "12/31/2023"], OPEN, "31/12/2023 and 12/31/2023 contradict each other"),
    ],
)
def test_order_of_day_and_month(cells: list[str], expected: str, why: str) -> None:
    found = guess_date_format(cells)
    assert found is not None and found.value == expected
    assert found.why.startswith(why)


def test_what_is_no_such_date_has_no_format() -> None:
    assert guess_date_format(["2023-01-31"]) is None
    assert guess_date_format(["31/12/2023", "total"]) is None


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("Année;Côte d'Ivoire;Forêt", "utf-8", "utf-8"),
        ("Année;Côte d'Ivoire;Forêt;garçon", "cp1252", "cp1252"),
        ("Год;Отрасль;Строительство", "cp1251", "cp1251"),
        ("Łódź;Kraków;żółć;święty", "cp1250", "cp1250"),
        ("Ετος;Κλάδος;Απασχόληση", "cp1253", "cp1253"),
        ("Année;Forêt", "utf-16", "utf-16"),
    ],
)
def test_encoding_with_its_other_readings(text: str, encoding: str, expected: str) -> None:
    found = guess_encoding(text.encode(encoding))
    assert found.value == expected
    assert expected.startswith("utf") or "other readings" in found.why


def test_delimiter_is_not_taken_from_decimal_commas() -> None:
    assert guess_delimiter("a;b;c\n1,2;3,4;5\n2,2;3,1;5\n").value == ";"
    assert guess_delimiter("one word\nanother\n").value == OPEN


def test_header_stands_below_a_title_and_above_figures() -> None:
    rows = [["Title", ""], ["", ""], ["Year", "Jobs"], ["2020", "5"], ["2021", "n.a."], ["Note: n.a.", ""]]
    extent = find_extent(rows)
    assert (extent.header.value, extent.last_row, extent.heading) == ("3", 5, ("Title",))
    assert "could also be" not in extent.header.why
    wide = [["Sector", "2019", "2020"], ["Farms", "5", "6"]]
    assert find_extent(wide).header.value == "1"
    assert find_extent([["1", "2"], ["3", "4"]]).header.value == OPEN


def test_frequency_of_periods() -> None:
    assert guess_frequency(["2020", "2021"]).value == "A"
    assert guess_frequency(["2020-Q1", "2020-Q2"]).value == "Q"
    assert guess_frequency(["2020-03-31", "2020-06-30"]).value == "Q"
    assert guess_frequency([f"2020-{month:02d}-01" for month in range(1, 13)]).value == "M"
    assert guess_frequency(["2020", "2020-Q1"]).value == OPEN

"""The site over all editions: what is read and left out, what is ranked, what is written, and that every link leads somewhere."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from rich.console import Console
from site_builder import NO_GAP, add_country

from flows.site import build_site
from lma.contracts import Erratum
from lma.errors import InputError, OutputError
from lma.languages import language
from lma.publish import edition as editions_module
from lma.publish.ledger import Removal, add_erratum, add_removal
from lma.publish.site import frame, methods, sector_pages, world_map, writing
from lma.publish.site.reading import NO_FIGURE, order_key, read_shelf

PAGE = b'<figure id="chart-1" class="x"><figcaption><h3>Figure 1. A &amp; B</h3></figcaption></figure>'


def run_site(out: Path, editions: Path, **given: Any) -> str:
    told = io.StringIO()
    build_site(out, editions, Console(file=told, width=500), lambda step: step, **given)
    return told.getvalue()


def read_page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def rows_of(page: str, caption: str) -> list[list[str]]:
    """Texts of the cells of the table with this caption."""
    tables = re.findall(r"<caption>(.*?)</caption>(.*?)</table>", page, re.DOTALL)
    body = next(found for said, found in tables if html.unescape(said) == caption).split("<tbody>")[1]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)).replace("\xa0", " ") for cell in row] for row in cells
    ]


@pytest.fixture(scope="module")
def shelf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three countries: Mauritius in French too and twice, Armenia without a gap, Zambia with a hostile edition."""
    folder = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editions_module, "READER_FORMS", {"assessment.html": lambda _: PAGE})
        patch.setattr(editions_module, "MACHINE_FORMS", {"csv": editions_module.MACHINE_FORMS["csv"]})
        french = {"languages": ("en", "fr"), "forms": ("csv", "html")}
        add_country(folder, "MUS", "Mauritius", "2026-10", share=11.0, employment=79_000.0, **french)
        add_country(folder, "MUS", "Mauritius", share=12.5, **french)
        add_country(folder, "ARM", "Armenia", share=30.0, gap=None, rating="N")
        add_country(
            folder,
            "ZMB",
            "<script>alert(1)</script>",
            share=None,
            hostile=True,
            sector='"><img src=x onerror=alert(1)>',
        )
    return folder


@pytest.fixture(scope="module")
def site(shelf_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "public"
    run_site(out, shelf_folder)
    return out


# ---------------------------------------------------------------- reading


def test_editions_of_a_month_are_in_natural_order() -> None:
    shuffled = ["2026-11.10", "2026-11", "2026-10.12", "2026-11.9", "2026-11.2", "2026-12"]
    assert sorted(shuffled, key=order_key) == [
        "2026-10.12",
        "2026-11",
        "2026-11.2",
        "2026-11.9",
        "2026-11.10",
        "2026-12",
    ]


def _damage_change(folder: Path) -> None:
    (folder / "tables" / "T1.csv").write_text("other", encoding="utf-8")


def _damage_leads_out(folder: Path) -> None:
    secret = folder.parent.parent / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    with (folder / "SHA256SUMS").open("a", encoding="utf-8") as file:
        file.write(f"{hashlib.sha256(b'secret').hexdigest()}  ../../secret.txt\n")


def _damage_symlink(folder: Path) -> None:
    (folder / "notes.csv").rename(folder.parent / "elsewhere.csv")
    (folder / "notes.csv").symlink_to(folder.parent / "elsewhere.csv")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_damage_change, "tables/T1.csv was changed"),
        (_damage_leads_out, "no file of the edition with its sum"),
        (_damage_symlink, "notes.csv is missing"),
        (lambda folder: (folder / "run.json").unlink(), "run.json is missing"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "no finished edition"),
        (lambda folder: folder.rename(folder.parent / "2026-09"), "moved or renamed"),
        (lambda folder: folder.rename(folder.parent / "draft"), "no edition (YYYY-MM"),
    ],
)  # fmt: skip
def test_a_damaged_edition_is_left_out_and_told(
    tmp_path: Path, shelf_folder: Path, damage: Any, said: str
) -> None:
    shutil.copytree(shelf_folder / "MUS", tmp_path / "editions" / "MUS")
    damage(tmp_path / "editions" / "MUS" / "2026-11")
    shelf = read_shelf(tmp_path / "editions")
    assert [kept.edition for kept in shelf.countries["MUS"]] == ["2026-10"]
    assert any(said in one.reason for one in shelf.left_out), shelf.left_out


def test_what_is_left_out_stands_on_the_site_but_what_is_hidden_does_not(
    tmp_path: Path, shelf_folder: Path
) -> None:
    editions = tmp_path / "editions"
    shutil.copytree(shelf_folder / "MUS", editions / "MUS")
    for foreign in ("MUS/.unfinished-1", "notes", ".git"):
        (editions / foreign).mkdir()
    told = run_site(tmp_path / "out", editions)
    assert f"left out: {editions / 'notes'}: its name is no country code" in told
    assert "notes" in read_page(tmp_path / "out", "downloads.html")
    assert "unfinished" not in told and ".git" not in told


@pytest.mark.parametrize("content", [[], ["MUS/2026-11/run.json"]])
def test_a_folder_without_a_whole_edition_is_refused(tmp_path: Path, content: list[str]) -> None:
    for name in content:
        (tmp_path / "editions" / name).parent.mkdir(parents=True)
        (tmp_path / "editions" / name).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="lma run"):
        run_site(tmp_path / "out", tmp_path / "editions")
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- the pages


def test_every_link_of_every_page_leads_to_a_file_and_an_anchor(site: Path) -> None:
    lost = []
    for path in (path for path in site.rglob("*.html") if "editions" not in path.relative_to(site).parts):
        for href in re.findall(r'href="([^"]*)"', path.read_text(encoding="utf-8")):
            target, _, anchor = unquote(html.unescape(href)).partition("#")
            if href.startswith(("https://", "http://", "data:")):
                continue
            there = (path.parent / target).resolve() if target else path
            in_edition = "editions" in there.relative_to(site.resolve()).parts if target else False
            if not there.is_file() or (
                anchor and not in_edition and f'id="{anchor}"' not in there.read_text(encoding="utf-8")
            ):
                lost.append((path.relative_to(site).as_posix(), href))
    assert lost == []


def test_every_page_forbids_itself_what_is_not_its_own(site: Path) -> None:
    for path in (path for path in site.rglob("*.html") if "editions" not in path.relative_to(site).parts):
        page = path.read_text(encoding="utf-8")
        assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page, path
        assert (
            "alert(1)</script>" not in page and "<img" not in page and "https://site.invalid" not in page
        ), path
        assert not re.search(r"<(?:link|script|img|iframe|object)\b[^>]*\b(?:src|href)=\"(?!data:)", page), (
            path
        )


def test_the_first_page_has_every_country_with_its_role_finding_and_counts(site: Path) -> None:
    rows = rows_of(read_page(site, "index.html"), "Countries with an edition")
    assert [row[0] for row in rows] == ["<script>alert(1)</script>", "Armenia", "Mauritius"]
    mauritius = rows[2]
    assert mauritius[1:4] == ["destination of workers", "2026-11", "30 September 2025"]
    assert mauritius[4].startswith("Hotels and restaurants are likely to lack") and mauritius[5] == "watch: 1"
    assert f"No gap: {NO_GAP}" in rows[1][4] and rows[1][5] == "not rated: 1"


def test_sentences_lead_to_the_cell_they_name(site: Path) -> None:
    assert 'href="editions/MUS/2026-11/assessment.html#T5.I.q50">T5.I.q50</a>' in read_page(
        site, "index.html"
    )
    assert 'href="editions/MUS/2026-11/assessment.fr.html#T5.I.q50"' in read_page(site, "index.fr.html")


def test_only_reported_figures_are_ranked(site: Path) -> None:
    page = read_page(site, "sector/C.html")
    ranked = rows_of(page, "Share of employment, %")
    assert [row[:3] for row in ranked] == [["Armenia", "1", "30.0R"], ["Mauritius", "2", "12.5R"]]
    assert [row[0] for row in rows_of(page, "Ratings and decisions")] == [
        "<script>alert(1)</script>",
        "Armenia",
        "Mauritius",
    ]
    gaps = rows_of(page, "Employment and gap over 2026-2030")
    assert gaps[2][1:5] == ["80,000P (2025)", "[x]", "1,100P", "2,000P"] and gaps[1][3] == "[x]"
    assert f"[x] {NO_GAP}" in page and "not ranked: they rest on assumptions" in page


def test_equal_figures_share_a_rank_and_one_alone_has_none(tmp_path: Path) -> None:
    for code, share in (("MUS", 12.5), ("ARM", 12.5), ("ZMB", 3.0)):
        add_country(tmp_path / "three", code, code, share=share)
    add_country(tmp_path / "one", "MUS", "Mauritius")
    for name in ("three", "one"):
        run_site(tmp_path / f"{name}-site", tmp_path / name)
    three = rows_of(read_page(tmp_path / "three-site", "sector/C.html"), "Share of employment, %")
    assert [row[1] for row in three] == ["1", "1", "3"]
    assert rows_of(read_page(tmp_path / "one-site", "sector/C.html"), "Share of employment, %")[0][1] == "[z]"


def test_the_same_activity_at_two_levels_has_one_page(shelf_folder: Path) -> None:
    sectors = {sector.code: sector.codes for sector in sector_pages.list_sectors(read_shelf(shelf_folder))}
    assert sectors["C"] == ("C", "REP_MAN") and "MAN" not in sectors


def test_a_country_page_has_all_editions_newest_first_and_what_changed(site: Path) -> None:
    page = read_page(site, "country/MUS.html")
    assert re.findall(r"Edition (2026-\d\d), data", page) == ["2026-11", "2026-10"]
    assert rows_of(page, "To read and to edit, edition 2026-10")[1][0] == "Français"
    causes = rows_of(page, "Why it changed, 2026-10 to 2026-11")
    assert [row[0] for row in causes] == ["Data", "Method", "Classification", "Passing of time"]
    moved = {row[0]: row[1:3] for row in rows_of(page, "Numbers that moved most, 2026-10 to 2026-11")}
    assert moved["T2.C.employment Manufacturing, Employment, persons"] == ["79,000", "80,000"]
    assert "First edition on this site" in read_page(site, "country/ARM.html")


def test_pages_are_in_every_language_of_an_edition(site: Path) -> None:
    assert {path.name for path in site.glob("index*.html")} == {"index.html", "index.fr.html"}
    assert '<html lang="fr"' in read_page(site, "country/ARM.fr.html")
    assert 'href="../country/ARM.html"' in read_page(site, "country/ARM.fr.html")


def test_a_form_in_a_language_without_catalogue_is_listed_under_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editions_module, "READER_FORMS", {"assessment.xx.html": lambda _: PAGE})
    add_country(tmp_path / "editions", "MUS", "Mauritius", forms=("csv", "html"))
    run_site(tmp_path / "out", tmp_path / "editions")
    page = read_page(tmp_path / "out", "country/MUS.html")
    assert [row[0] for row in rows_of(page, "To read and to edit, edition 2026-11")] == ["xx"]
    assert not list((tmp_path / "out").glob("index.*.html"))


def test_search_finds_figures_tables_and_headings(site: Path) -> None:
    found = re.search(r'id="index">(.*?)</script>', read_page(site, "search.html"), re.DOTALL)
    assert found
    entries = {(title, kind): link for title, kind, link, _ in json.loads(found[1])}
    assert entries[("Figure 1. A & B", "Figure: Mauritius")] == "editions/MUS/2026-11/assessment.html#chart-1"
    assert entries[("T2 Sector profile", "Table: Mauritius")].endswith("assessment.html#T2")
    assert (
        entries[("Manufacturing", "Sector")] == "sector/C.html"
        and entries[("Armenia", "Country")] == "country/ARM.html"
    )
    assert (
        entries[("Rule sets", "Methods: Shortage ratings: rule sets, votes, confidence, sensitivity")]
        == "methods/shortages.html#rule-sets"
    )


def test_data_of_the_site_are_whole(site: Path) -> None:
    listed = pd.read_csv(site / "data" / "files.csv")
    for row in listed.to_dict("records"):
        content = (site / row["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["n_bytes"], row["sha256"]), row[
            "path"
        ]
    cells = pd.read_parquet(site / "data" / "assessments.parquet")
    assert len(cells) == len(pd.read_csv(site / "data" / "assessments.csv.gz"))
    assert set(cells["edition"]) == {"2026-11"} and set(cells["ref_area"]) == {"ARM", "MUS", "ZMB"}
    catalogue = json.loads((site / "catalogue.jsonld").read_text(encoding="utf-8"))
    assert (
        len(catalogue["dcat:dataset"]) == 4
        and json.loads((site / "site.json").read_text())["made_by"] == "lma site"
    )


def test_map_has_a_link_for_every_country_and_one_stop_of_the_tab_key() -> None:
    marks = [
        world_map.Mark(code, code, f"country/{code}.html", has_gap)
        for code, has_gap in (("MUS", True), ("ARM", False), ("SSD", True))
    ]
    svg = world_map.draw_map(marks, 'Map "of" <countries>')
    links = re.findall(r"<a [^>]*>", svg)
    assert sum("MUS.html" in link for link in links) == 1 and sum("ARM.html" in link for link in links) == 2
    stops = [link for link in links if 'tabindex="-1"' not in link]
    assert [next(code for code in ("MUS", "ARM", "SSD") if code in link) for link in stops] == [
        "SSD",
        "MUS",
        "ARM",
    ]
    assert "xlink" not in "".join(links) and "<countries>" not in svg


def test_a_document_runs_and_loads_nothing() -> None:
    text = "# T\n\n## A\n\n## A\n\n<script>alert(1)</script> ![x](http://e.org/x.png) [j](javascript:alert(1)) [o](other.md#a) [r](../README.md)\n"
    document = methods.render_document("t", text, frozenset({"other"}))
    assert (
        "<script>" not in document.body
        and "<img" not in document.body
        and "javascript:" not in document.body.split("<p>")[1].split('href="')[-1]
    )
    assert 'href="other.html#a"' in document.body and "README.md" not in document.body
    assert document.headings == (("t", "T"), ("a", "A"), ("a-1", "A"))


# ---------------------------------------------------------------- the folder


def test_the_same_editions_give_the_same_bytes_and_replace_the_site(
    tmp_path: Path, shelf_folder: Path, site: Path
) -> None:
    out = tmp_path / "public"
    for link in (False, True):
        run_site(out, shelf_folder, link=link)
        (out / "stray.txt").touch()
    run_site(out, shelf_folder)
    files = [
        {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (site, out)
    ]
    assert files[0] == files[1]
    assert [path.name for path in tmp_path.iterdir()] == ["public"]


def test_links_instead_of_copies(tmp_path: Path, shelf_folder: Path) -> None:
    run_site(tmp_path / "out", shelf_folder, link=True)
    name = "MUS/2026-11/run.json"
    assert (tmp_path / "out" / "editions" / name).samefile(shelf_folder / name)


def test_a_folder_of_others_is_left_alone(tmp_path: Path, shelf_folder: Path) -> None:
    (tmp_path / "index.html").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty and holds no site"):
        run_site(tmp_path, shelf_folder)
    (tmp_path / writing.MARKER).write_text("[1]", encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty"):
        run_site(tmp_path, shelf_folder)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("inside", [".", "site", ".."])
def test_site_and_editions_lie_apart(shelf_folder: Path, inside: str) -> None:
    with pytest.raises(OutputError, match="within each other"):
        run_site(shelf_folder / inside, shelf_folder)


def test_a_site_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, shelf_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_site(tmp_path / "out", shelf_folder)
    before = (tmp_path / "out" / "index.html").read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        run_site(tmp_path / "out", shelf_folder)
    assert (tmp_path / "out" / "index.html").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_pages_of_a_language_have_their_own_names() -> None:
    place = frame.Place("country/MUS", "fr", ("en", "fr"))
    assert (place.path, place.page("sector/C", "ranked")) == (
        "country/MUS.fr.html",
        "../sector/C.fr.html#ranked",
    )


def test_errata_and_removals_of_the_ledger_are_told_without_names(tmp_path: Path, shelf_folder: Path) -> None:
    editions = tmp_path / "editions"
    shutil.copytree(shelf_folder / "MUS", editions / "MUS")
    add_erratum(
        editions / "MUS",
        Erratum("2026-10", "T2.C.employment", "<b>wrong</b> year", "2026-11-20", "A. Person", "2026-11"),
    )
    add_removal(editions / "MUS", Removal("2026-09", "2026-11-21", "A. Person", "2025-08-31", "a" * 64, {}))
    told = run_site(tmp_path / "out", editions)
    page = read_page(tmp_path / "out", "country/MUS.html")
    found = rows_of(page, "Errors found after publication")
    assert found == [["2026-10", "T2.C.employment", "<b>wrong</b> year", "2026-11", "2026-11-20"]]
    assert rows_of(page, "Editions no longer kept")[0][0] == "2026-09"
    assert "A. Person" not in page and "left out" not in told
    add_erratum(editions / "MUS", Erratum("2026-11", "", "wrong", "2026-11-22", "A. Person"))
    run_site(tmp_path / "out", editions)
    assert '<a href="country/MUS.html#errata">1 erratum</a>' in read_page(tmp_path / "out", "index.html")
    ledger = editions / "MUS" / "ledger.ndjson"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("wrong", "right"), encoding="utf-8")
    assert "ledger.ndjson" in run_site(tmp_path / "out", editions)


def test_the_old_site_comes_back_when_the_new_cannot_take_its_place(
    tmp_path: Path, shelf_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_site(tmp_path / "out", shelf_folder)
    rename = Path.rename

    def fail_once(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OutputError, match="Permission denied"):
        run_site(tmp_path / "out", shelf_folder)
    assert (tmp_path / "out" / "index.html").is_file() and len(list(tmp_path.iterdir())) == 1


def test_reasons_of_missing_figures_stand_in_one_order() -> None:
    figures = [dataclasses.replace(NO_FIGURE, reason=f"reason {n}") for n in (5, 2, 7, 1, 9, 3, 8, 4, 6)]
    said = re.findall(r"reason (\d)", frame.explain_missing(language("en"), figures))
    assert said == [str(n) for n in range(1, 10)]

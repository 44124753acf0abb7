"""The page in a real Chromium: nothing asked of the network, no script but its own, traces by mouse and keyboard,
three widths, paper, and axe-core's rules of accessibility."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edition_builder import build_edition

from lma.contracts import Edition
from lma.publish import html

pytestmark = pytest.mark.browser

LANGUAGES = ("en", "fr", "hy", "ru")
LABELS = {
    "long": "Wholesale and retail trade of very many things, " * 6,
    "rtl": "\u0627\u0644\u0632\u0631\u0627\u0639\u0629 " * 40,
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def make_edition(kind: str) -> Edition:
    """Editions of the synthetic country: plain, hostile, in Armenian, with labels of 300 characters, of Arabic."""
    edition = build_edition(hostile=kind == "hostile", languages=LANGUAGES)
    if kind == "armenian":
        return dataclasses.replace(edition, language="hy")
    if kind in LABELS:
        label, said = LABELS[kind], edition.cells["text"]
        cells = edition.cells.assign(
            row_label=label, column_label=label, text=said.where(said.isna(), label[:90])
        )
        return dataclasses.replace(
            edition, label=label, cells=cells, series=edition.series.assign(label=label)
        )
    return edition


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the pages by kind."""
    folder = tmp_path_factory.mktemp("page")
    names = {
        "plain": "assessment",
        "hostile": "hostile",
        "armenian": "assessment.hy",
        "long": "long",
        "rtl": "rtl",
    }
    for kind, name in names.items():
        (folder / f"{name}.html").write_text(html.render(make_edition(kind)), encoding="utf-8")
    return {kind: (folder / f"{name}.html").as_uri() for kind, name in names.items()}


class Opened:
    """One open page and everything it complained of or asked for."""

    def __init__(self, browser: Any, address: str, width: int = 1400) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog opened"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def cell(self, address: str) -> Any:
        return self.page.locator(f'[id="{address}"]')

    @property
    def panel(self) -> Any:
        return self.page.locator("#trace")

    @property
    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.id || document.activeElement.textContent"))


@pytest.fixture(scope="module")
def windows(browser: Any, pages: dict[str, str]) -> Iterator[dict[str, Opened]]:
    """One window per kind of page, which must not have complained or asked the network in any test."""
    found = {kind: Opened(browser, pages[kind]) for kind in ("plain", "hostile")}
    yield found
    for one in found.values():
        assert one.complaints == []
        assert [url for url in one.requests if not url.startswith(("file:", "data:"))] == []
        one.page.close()


@pytest.fixture(params=["plain", "hostile"])
def opened(request: pytest.FixtureRequest, windows: dict[str, Opened]) -> Iterator[Opened]:
    yield windows[request.param]
    windows[request.param].page.keyboard.press("Escape")


@pytest.fixture
def plain(windows: dict[str, Opened]) -> Iterator[Opened]:
    yield windows["plain"]
    windows["plain"].page.keyboard.press("Escape")


# ---------------------------------------------------------------- nothing but itself


def test_page_asks_for_nothing_but_itself(opened: Opened) -> None:
    asked = [url for url in opened.requests if not url.startswith("data:")]
    assert asked == [opened.page.url]
    assert opened.page.locator("svg[role=img]").count() >= 8


def test_script_put_into_the_page_does_not_run(browser: Any, pages: dict[str, str], tmp_path: Path) -> None:
    text = html.render(make_edition("plain"))
    attack = (
        "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'><svg onload='stolen = 3'>"
    )
    path = tmp_path / "attacked.html"
    path.write_text(text.replace("</main>", f"{attack}</main>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.evaluate(
        "const it = document.createElement('a'); it.href = 'javascript:stolen = 4'; document.body.append(it); it.click()"
    )
    assert page.evaluate("typeof window.stolen") == "undefined"
    page.close()


# ---------------------------------------------------------------- traces


def test_click_on_a_number_shows_the_publishers_row(opened: Opened) -> None:
    assert not opened.panel.is_visible()
    opened.cell("T5.A.2024").click()
    text = opened.panel.inner_text()
    for expected in ("28,400", "modelled estimate", "row 2 after the header", "a1a1a1a1a1a1:2", "CC BY 4.0"):
        assert expected in text, expected
    assert (
        opened.panel.locator("a").get_attribute("href") == "https://example.org/ilostat_2emp_sector?a=1&b=2"
    )
    opened.page.keyboard.press("Escape")
    assert not opened.panel.is_visible()


def test_texts_and_symbols_have_traces_too(plain: Opened) -> None:
    plain.cell("T10.A.D1").click()
    assert "rule migration_decision" in plain.panel.inner_text()
    plain.cell("T1.GDP_PC.value").click()
    assert "[x] no source in this edition" in plain.panel.inner_text()
    plain.cell("T6.I.gap_q90").click()
    assert "T6.I.gap_q90" in plain.panel.inner_text() and "5,200" in plain.panel.inner_text()


def test_keyboard_does_what_the_mouse_does(opened: Opened) -> None:
    opened.cell("T5.A.2024").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowLeft"):
        opened.page.keyboard.press(key)
    assert opened.focused == "T5.C.2024"
    opened.page.keyboard.press("Enter")
    assert "81,250" in opened.panel.inner_text() and "a1a1a1a1a1a1:3" in opened.panel.inner_text()
    opened.page.keyboard.press("Escape")
    assert opened.focused == "T5.C.2024"


def test_headline_opens_its_trace_and_that_of_its_figure(plain: Opened) -> None:
    plain.cell("T0.3.sentence").click()
    assert "in words" in plain.panel.inner_text()
    plain.page.keyboard.press("Escape")
    assert plain.focused == "T0.3.sentence"
    link = plain.cell("T0.1.sentence").locator("a")
    link.focus()
    plain.page.keyboard.press("Enter")
    assert "T5.I.q50" in plain.page.locator("#trace-title").inner_text()
    plain.page.keyboard.press("Escape")
    assert plain.focused == "T5.I.q50" and not plain.panel.is_visible()
    link.click()
    plain.panel.get_by_text("Show it in its table").click()
    box = plain.cell("T5.I.q50").bounding_box()
    assert 0 <= box["y"] <= 800


def test_figure_tells_where_its_figures_come_from(plain: Opened) -> None:
    control = plain.page.locator('button.from[data-figure="chart-fan-2"]')
    control.click()
    text = plain.panel.inner_text()
    assert "Manufacturing" in plain.page.locator("#trace-title").inner_text()
    assert "a1a1a1a1a1a1:3" in text and "81,250" in text and "CC BY 4.0" in text
    plain.page.keyboard.press("Escape")
    assert plain.page.evaluate("document.activeElement.dataset.figure") == "chart-fan-2"


def test_row_behind_a_figure_leads_to_its_cell(plain: Opened) -> None:
    plain.page.locator("#chart-balance summary").click()
    plain.page.locator("#chart-balance tbody tr").first.click()
    plain.panel.locator("button.cell").first.click()
    assert "T6.I.gap_q" in plain.page.locator("#trace-title").inner_text()
    plain.page.locator("#trace-close").click()
    assert not plain.panel.is_visible()


def test_each_table_is_one_stop_of_the_tab_key(opened: Opened) -> None:
    stops = opened.page.evaluate(
        "[...document.querySelectorAll('.grid')].map(table => table.querySelectorAll('.c[tabindex=\"0\"]').length)"
    )
    assert set(stops) == {1} and len(stops) >= 7


# ---------------------------------------------------------------- moving about


def test_link_to_a_table_unfolds_it(plain: Opened) -> None:
    assert not plain.cell("T11.ilostat_lfs_rates.title").is_visible()
    plain.page.locator("nav summary").click()
    plain.page.locator('nav a[href="#T11"]').click()
    plain.cell("T11.ilostat_lfs_rates.title").wait_for(state="visible", timeout=10_000)


def test_page_opened_at_a_cell_shows_it(browser: Any, pages: dict[str, str]) -> None:
    found = Opened(browser, f"{pages['plain']}#T11.ilostat_lfs_rates.title")
    box = found.cell("T11.ilostat_lfs_rates.title").bounding_box()
    assert box and 0 <= box["y"] <= 800
    found.page.close()


def test_choice_of_a_sector_leaves_one_chart(plain: Opened) -> None:
    choice = plain.page.locator("select.choice").first
    choice.select_option(label="Manufacturing")
    assert plain.page.locator("#fans figure:visible").count() == 1
    choice.select_option(value="")
    assert plain.page.locator("#fans figure:visible").count() == 5


def test_language_switch_opens_the_sibling(plain: Opened, pages: dict[str, str]) -> None:
    plain.page.locator('a[hreflang="hy"]').click()
    assert plain.page.url == pages["armenian"]
    assert plain.page.evaluate("document.documentElement.lang") == "hy"
    plain.page.locator('a[hreflang="en"]').click()
    assert plain.page.url == pages["plain"]


# ---------------------------------------------------------------- widths, paper, accessibility


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("plain", 360),
        ("plain", 768),
        ("plain", 1400),
        ("hostile", 360),
        ("armenian", 360),
        ("long", 360),
        ("long", 1400),
        ("rtl", 360),
    ],
)
def test_page_fits_its_window(browser: Any, pages: dict[str, str], kind: str, width: int) -> None:
    found = Opened(browser, pages[kind], width)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    found.cell("T1.UNE_RT.value").click()
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    cell, panel = found.cell("T1.UNE_RT.value").bounding_box(), found.panel.bounding_box()
    hidden = cell["x"] + 10 > panel["x"] + 1 and cell["y"] + 10 > panel["y"] + 1
    assert not hidden
    assert len(found.page.screenshot()) > 5000
    found.page.close()


def test_paper_has_what_is_folded(plain: Opened) -> None:
    plain.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    plain.page.emulate_media(media="print")
    assert plain.cell("T11.ilostat_lfs_rates.title").is_visible()
    assert not plain.page.locator(".behind button").first.is_visible()
    plain.page.emulate_media(media="screen")
    plain.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not plain.cell("T11.ilostat_lfs_rates.title").is_visible()


@pytest.mark.parametrize(("kind", "width"), [("plain", 1400), ("armenian", 360)])
def test_axe_finds_no_barrier(browser: Any, pages: dict[str, str], kind: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(bypass_csp=True, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(pages[kind])
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    page.locator('[id="T5.A.2024"]').click()
    found = axe.run(page, options={"runOnly": RULES}).response
    told = [
        (rule["id"], rule["impact"], [node["html"][:120] for node in rule["nodes"][:2]])
        for rule in found["violations"]
    ]
    assert told == [] and len(found["passes"]) > 20
    context.close()

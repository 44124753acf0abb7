"""The page in a real Chromium: no network, no errors, the trace panel by mouse and keyboard, three widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edition_builder import build_edition

from lma.publish import html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "hostile"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "assessment.html"
    path.write_text(html.render(build_edition(hostile=request.param)), encoding="utf-8")
    return path.as_uri()


class Opened:
    """One open page and everything it complained of or asked for."""

    def __init__(self, browser: Any, address: str, width: int = 1400) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 800})
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


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    found = Opened(browser, address)
    yield found
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
    found.page.close()


def test_page_asks_for_nothing_but_itself(opened: Opened, address: str) -> None:
    assert [url for url in opened.requests if not url.startswith("data:")] == [address]
    assert opened.page.locator("svg[role=img]").count() == 8


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


def test_click_on_a_text_opens_nothing(opened: Opened) -> None:
    opened.cell("T10.A.D0").click()
    assert not opened.panel.is_visible()


def test_keyboard_does_what_the_mouse_does(opened: Opened) -> None:
    opened.cell("T5.A.2024").focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowLeft")
    assert opened.page.evaluate("document.activeElement.id") == "T5.C.2024"
    opened.page.keyboard.press("Enter")
    assert "81,250" in opened.panel.inner_text() and "a1a1a1a1a1a1:3" in opened.panel.inner_text()
    opened.page.keyboard.press("Escape")
    assert opened.page.evaluate("document.activeElement.id") == "T5.C.2024"


def test_each_table_is_one_stop_of_the_tab_key(opened: Opened) -> None:
    stops = opened.page.evaluate(
        "[...document.querySelectorAll('table.grid')]"
        ".map(table => table.querySelectorAll('td[tabindex=\"0\"]').length)"
    )
    assert set(stops) <= {0, 1} and sum(stops) >= 4


def test_link_to_a_cell_goes_there(opened: Opened) -> None:
    opened.page.locator('a[href="#T5.I.q50"]').first.click()
    assert opened.page.evaluate("document.querySelector(':target').id") == "T5.I.q50"
    top = opened.cell("T5.I.q50").bounding_box()["y"]
    assert 0 <= top <= 800


def test_choice_of_a_sector_leaves_one_chart(opened: Opened) -> None:
    opened.page.select_option("#sector", label="Manufacturing")
    assert opened.page.locator("#fans figure:visible").count() == 1
    opened.page.select_option("#sector", value="")
    assert opened.page.locator("#fans figure:visible").count() == 5


@pytest.mark.parametrize("width", [360, 900, 1400])
def test_page_fits_its_window(browser: Any, address: str, width: int, tmp_path: Path) -> None:
    found = Opened(browser, address, width)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    found.page.screenshot(path=tmp_path / f"page-{width}.png")
    found.cell("T1.UNE_RT.value").click()
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    cell, panel = found.cell("T1.UNE_RT.value").bounding_box(), found.panel.bounding_box()
    hidden = cell["x"] + cell["width"] > panel["x"] + 1 and cell["y"] + cell["height"] > panel["y"] + 1
    assert not hidden
    found.page.screenshot(path=tmp_path / f"trace-{width}.png")
    assert (tmp_path / f"trace-{width}.png").stat().st_size > 5000
    found.page.close()

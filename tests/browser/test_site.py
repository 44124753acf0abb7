"""The site in a real Chromium: from a folder and from a web server, by mouse and keyboard, three widths, axe."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from site_builder import add_country

from flows.site import build_site
from lma.publish import edition as editions_module

pytestmark = pytest.mark.browser

PAGES = ("index.html", "country/MUS.html", "sector/C.fr.html", "sectors.html", "news.html", "downloads.html", "methods.html",
         "methods/shortages.html", "search.html")  # fmt: skip
# Like a real page it names an icon: without one the browser asks the server for /favicon.ico, sooner or later.
PAGE = (
    b'<!DOCTYPE html><html lang="en"><link rel="icon" href="data:,"><title>E</title>'
    b'<h1>E</h1><figure id="chart-1"><figcaption>Figure 1. Fan</figcaption></figure></html>'
)


class Silent:
    def print(self, *_: Any, **__: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editions_module, "READER_FORMS", {"assessment.html": lambda _: PAGE})
        french = {"languages": ("en", "fr"), "forms": ("csv", "html")}
        add_country(folder / "editions", "MUS", "Mauritius", "2026-10", employment=70_000.0, **french)
        add_country(folder / "editions", "MUS", "Mauritius", **french)
        hostile = '<script>alert(1)</script>" onmouseover="alert(2) \u202e ' + "w" * 300
        add_country(folder / "editions", "ARM", hostile, gap=None, hostile=True, sector="=cmd " + "x" * 300)
        add_country(folder / "editions", "SSD", "South Sudan", share=3.0)
    build_site(folder / "public", folder / "editions", Silent(), lambda step: step)  # type: ignore[arg-type]
    return folder / "public"


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(site))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", params=["folder", "server"])
def root(request: pytest.FixtureRequest, site: Path, served: str) -> str:
    return f"{site.as_uri()}/" if request.param == "folder" else served


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context(viewport={"width": 1400, "height": 800})
    yield found
    found.close()


@pytest.fixture
def page(context: Any, root: str) -> Iterator[Any]:
    """A page that may complain of nothing and ask for nothing but the site's own files."""
    found, complaints, asked = context.new_page(), [], []
    found.on("console", lambda message: complaints.append(message.text))
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("dialog", lambda dialog: (complaints.append("a dialog opened"), dialog.dismiss()))
    found.on("request", lambda request: asked.append(request.url))
    found.goto(f"{root}index.html")
    yield found
    assert complaints == []
    assert [url for url in asked if not url.startswith((root, "data:"))] == []
    found.close()


def test_from_the_map_to_an_edition_by_keyboard(page: Any, root: str) -> None:
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(document.activeElement.closest('.world') && document.activeElement.getAttribute('href')) || ''"
            )
        )
        if names[-1] == "country/MUS.html":
            break
    assert {name for name in names if name} == {"country/ARM.html", "country/MUS.html", "country/SSD.html"}
    page.keyboard.press("Enter")
    page.wait_for_url(f"{root}country/MUS.html")
    page.get_by_role("link", name="Page").first.click()
    page.wait_for_url(f"{root}editions/MUS/2026-11/assessment.html")


def test_a_click_on_a_dot_or_an_outline_opens_the_country(page: Any, root: str) -> None:
    page.locator('.world a.dot[href="country/MUS.html"]').click()
    page.wait_for_url(f"{root}country/MUS.html")
    page.goto(f"{root}index.html")
    page.locator('.world a[href="country/SSD.html"]').first.click()
    page.wait_for_url(f"{root}country/SSD.html")


def test_links_of_the_map_have_names(page: Any) -> None:
    assert page.get_by_role("link", name="Mauritius, edition 2026-11").count() == 1


def test_search_finds_and_leads_there(page: Any, root: str) -> None:
    page.get_by_role("link", name="Search").click()
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("mauri prof")
    assert page.locator("#results li").count() == 2
    assert page.locator("#count").inner_text() == "Found: 2"
    page.locator("#query").fill("manufácturing")
    assert page.locator("#results a").first.get_attribute("href") == "sector/C.html"
    page.locator("#query").fill("<img src=x onerror=alert(1)>")
    assert page.locator("#count").inner_text() == "Nothing found."
    page.locator("#query").fill("fan")
    page.locator("#results a").first.click()
    page.wait_for_url(f"{root}editions/MUS/2026-11/assessment.html#chart-1")


def test_languages_lead_to_the_same_page(page: Any, root: str) -> None:
    page.goto(f"{root}sector/C.html")
    page.get_by_role("link", name="Français").click()
    page.wait_for_url(f"{root}sector/C.fr.html")
    assert page.locator("html").get_attribute("lang") == "fr"


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_pages_fit_their_window(browser: Any, site: Path, width: int) -> None:
    found = browser.new_page(viewport={"width": width, "height": 800})
    wide = []
    for name in PAGES + ("country/ARM.html",):
        found.goto((site / name).as_uri())
        if found.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(name)
    found.close()
    assert wide == []


@pytest.mark.parametrize("name", ["index.html", "country/MUS.html", "sector/C.fr.html", "search.html"])
def test_axe_finds_nothing(browser: Any, site: Path, name: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = browser.new_context(bypass_csp=True).new_page()
    found.goto((site / name).as_uri())
    found.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    violations = axe.run(found).response["violations"]
    assert [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:120]) for rule in violations] == []
    found.context.close()

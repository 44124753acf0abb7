"""The page of scenarios in a real Chromium: no network, no errors, nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_scenarios import make_results

from lma.publish.scenario_page import render_scenarios

pytestmark = pytest.mark.browser


def test_page_of_scenarios_shows_itself_alone(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "scenarios.html"
    path.write_text(render_scenarios(make_results("<b>What</b> if?")), encoding="utf-8")
    for width in (1400, 360):
        page, said, asked = browser.new_page(viewport={"width": width, "height": 800}), [], []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert said == [] and [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert page.locator("svg[role=img]").count() == 4
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#chart-overview summary").click()
        assert page.locator("#chart-overview td").first.is_visible()
        assert "<b>What</b> if?" in page.locator("#asked").inner_text()
        page.close()

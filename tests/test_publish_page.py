"""The page and the PDF of a synthetic edition: complete, self-contained, deterministic, safe against labels."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from edition_builder import build_edition, make_cell, make_number

from lma.contracts import Edition, TableSpec, table_contract
from lma.errors import OutputError
from lma.publish import html, layout, markup, pdf, traces
from lma.publish.charts import drawing, list_figures
from lma.publish.grid import clean_text

HOSTILE = '</script><img src=x onerror="alert(1)"> =cmd|\' \U0001f600 \u0627\u0644\u0639 & Հայ Кир'


class Page(HTMLParser):
    """What a browser would find: tags with attributes, and the text of script and style elements."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.raw: list[tuple[dict[str, str], str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        (self.raw.append((attributes, data)) if tag in ("script", "style") else self.words.append(data))

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def traces(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(next(text for a, text in self.raw if a.get("id") == "traces"))
        return found


@pytest.fixture(scope="module")
def edition() -> Edition:
    return build_edition()


@pytest.fixture(scope="module")
def page(edition: Edition) -> Page:
    return Page(html.render(edition))


def with_label(edition: Edition, label: str) -> Edition:
    """The edition with one label in every place that takes a label from outside."""
    cells = edition.cells.assign(
        row_label=label,
        column_label=label,
        text=edition.cells["text"].where(edition.cells["text"].isna(), label),
        reason=edition.cells["reason"].where(edition.cells["reason"].isna(), label),
        step=label,
    )
    return dataclasses.replace(
        edition,
        label=label,
        cells=cells,
        series=edition.series.assign(label=label),
        sources=edition.sources.assign(
            title=label, publisher=label, licence=label, url=f"javascript:{label}"
        ),
        observations=edition.observations.assign(note=label),
        checks=edition.checks.assign(description=label),
        notes=dict.fromkeys(edition.notes, label),
        tables=tuple(dataclasses.replace(spec, title=label, description=label) for spec in edition.tables),
        run={"limits": [label]},
    )


# ---------------------------------------------------------------- the page


def test_page_loads_nothing(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form"), tag
        assert "src" not in attributes and "srcset" not in attributes, (tag, attributes)
        assert tag != "link" or attributes["href"] == "data:,"
        assert tag != "use" or attributes["href"].startswith("#")
    assert not any(re.search(r"@import|url\((?!#)", text) for _, text in page.raw)


def test_page_forbids_all_but_its_own_script(page: Page) -> None:
    policies = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    scripts = [text for attributes, text in page.raw if "type" not in attributes and text.startswith('"use')]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policies[0]
    assert "default-src 'none'" in policies[0] and "unsafe-eval" not in policies[0]
    assert [t for t, a in page.tags if any(name.startswith("on") for name in a)] == []


def test_every_cell_stands_once_under_its_address(edition: Edition, page: Page) -> None:
    assert set(edition.cells["address"]) <= set(page.ids)
    assert [name for name in page.ids if page.ids.count(name) > 1] == []


def test_every_inner_link_has_its_target(page: Page) -> None:
    links = [a["href"] for t, a in page.tags if t == "a" and a["href"].startswith("#")]
    assert {link[1:] for link in links} - set(page.ids) == set()
    assert "#T5.I.q50" in links and "#T10" in links


def test_numbers_carry_unit_basis_symbol_and_reason(page: Page) -> None:
    words = "".join(page.words)
    for expected in ("28,400", "\u22125", "17.2", "[b] new questionnaire in 2024", "[c] fewer than 10 firms"):
        assert expected in words, expected
    cell = next(a for _, a in page.tags if a.get("id") == "T1.UNE_RT.value")
    assert "c" in cell["class"].split()
    titles = {a.get("title") for t, a in page.tags if t == "abbr"}
    assert {"projection", "modelled estimate", "reported", "fewer than 12 years: no forecast"} <= titles


def test_sections_come_in_the_promised_order(page: Page) -> None:
    first = ["findings", "T0", "limits", "which", "many", "T6", "T5", "sure", "T11", "where", "T10", "T7"]
    order = [*first, "background", "T1", "legend", "notes", "sources", "checks", "trace"]
    assert [name for name in page.ids if name in order] == order


def test_tables_are_real_tables(edition: Edition, page: Page) -> None:
    tables = [attributes for tag, attributes in page.tags if tag == "table"]
    named = [a for a in tables if a.get("aria-labelledby") in page.ids or a.get("aria-label")]
    assert len(named) + [tag for tag, _ in page.tags].count("caption") == len(tables) >= len(edition.tables)
    assert all(a.get("scope") in ("col", "row") for tag, a in page.tags if tag == "th")


def test_headings_come_in_order(edition: Edition) -> None:
    page = Page(html.render(decision_edition(edition)))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and levels.count(4) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_figures_have_alternative_text_their_table_and_a_trace(edition: Edition, page: Page) -> None:
    charts = [chart for chart in list_figures(edition) if chart.is_drawn]
    labels = [a["aria-label"] for tag, a in page.tags if tag == "svg"]
    assert sorted(labels) == sorted(clean_text(chart.alt) for chart in charts)
    traced = [a["data-figure"] for tag, a in page.tags if tag == "button" and "data-figure" in a]
    assert sorted(traced) == sorted(chart.chart_id for chart in charts)
    assert {a["data-figure"] for tag, a in page.tags if tag == "table" and "data-figure" in a} == set(traced)


def test_drawings_carry_no_roles_of_their_own(page: Page) -> None:
    inside = [a for tag, a in page.tags if tag in ("g", "path", "text", "rect")]
    assert inside and not any("role" in a or "class" in a or "aria-label" in a for a in inside)


def test_every_cell_and_figure_has_a_trace(edition: Edition) -> None:
    charts = list_figures(edition)
    found = traces.collect_traces(edition, charts)
    traced, all_ = traces.count_traced(found, edition.cells["address"], charts)
    # No cell of this edition has the forecasts of its five pictures year by year: six years each.
    assert all_ == len(edition.cells) + sum(len(chart.addresses) for chart in charts)
    assert all_ - traced == 5 * 6
    assert traces.count_traced(found, edition.cells["address"], ()) == (len(edition.cells),) * 2
    untold = edition.cells.assign(step=None, reason=None, inputs=[[] for _ in range(len(edition.cells))])
    lost = dataclasses.replace(edition, cells=untold)
    assert traces.count_traced(traces.collect_traces(lost), untold["address"], [])[0] == 0


def test_trace_leads_to_the_publishers_row(edition: Edition) -> None:
    found = traces.collect_traces(edition)
    trace = traces.find_trace(found, "T5.A.2024")
    assert trace is not None
    row = found["rows"][trace[3][0]]
    source = found["sources"][row[1]]
    assert trace[4] == 1 and row[0] == "a1a1a1a1a1a1:2" and row[2] == "2" and row[5] == "28,400 persons"
    assert source[5] == "https://example.org/ilostat_2emp_sector?a=1&b=2" and source[6] == "CC BY 4.0"
    assert found["words"][found["facts"][trace[1]][1]] == "modelled estimate"


def test_trace_of_a_cell_without_a_number_says_why(edition: Edition) -> None:
    found = traces.collect_traces(edition)
    trace = traces.find_trace(found, "T1.GDP_PC.value")
    assert trace is not None and [found["words"][place] for place in trace[7]][:2] == [
        "[x]",
        "no source in this edition",
    ]


def test_code_behind_words_stays_in_the_trace(edition: Edition) -> None:
    said = edition.cells["text"].where(edition.cells["table_id"] != "T10", "r\u00e9ussi : tout")
    coded = edition.cells.assign(
        code=edition.cells["text"].where(edition.cells["table_id"] == "T10"), text=said
    )
    changed = dataclasses.replace(edition, cells=coded)
    found = traces.collect_traces(changed)
    trace = traces.find_trace(found, "T10.A.D0")
    assert trace is not None and found["words"][trace[7][2]] == "passed: P(shortage) = 0.81"
    views = {view.spec.table_id: view for view in layout.lay_out_tables(changed)}
    outcomes = {cell.address: cell.outcome for row in views["T10"].rows for cell in row.cells if cell}
    assert (outcomes["T10.A.D0"], outcomes["T10.A.D1"], outcomes["T10.A.persons"]) == ("pass", "fail", "")


def test_trace_of_a_computed_number_follows_origins(edition: Edition) -> None:
    computed = "F:MUS:A:2030:q50"
    changed = dataclasses.replace(edition, origins={computed: ["a1a1a1a1a1a1:2", "not in this edition:1"]})
    trace = traces.find_trace(traces.collect_traces(changed), "T5.A.q50")
    bare = traces.find_trace(traces.collect_traces(edition), "T5.A.q50")
    assert trace is not None and bare is not None
    assert len(trace[3]) == 1 and trace[4] == 0 and trace[6] == 1 and bare[3] == []


def test_hostile_labels_stay_text(edition: Edition) -> None:
    text = html.render(with_label(edition, HOSTILE))
    found = Page(text)
    assert text.count("</script>") == 2
    assert not [a for t, a in found.tags if t == "img" or "onerror" in a]
    assert not [a for t, a in found.tags if a.get("href", "").startswith("javascript")]
    assert HOSTILE in "".join(found.words)
    assert HOSTILE in json.dumps(found.traces, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("label", ["nul \x00 bell \x07 \ud800 \u202e", "", "x" * 5000, "\u2028</style><!--"])
def test_difficult_labels_do_not_break_page_or_pdf(edition: Edition, label: str) -> None:
    changed = with_label(edition, label)
    html.render(changed).encode("utf-8")
    assert pdf.render(changed).startswith(b"%PDF")


def test_address_with_marks_is_a_working_target(edition: Edition) -> None:
    cell = make_cell(
        'T1.X"<.a%b', (90, "x"), (0, "Value"), **make_number(1, "PS", "ilostat_lfs_rates", ["b2b2b2b2b2b2:4"])
    )
    cells = pd.concat([edition.cells, pd.DataFrame([cell])], ignore_index=True)
    changed = Page(html.render(dataclasses.replace(edition, cells=cells)))
    assert 'T1.X"<.a%b' in changed.ids and traces.find_trace(changed.traces, 'T1.X"<.a%b')
    assert html.fragment('T1.X"<.a%b') == "#T1.X%22%3C.a%25b"


def test_same_edition_same_bytes(edition: Edition) -> None:
    shuffled = dataclasses.replace(edition, cells=edition.cells.sample(frac=1, random_state=3))
    drawing.draw_spec.cache_clear()
    first_page, first_pdf = html.render(edition), pdf.render(edition)
    drawing.draw_spec.cache_clear()
    again = dataclasses.replace(edition)  # another object: nothing kept of the first is used
    assert html.render(again) == first_page and pdf.render(again) == first_pdf
    assert re.sub(r'id="traces">.*', "", html.render(shuffled)) == re.sub(r'id="traces">.*', "", first_page)


def test_page_stays_small(edition: Edition) -> None:
    blocks = []
    for number in range(60):
        block = edition.cells[edition.cells["table_id"] == "T5"].copy()
        block["row_id"] = [f"{row}{number}" for row in block["row_id"]]
        block["address"] = [f"T5.{r}.{c}" for r, c in zip(block["row_id"], block["column_id"], strict=True)]
        blocks.append(block)
    cells = pd.concat([edition.cells[edition.cells["table_id"] != "T5"], *blocks], ignore_index=True)
    size = len(html.render(dataclasses.replace(edition, cells=cells)).encode())
    assert size < 150_000 + 400 * len(cells)


def test_cells_of_a_table_without_heading_are_refused(edition: Edition) -> None:
    fewer = dataclasses.replace(edition, tables=edition.tables[:-1])
    with pytest.raises(OutputError, match=r"T11.*TableSpec"):
        html.render(fewer)


def test_edition_without_figures_is_still_a_page(edition: Edition) -> None:
    bare = dataclasses.replace(
        edition,
        cells=edition.cells.iloc[:0],
        series=edition.series.iloc[:0],
        sources=edition.sources.iloc[:0],
        observations=edition.observations.iloc[:0],
        checks=edition.checks.iloc[:0],
        notes={},
        tables=(TableSpec("T1", "Country profile", "", "Indicator"),),
    )
    assert "No figures for this table" in html.render(bare)
    assert pdf.render(bare).startswith(b"%PDF")


@pytest.mark.parametrize("n_sectors", [1, 200])
def test_one_sector_or_two_hundred_make_a_page(edition: Edition, n_sectors: int) -> None:
    block = edition.cells[edition.cells["row_id"] == "C"]
    series = edition.series[edition.series["economic_activity"] == "C"]
    cells, drawn = [edition.cells[edition.cells["table_id"] == "T0"]], []
    for number in range(n_sectors):
        addresses = [f"{t}.C{number}.{c}" for t, c in zip(block["table_id"], block["column_id"], strict=True)]
        cells.append(
            block.assign(row_id=f"C{number}", row_order=number, row_label=f"S{number}", address=addresses)
        )
        drawn.append(series.assign(economic_activity=f"C{number}", label=f"S{number}"))
    changed = dataclasses.replace(
        edition, cells=pd.concat(cells, ignore_index=True), series=pd.concat(drawn[:20], ignore_index=True)
    )
    assert set(changed.cells["address"]) <= set(Page(html.render(changed)).ids)


def test_page_without_any_figure_shows_its_reasons(edition: Edition) -> None:
    empty = edition.cells.assign(
        value=float("nan"), text=None, symbol="[x]", reason="nobody has published it"
    )
    found = Page(html.render(dataclasses.replace(edition, cells=empty)))
    assert "nobody has published it" in "".join(found.words) and set(empty["address"]) <= set(found.ids)


def test_page_of_a_language_links_to_the_others(edition: Edition) -> None:
    french = dataclasses.replace(edition, language="fr", languages=("en", "fr", "hy", "ru"))
    text = html.render(french)
    found = Page(text)
    assert next(a for tag, a in found.tags if tag == "html") == {"lang": "fr", "dir": "ltr"}
    links = {a["hreflang"]: (a["href"], a["lang"]) for tag, a in found.tags if "hreflang" in a}
    assert links == {
        "en": ("assessment.html", "en"),
        "hy": ("assessment.hy.html", "hy"),
        "ru": ("assessment.ru.html", "ru"),
    }
    assert [a["lang"] for _, a in found.tags if a.get("aria-current") == "page"] == ["fr"]
    assert "28\u202f400" in text and "30 septembre 2025" in text and "28,400" not in text


# ---------------------------------------------------------------- layout


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (1234567.0, 0, "1,234,567"),
        (-5.04, 1, "\u22125.0"),
        (-0.04, 1, "0.0"),
        (12.5, None, "12.50"),
        (12.0, float("nan"), "12"),
        (0.5, 0.0, "0"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float, decimals: float | None, shown: str) -> None:
    assert layout.format_number(value, decimals) == shown


def test_references_become_links_only_where_they_exist() -> None:
    known = {"T5", "T5.C.2030"}.__contains__
    parts = layout.split_references("Short (T5.C.2030), see T5. Not T9, not T55.", known)
    assert [target for _, target in parts if target] == ["T5.C.2030", "T5"]
    assert "".join(text for text, _ in parts) == "Short (T5.C.2030), see T5. Not T9, not T55."


def decision_edition(edition: Edition) -> Edition:
    """T10 as the assessment writes it: four columns for each test."""
    parts = (("", "data"), ("_value", "value"), ("_threshold", "threshold"), ("_why", "how it was tested"))
    cells = [make_cell("T10.C.result", (0, "Manufacturing"), (0, "Result"), text="NO_SHORTAGE")]
    for number in range(3):
        for place, (suffix, words) in enumerate(parts):
            text = ("pass", "1.5", "2", "Gap over three years against a threshold of zero persons.")[place]
            given = (
                make_number(1.5, "RATIO", "ilostat_lfs_rates", ["D:1"])
                if suffix == "_value"
                else {"text": text}
            )
            order = (1 + 4 * number + place, f"D{number} {words}")
            cells.append(make_cell(f"T10.C.D{number}{suffix}", (0, "Manufacturing"), order, **given))
    others = edition.cells[edition.cells["table_id"] != "T10"]
    new = pd.DataFrame(cells, columns=table_contract("marts.assessments").column_names)
    return dataclasses.replace(edition, cells=pd.concat([others, new], ignore_index=True))


def test_tests_of_the_decision_read_from_left_to_right(edition: Edition) -> None:
    changed = decision_edition(edition)
    view = next(table for table in layout.lay_out_tables(changed) if table.spec.table_id == "T10")
    assert view.lines == ((0,), (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12))
    assert view.line_header == ("Result", "Value", "Threshold", "How it was tested")
    assert layout._shared_ending(["Train: seekers, lower end", "Activate: persons, lower end"]) == "Lower end"
    page = Page(html.render(changed))
    assert {"T10.C.D0", "T10.C.D2_why"} <= set(page.ids)
    assert any(a.get("class") == "pass" for _, a in page.tags)
    assert pdf.render(changed).startswith(b"%PDF")


def test_how_tests_were_made_stands_apart(edition: Edition) -> None:
    views = layout.lay_out_tables(decision_edition(edition))
    view = next(table for table in views if table.spec.table_id == "T10")
    ids = [column.column_id for column in view.columns]
    assert [ids[place] for group in view.groups for place in group.places] == ["result", "D0", "D1", "D2"]
    assert len(view.detail_places) == 9


def test_a_figure_and_its_range_are_read_as_one(edition: Edition) -> None:
    view = next(table for table in layout.lay_out_tables(edition) if table.spec.table_id == "T6")
    assert [group.places for group in view.groups] == [(1, 0, 2)]
    pairs = [("need_low", "Persons, lower end"), ("need_high", "Persons, upper end")]
    given = make_number(1.0, "PS", "ilostat_lfs_rates", ["F:1"])
    cells = [make_cell(f"T8.C.{n}", (0, "C"), (p, words), **given) for p, (n, words) in enumerate(pairs)]
    frame = pd.DataFrame(cells, columns=edition.cells.columns)
    tables = (TableSpec("T8", "Corridors", "", "Corridor"),)
    alone = layout.lay_out_tables(dataclasses.replace(edition, cells=frame, tables=tables))[0]
    assert [(group.heading, group.places) for group in alone.groups] == [
        ("Persons, from lower to upper end", (0, 1))
    ]


def test_numbers_follow_the_language() -> None:
    assert layout.format_number(-1234567.5, 1, "fr") == "\u22121\u202f234\u202f567,5"
    assert layout.format_number(-0.04, 1, "fr") == "0,0"


def test_a_projection_is_not_taken_for_tests(edition: Edition) -> None:
    columns = [f"{year}{part}" for year in (2026, 2027, 2028) for part in ("", "_lo80", "_hi80")]
    given = make_number(1.0, "PS", "ilostat_lfs_rates", ["F:1"])
    cells = [
        make_cell(f"T5.C.{name}", (0, "C"), (place, name), **given) for place, name in enumerate(columns)
    ]
    frame = pd.DataFrame(cells, columns=edition.cells.columns)
    views = layout.lay_out_tables(dataclasses.replace(edition, cells=frame))
    assert [view.spec.table_id for view in views if view.families] == []
    assert len(next(view for view in views if view.rows).lines) == 9


def test_files_of_one_table_stand_together(edition: Edition) -> None:
    twice = pd.concat([edition.sources, edition.sources.assign(file_name="other.csv")])
    rows = layout.source_rows(dataclasses.replace(edition, sources=twice))
    assert len(rows) == 3 and all(len(row) == len(layout.SOURCE_HEADER) for row in rows)
    assert "ilostat_2emp_sector.csv, 40, a1a1a1a1a1a1" in rows[0][3] and "other.csv" in rows[0][3]


# ---------------------------------------------------------------- the PDF


def test_pdf_is_dated_by_the_data(edition: Edition) -> None:
    content = pdf.render(edition)
    assert set(re.findall(rb"D:(\d{8})", content)) == {b"20250930"}
    assert {date for date in re.findall(rb"\d{4}-\d\d-\d\dT", content)} == {b"2025-09-30T"}


def test_pdf_uses_no_font_of_the_machine(edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    import typst

    asked: list[dict[str, object]] = []
    fonts = typst.Fonts
    monkeypatch.setattr(typst, "Fonts", lambda **options: (asked.append(options), fonts(**options))[1])
    content = pdf.render(edition)
    assert [options["include_system_fonts"] for options in asked] == [False]
    found = set(re.findall(rb"/BaseFont\s*/[A-Z]{6}\+([A-Za-z]+)", content))
    assert found and all(name.startswith((b"DejaVu", b"Libertinus", b"NewCM")) for name in found)


def test_a_label_with_the_letter_of_a_hole_takes_no_markup_in() -> None:
    label = f"wages{markup.hole(1)} onclick=alert(1)"
    first = markup.element("abbr", markup.escape_text("[x]"), title=label)
    second = markup.element("a", markup.escape_text("5"), href="#T5")
    filled = markup.fill_holes(f"{markup.hole(0)} to {markup.hole(1)}{markup.hole(9)}", [first, second])
    assert filled == f"{first} to {second}"

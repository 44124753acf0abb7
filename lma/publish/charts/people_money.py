"""Migration and development (T17): people abroad or from abroad by sex, money by country, transfers in two vintages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.employment import draw_bars
from lma.publish.charts.marks import (
    BAR_DROP,
    HISTORY,
    LACKING,
    LINE,
    ROW,
    WHITE,
    WIDTH,
    amount_axis,
    draw_legend,
    finish_spec,
    leave_room,
    list_rows,
    make_layer,
    name_sectors,
    sector_axis,
    shorten_labels,
    show_number,
)
from lma.publish.charts.reading import (
    area_name,
    is_area,
    is_origin_of,
    join_sentences,
    keep_first,
    pivot_values,
    read_table,
    source_line,
)
from lma.publish.grid import clean_text

_SEXES = ("women", "men")


@dataclass(frozen=True)
class _Rows:
    """Beginning of the row ids of T17 that one chart draws, and what to call it."""

    start: str
    chart_id: str
    title: str


def development_charts(edition: Edition) -> list[Chart]:
    """People by sex, money by country and the revision of transfers; those that T17 has figures for."""
    words, cells = language(edition.language), read_table(edition, "T17")
    is_origin = is_origin_of(edition)
    people = (
        _Rows("ABROAD_", "chart-people", words.say("Emigrants by country, women and men"))
        if is_origin
        else _Rows("ARRIVED_", "chart-people", words.say("Immigrants by country of origin, women and men"))
    )
    money = (
        _Rows("REMIT_IN_", "chart-money", words.say("Remittances received, by country"))
        if is_origin
        else _Rows("REMIT_OUT_", "chart-money", words.say("Remittances sent, by country"))
    )
    found = (
        _people_chart(edition, cells, people, words),
        _money_chart(edition, cells, money, words),
        _revision_chart(edition, cells, words),
    )
    return [chart for chart in found if chart is not None]


def _partners(cells: pd.DataFrame, start: str, columns: Sequence[str], words: Language) -> pd.DataFrame:
    """Rows of single countries and of the rest, largest first, the rest last."""
    ids = cells["row_id"].astype(str)
    ends = ids.str.removeprefix(start)
    is_partner = ends.map(lambda end: end == "REST" or is_area(end)).astype(bool)
    mine = cells[ids.str.startswith(start) & is_partner & (cells["column_id"].isin(columns))]
    wide = pivot_values(mine, columns).dropna(subset=[columns[0]])
    codes = [str(row).removeprefix(start) for row in wide["row_id"]]
    periods = dict(zip(mine["row_id"], mine["time_period"], strict=True))
    named = [words.say("all other countries") if code == "REST" else area_name(code, words) for code in codes]
    wide = wide.assign(label=named, is_rest=[code == "REST" for code in codes])
    wide = wide.assign(
        period=[clean_text(periods.get(row)) for row in wide["row_id"]], axis_label=shorten_labels(wide)
    )
    return wide.sort_values(["is_rest", columns[0]], ascending=[True, False], kind="stable")


def _people_chart(edition: Edition, cells: pd.DataFrame, rows: _Rows, words: Language) -> Chart | None:
    data = _partners(cells, rows.start, ("value", *_SEXES), words).dropna(subset=list(_SEXES))
    if data.empty:
        return None
    drawn, left_out = keep_first(data, words)
    known = set(edition.cells["address"])
    addresses = tuple(
        tuple(a for name in ("value", *_SEXES) if (a := f"T17.{row.row_id}.{name}") in known)
        for row in list_rows(data)
    )
    first = data.iloc[0]
    return Chart(
        chart_id=rows.chart_id,
        title=rows.title,
        alt=words.say(
            "{title}: stacked bars for {n} countries. First: {country}, {women} women and {men} men.",
            title=rows.title,
            n=len(data),
            country=str(first["label"]),
            women=show_number(words, first["women"]),
            men=show_number(words, first["men"]),
        ),
        spec=_stacked(drawn, words),
        header=(
            words.say("Country"),
            words.say("Period"),
            words.say("Persons"),
            words.say("Women"),
            words.say("Men"),
        ),
        rows=tuple(
            (row.label, row.period, *(show_number(words, v) for v in (row.value, row.women, row.men)))
            for row in list_rows(data)
        ),
        words=join_sentences(words.say("Residents of all ages, not workers."), left_out),
        section="migration",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
    )


def _stacked(data: pd.DataFrame, words: Language) -> Spec:
    """Women filled, men hollow behind them; the sum stands after the bar."""
    largest = float(data["value"].max())
    axis, unit = amount_axis(words, [largest], "PS")
    drawn = data.assign(
        zero=0.0,
        end=data["women"] + data["men"],
        shown=[show_number(words, value) for value in data["value"]],
    )
    scale = leave_room(drawn["end"], drawn["shown"])
    layers: list[Spec] = []
    for low, high, fill, edge in (("zero", "women", LACKING, LACKING), ("women", "end", WHITE, LINE)):
        x = {"field": low, "type": "quantitative", "title": unit, "axis": axis, "scale": scale}
        bar = {"type": "bar", "color": fill, "stroke": edge, "height": 11, "yOffset": BAR_DROP}
        layers.append(make_layer(drawn, bar, x=x, x2={"field": high}, y=sector_axis(data)))
    text = {"type": "text", "align": "left", "dx": 4, "dy": BAR_DROP, "color": HISTORY}
    end = {"field": "end", "type": "quantitative"}
    layers.append(make_layer(drawn, text, x=end, y=sector_axis(data), text={"field": "shown"}))
    height = ROW * len(data)
    entries = (("\u25a0", LACKING, words.say("women")), ("\u25a1", LINE, words.say("men")))
    layers += [*name_sectors(data), *draw_legend(entries, height + 44)]
    return finish_spec(layers, WIDTH, height, words.code)


def _money_chart(edition: Edition, cells: pd.DataFrame, rows: _Rows, words: Language) -> Chart | None:
    data = _partners(cells, rows.start, ("value",), words)
    if data.empty:
        return None
    drawn, left_out = keep_first(data, words)
    addresses = tuple((f"T17.{row.row_id}.value",) for row in list_rows(data))
    shown = [show_number(words, value) for value in data["value"]]
    first = data.iloc[0]
    axis, unit = amount_axis(words, data["value"], "USD")
    scale = leave_room(data["value"], shown)
    x = {"field": "value", "type": "quantitative", "title": unit, "axis": axis, "scale": scale}
    drawn = drawn.assign(shown=shown[: len(drawn)])
    return Chart(
        chart_id=rows.chart_id,
        title=rows.title,
        alt=words.say(
            "{title}: bars for {n} countries. First: {country}, {money} US dollars in {period}.",
            title=rows.title,
            n=len(data),
            country=str(first["label"]),
            money=shown[0],
            period=str(first["period"]),
        ),
        spec=draw_bars(drawn, x, "shown", words.code),
        header=(words.say("Country"), words.say("Period"), words.say("US dollars")),
        rows=tuple((row.label, row.period, text) for row, text in zip(list_rows(data), shown, strict=True)),
        words=left_out,
        section="migration",
        source=source_line(edition, words, words.say("US dollars"), addresses),
        addresses=addresses,
    )


def _revision_chart(edition: Edition, cells: pd.DataFrame, words: Language) -> Chart | None:
    """Transfers of the same period in two vintages: hollow the earlier, filled the later."""
    data = _vintages(cells, words)
    if data.empty:
        return None
    earlier, later = (clean_text(data[name].iloc[0]) for name in ("as_of_EARLIER", "as_of_LATER"))
    addresses = tuple(
        tuple(f"T17.REVISION_{row.code}_{end}.value" for end in ("EARLIER", "LATER"))
        for row in list_rows(data)
    )
    title = words.say(
        "Transfers received in two vintages: {earlier} and {later}", earlier=earlier, later=later
    )
    first = data.iloc[0]
    return Chart(
        chart_id="chart-vintages",
        title=title,
        alt=words.say(
            "{title}: pairs of marks for {n} rows. {country}: {before} US dollars, then {after}.",
            title=title,
            n=len(data),
            country=str(first["label"]),
            before=show_number(words, first["EARLIER"]),
            after=show_number(words, first["LATER"]),
        ),
        spec=_vintage_marks(data, earlier, later, words),
        header=(
            words.say("Country"),
            words.say("Vintage {date}", date=earlier),
            words.say("Vintage {date}", date=later),
        ),
        rows=tuple(
            (row.label, show_number(words, row.EARLIER), show_number(words, row.LATER))
            for row in list_rows(data)
        ),
        words=words.say("Where both marks lie on each other, the publisher hardly revised the figure."),
        section="migration",
        source=source_line(edition, words, words.say("US dollars"), addresses),
        addresses=addresses,
    )


def _vintages(cells: pd.DataFrame, words: Language) -> pd.DataFrame:
    found = cells[(cells["column_id"] == "value") & cells["value"].notna()]
    parts = found["row_id"].astype(str).str.extract(r"^REVISION_([A-Z]+)_(EARLIER|LATER)$")
    named = found.assign(code=parts[0], end=parts[1], day=found["as_of"].astype(str).str[:10]).dropna(
        subset=["code"]
    )
    if named.empty:
        return pd.DataFrame()
    wide = named.pivot_table(index="code", columns="end", values="value", aggfunc="first", sort=False)
    wide = wide.reindex(columns=["EARLIER", "LATER"]).dropna()
    days = named.pivot_table(index="code", columns="end", values="day", aggfunc="first", sort=False)
    data = wide.join(days.add_prefix("as_of_")).reset_index()
    labels = [words.say("all senders") if code == "T" else area_name(code, words) for code in data["code"]]
    data = data.assign(label=labels, economic_activity=data["code"])
    return data.assign(axis_label=shorten_labels(data)) if len(data) else data


def _vintage_marks(data: pd.DataFrame, earlier: str, later: str, words: Language) -> Spec:
    axis, unit = amount_axis(words, [float(data[["EARLIER", "LATER"]].to_numpy().max())], "USD")
    layers: list[Spec] = []
    for field, filled, size in (("LATER", True, 40), ("EARLIER", False, 130)):
        x = {"field": field, "type": "quantitative", "title": unit, "axis": axis, "scale": {"zero": True}}
        mark = {
            "type": "point", "filled": filled, "size": size, "opacity": 1, "yOffset": BAR_DROP,
            "color": LINE if filled else LACKING, "strokeWidth": 1.6,
        }  # fmt: skip
        layers.append(make_layer(data, mark, x=x, y=sector_axis(data)))
    height = ROW * len(data)
    entries = (("\u25cb", LACKING, earlier), ("\u25cf", LINE, later))
    layers += [*name_sectors(data), *draw_legend(entries, height + 44)]
    return finish_spec(layers, WIDTH, height, words.code)

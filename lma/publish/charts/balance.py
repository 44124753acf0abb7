"""Balance of demand and supply by activity: the gap with its range, and openings against seekers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Mark, Spec
from lma.publish.charts.marks import (
    BAR_DROP,
    HISTORY,
    LACKING,
    LINE,
    QUIET,
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
    addresses_of,
    join_sentences,
    keep_first,
    pivot_values,
    read_table,
    source_line,
)
from lma.publish.grid import clean_text

GAPS = ("gap_q10", "gap_q50", "gap_q90")
_SIDES = ("OPENINGS", "SEEKERS")


def balance_chart(edition: Edition) -> Chart | None:
    """Range q10 to q90 and median of the gap per sector, from table T6; None when T6 has no such columns."""
    words, data = language(edition.language), _gap_ranges(edition)
    if data.empty:
        return None
    drawn, left_out = keep_first(data, words)
    lacking = [clean_text(row.label) for row in list_rows(data) if row.gap_q10 > 0]
    known = set(edition.cells["address"])
    addresses = tuple(addresses_of("T6", row.row_id, GAPS, known) for row in list_rows(data))
    alt = words.say(
        "Range of the gap between demand and supply in {n} sectors. Even the low end lacks workers in: {sectors}. "
        "The table below the chart has every figure.",
        n=len(data),
        sectors=", ".join(lacking) if lacking else words.say("no sector"),
    )
    how = words.say(
        "Line: from the low to the high end (q10 to q90) of the simulated gap; dot: its median. Right of zero "
        "workers are lacking, left of zero there are more workers than jobs."
    )
    return Chart(
        chart_id="chart-balance",
        title=words.say("Gap between demand and supply"),
        alt=alt,
        spec=_ranges(drawn, words),
        header=(
            words.say("Sector"),
            words.say("Gap, low (q10)"),
            words.say("Gap, median"),
            words.say("Gap, high (q90)"),
        ),
        rows=tuple(
            (clean_text(row.label), *(show_number(words, getattr(row, name)) for name in GAPS))
            for row in list_rows(data)
        ),
        words=join_sentences(how, left_out),
        section="balance",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
        legend=(
            Mark("area", LACKING, words.say("workers lacking, even at the low end")),
            Mark("area", LINE, words.say("surplus, even at the high end")),
            Mark("area", QUIET, words.say("the range includes zero")),
        ),
    )


def openings_chart(edition: Edition) -> Chart | None:
    """Openings above seekers for each activity of T6; None when T6 has neither."""
    words, cells = language(edition.language), read_table(edition, "T6")
    data = pivot_values(cells, _SIDES).dropna()
    data = data[~data["row_id"].astype(str).str.startswith(("_", "SEX_"))]
    if data.empty:
        return None
    data = data.assign(axis_label=shorten_labels(data))
    data = data.sort_values("OPENINGS", ascending=False, kind="stable")
    drawn, left_out = keep_first(data, words)
    more = [clean_text(row.label) for row in list_rows(data) if row.OPENINGS > row.SEEKERS]
    known = set(edition.cells["address"])
    addresses = tuple(addresses_of("T6", row.row_id, _SIDES, known) for row in list_rows(data))
    period = next((clean_text(p) for p in cells["time_period"] if clean_text(p)), "")
    return Chart(
        chart_id="chart-openings",
        title=words.say("Job openings and job seekers, {period}", period=period),
        alt=words.say(
            "Pairs of bars for {n} sectors: openings above, seekers below. More openings than seekers, median of the "
            "draws, in: {sectors}.",
            n=len(data),
            sectors=", ".join(more) if more else words.say("no sector"),
        ),
        spec=_pairs(drawn, words),
        header=(words.say("Sector"), words.say("Job openings"), words.say("Job seekers")),
        rows=tuple(
            (clean_text(row.label), show_number(words, row.OPENINGS), show_number(words, row.SEEKERS))
            for row in list_rows(data)
        ),
        words=join_sentences(
            words.say(
                "Medians of the draws; table T6 has the parts of both. Their difference is not the median gap."
            ),
            left_out,
        ),
        section="balance",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
    )


def _gap_ranges(edition: Edition) -> pd.DataFrame:
    """One row per sector of T6 that has q10, q50 and q90 of the gap, largest median first."""
    cells = read_table(edition, "T6")
    named = pivot_values(cells, GAPS).dropna()
    named = named[named["row_id"] != "_T"]
    colours = [_gap_colour(row.gap_q10, row.gap_q90) for row in list_rows(named)]
    named = named.assign(axis_label=shorten_labels(named), colour=colours)
    return named.sort_values("gap_q50", ascending=False, kind="stable")


def _gap_colour(low: Any, high: Any) -> str:
    return LACKING if low > 0 else LINE if high < 0 else QUIET


def _ranges(data: pd.DataFrame, words: Language) -> Spec:
    axis, unit = amount_axis(words, data[list(GAPS)].to_numpy().ravel(), "PS", 5)
    x = {"field": "gap_q10", "type": "quantitative", "title": unit, "axis": axis}
    common = {"y": sector_axis(data), "color": {"field": "colour", "type": "nominal", "scale": None}}
    rule = {"type": "rule", "strokeWidth": 5, "opacity": 0.55, "yOffset": BAR_DROP}
    point = {"type": "point", "filled": True, "size": 60, "opacity": 1, "yOffset": BAR_DROP}
    zero = pd.DataFrame({"gap_q10": [0]})
    layers = [
        make_layer(zero, {"type": "rule", "color": HISTORY}, x=x),
        make_layer(data, rule, x=x, x2={"field": "gap_q90"}, **common),
        make_layer(data, point, x={"field": "gap_q50", "type": "quantitative"}, **common),
        *name_sectors(data),
    ]
    return finish_spec(layers, WIDTH, ROW * len(data), words.code)


def _pairs(data: pd.DataFrame, words: Language) -> Spec:
    """Openings filled, seekers hollow: told apart in black and white too."""
    largest = float(data[list(_SIDES)].to_numpy().max())
    axis, unit = amount_axis(words, [largest], "PS")
    ends = [value for side in _SIDES for value in data[side]]
    scale = leave_room(ends, [show_number(words, value) for value in ends])
    height = 9
    layers: list[Spec] = []
    for side, drop, fill in (("OPENINGS", 7, LACKING), ("SEEKERS", 18, WHITE)):
        edge = LACKING if side == "OPENINGS" else LINE
        x = {"field": side, "type": "quantitative", "title": unit, "axis": axis, "scale": scale}
        shown = data.assign(shown=[show_number(words, value) for value in data[side]])
        bar = {"type": "bar", "color": fill, "stroke": edge, "height": height, "yOffset": drop}
        text = {"type": "text", "align": "left", "dx": 4, "dy": drop, "color": HISTORY, "fontSize": 10}
        layers += [
            make_layer(data, bar, x=x, y=sector_axis(data)),
            make_layer(shown, text, x=x, y=sector_axis(data), text={"field": "shown"}),
        ]
    entries = (
        ("\u25a0", LACKING, words.say("job openings")),
        ("\u25a1", LINE, words.say("job seekers")),
    )
    total = (ROW + 14) * len(data)
    layers += [*name_sectors(data), *draw_legend(entries, total + 44)]
    return finish_spec(layers, WIDTH, total, words.code)

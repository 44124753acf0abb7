"""Gaps in hindsight (T18): the range predicted at an earlier origin, and the gap that came."""

from __future__ import annotations

import re

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    BAR_DROP,
    HISTORY,
    LACKING,
    LINE,
    ROW,
    WIDTH,
    draw_legend,
    finish_spec,
    list_rows,
    make_layer,
    name_sectors,
    plain_axis,
    sector_axis,
    shorten_labels,
    show_number,
)
from lma.publish.charts.reading import (
    addresses_of,
    choose_sectors,
    pivot_values,
    read_table,
    say_left_out,
    source_line,
)
from lma.publish.grid import clean_text

COLUMNS = ("gap_pc_q10", "gap_pc_q50", "gap_pc_q90", "realised_gap_pc")
_ORIGIN = re.compile(r"(\d{4})_?(.+)")


def hindsight_charts(edition: Edition) -> list[Chart]:
    """One panel per origin of T18 that has both a prediction and what came."""
    words, data = language(edition.language), _read(edition)
    groups = data.groupby("origin", sort=True)
    return [_panel(edition, str(origin), group, words) for origin, group in groups]


def _read(edition: Edition) -> pd.DataFrame:
    """Rows of T18 by origin, named by activity alone as T3 or T18's own first origin names it."""
    cells = read_table(edition, "T18")
    wide = pivot_values(cells, COLUMNS).dropna()
    wide = wide[wide["row_id"].astype(str).str.fullmatch(_ORIGIN)]
    parts = wide["row_id"].astype(str).str.extract(_ORIGIN)
    codes = list(parts[1])
    names = dict(
        zip(
            edition.series["economic_activity"].astype(str).str.strip("_"),
            edition.series["label"],
            strict=True,
        )
    )
    labels = [clean_text(names.get(code, label)) for code, label in zip(codes, wide["label"], strict=True)]
    return wide.assign(origin=parts[0], economic_activity=codes, label=labels)


def _panel(edition: Edition, origin: str, group: pd.DataFrame, words: Language) -> Chart:
    data = group.assign(axis_label=shorten_labels(group))
    known = set(edition.cells["address"])
    drawn = choose_sectors(edition, data["economic_activity"])
    addresses = tuple(addresses_of("T18", row.row_id, COLUMNS, known) for row in list_rows(data))
    inside = [row for row in list_rows(data) if row.gap_pc_q10 <= row.realised_gap_pc <= row.gap_pc_q90]
    title = words.say("Gaps predicted from {origin}, and what came", origin=origin)
    return Chart(
        chart_id=f"chart-hindsight-{origin}",
        title=title,
        alt=words.say(
            "{title}, in per cent of employment. What came lies inside the 80 % range in {n} of {all} rows.",
            title=title,
            n=len(inside),
            all=len(data),
        ),
        spec=_draw(data[data["economic_activity"].isin(drawn)], words),
        header=(
            words.say("Sector"),
            words.say("80 % range from"),
            words.say("Predicted, median"),
            words.say("80 % range to"),
            words.say("What came"),
        ),
        rows=tuple(
            (row.label, *(show_number(words, getattr(row, name), 1) for name in COLUMNS))
            for row in list_rows(data)
        ),
        words=say_left_out(len(data), len(drawn), words),
        section="accuracy",
        source=source_line(edition, words, words.say("per cent of employment"), addresses),
        addresses=addresses,
        group="hindsight",
        group_title=words.say("Gaps in hindsight: what was predicted, and what came"),
        group_words=words.say(
            "Nobody observes a gap: what came is the same accounting with the employment and labour force that came "
            "(table T18)."
        ),
    )


def _draw(data: pd.DataFrame, words: Language) -> Spec:
    x = {
        "field": "gap_pc_q10",
        "type": "quantitative",
        "title": words.say("gap, per cent of employment"),
        "axis": plain_axis(),
    }
    rule = {"type": "rule", "strokeWidth": 5, "color": LINE, "opacity": 0.55, "yOffset": BAR_DROP}
    dot = {"type": "point", "filled": True, "size": 50, "color": LINE, "opacity": 1, "yOffset": BAR_DROP}
    came = {
        "type": "point", "filled": True, "size": 70, "shape": "diamond", "color": LACKING, "opacity": 1,
        "yOffset": BAR_DROP, "stroke": "#ffffff", "strokeWidth": 0.8,
    }  # fmt: skip
    zero = pd.DataFrame({"gap_pc_q10": [0]})
    y = sector_axis(data)
    layers = [
        make_layer(zero, {"type": "rule", "color": HISTORY}, x=x),
        make_layer(data, rule, x=x, x2={"field": "gap_pc_q90"}, y=y),
        make_layer(data, dot, x={"field": "gap_pc_q50", "type": "quantitative"}, y=y),
        make_layer(data, came, x={"field": "realised_gap_pc", "type": "quantitative"}, y=y),
        *name_sectors(data),
    ]
    height = ROW * len(data)
    entries = (
        ("\u25ac", LINE, words.say("80 % range predicted")),
        ("\u25cf", LINE, words.say("median predicted")),
        ("\u25c6", LACKING, words.say("what came")),
    )
    layers += draw_legend(entries, height + 44)
    return finish_spec(layers, WIDTH, height, words.code)

"""Scorecard of past forecasts (T12): dots by series and kind of evidence, and a line to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Spec
from lma.publish.charts.marks import (
    BAR_DROP,
    HISTORY,
    LINE_COLOURS,
    ROW,
    WIDTH,
    amount_axis,
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
from lma.publish.charts.reading import choose_sectors, join_sentences, say_left_out, source_line
from lma.publish.grid import clean_text

EVIDENCE = (("", "backtest"), ("HINDCAST_", "hindcasts"), ("PUBLISHED_", "published"))
"""Beginning of row ids of T12, and what the forecasts of these rows are."""
_FIRST = ("skill", "coverage_80")
_SHAPES = {
    "backtest": ("circle", "\u25cf"),
    "hindcasts": ("diamond", "\u25c6"),
    "published": ("square", "\u25a0"),
}


@dataclass(frozen=True)
class _Score:
    """One measure of T12: column, title, axis, where the line is, decimals, how to read it."""

    measure: str
    title: str
    axis: str
    line: int
    decimals: int
    words: str


def _scores_of(words: Language) -> tuple[_Score, ...]:
    coin = words.say("The line at 50 % is what a coin would do.")
    return (
        _Score(
            "skill", words.say("Skill of the forecasts"), words.say("1 - error over the naive model's error"), 0, 2,
            words.say("Right of the line the forecasts were better than no change, left of it worse."),
        ),
        _Score(
            "bias", words.say("Bias of the forecasts"), words.say("forecast less outcome, persons"), 0, 0,
            words.say("Right of the line the forecasts were too high, left of it too low."),
        ),
        _Score(
            "coverage_80", words.say("Outcomes inside the 80 % interval"), words.say("per cent of outcomes"), 80, 0,
            words.say("Left of the line, at 80 %, the intervals were too narrow."),
        ),
        _Score("sign_hit", words.say("Growth or decline said rightly"), words.say("per cent of forecasts"), 50, 0, coin),
        _Score(
            "rel_hit", words.say("Faster or slower than the average sector said rightly"),
            words.say("per cent of forecasts"), 50, 0, coin,
        ),
    )  # fmt: skip


def scorecard_charts(edition: Edition) -> list[Chart]:
    """Skill and coverage of T12, where it has figures: were the forecasts better than none, their ranges honest."""
    return _draw_scores(edition, "accuracy")


def further_score_charts(edition: Edition) -> list[Chart]:
    """Bias and direction of T12, where it has figures: for those who look closer."""
    return _draw_scores(edition, "further")


def _draw_scores(edition: Edition, section: str) -> list[Chart]:
    words = language(edition.language)
    wanted = [s for s in _scores_of(words) if (s.measure in _FIRST) == (section == "accuracy")]
    found = [(score, _read_scores(edition, score.measure)) for score in wanted]
    return [_score_chart(edition, data, score, section, words) for score, data in found if len(data)]


def evidence_words(words: Language) -> dict[str, str]:
    """Kinds of past forecasts."""
    return {
        "backtest": words.say("backtest"),
        "hindcasts": words.say("hindcasts"),
        "published": words.say("published forecasts"),
    }


def _score_chart(edition: Edition, data: pd.DataFrame, score: _Score, section: str, words: Language) -> Chart:
    kinds = evidence_words(words)
    rows = tuple(
        (row.label, kinds[row.evidence], show_number(words, row.value, score.decimals))
        for row in list_rows(data)
    )
    addresses = tuple((address,) for address in data["address"])
    counts = [
        words.say(
            "{above} of {all} ({evidence})",
            above=int((v > score.line).sum()),
            all=len(v),
            evidence=kinds[kind],
        )
        for _, kind in EVIDENCE
        if len(v := data.loc[data["evidence"] == kind, "value"])
    ]
    drawn = choose_sectors(edition, data["economic_activity"])
    left_out = say_left_out(data["economic_activity"].nunique(), len(drawn), words)
    return Chart(
        chart_id=f"chart-{score.measure.replace('_', '-')}",
        title=score.title,
        alt=words.say(
            "{title}, {axis}. Above {line}: {counts} series. The table below the chart has every figure.",
            title=score.title, axis=score.axis, line=score.line, counts=", ".join(counts),
        ),
        spec=_score_dots(data[data["economic_activity"].isin(drawn)], score, words),
        header=(words.say("Series"), words.say("Forecasts"), score.axis),
        rows=rows,
        words=join_sentences(words.say("Table T12, all years ahead together."), score.words, left_out),
        section=section,
        source=source_line(edition, words, score.axis, addresses),
        addresses=addresses,
    )  # fmt: skip


def _read_scores(edition: Edition, measure: str) -> pd.DataFrame:
    """One row per series of the charts and kind of forecast that T12 has this measure of, in the order of T12."""
    cells = edition.cells[(edition.cells["table_id"] == "T12") & (edition.cells["column_id"] == measure)]
    known = cells[cells["value"].notna()].set_index("row_id")
    codes = list(dict.fromkeys(edition.series["economic_activity"]))
    labels = dict(zip(edition.series["economic_activity"], edition.series["label"], strict=True))
    wanted = [(code, start, name) for code in codes for start, name in EVIDENCE]
    rows = [
        (
            code,
            clean_text(labels[code]),
            name,
            float(known.loc[row_id, "value"]),
            known.loc[row_id, "address"],
        )
        for code, start, name in wanted
        if (row_id := start + (code.strip("_") if start else code)) in known.index
    ]
    data = pd.DataFrame(rows, columns=["economic_activity", "label", "evidence", "value", "address"])
    one = data.drop_duplicates("economic_activity")
    names = dict(zip(one["economic_activity"], shorten_labels(one), strict=True))
    return data.assign(axis_label=data["economic_activity"].map(names))


def _score_dots(data: pd.DataFrame, score: _Score, words: Language) -> Spec:
    """Dots by series; the evidence is told by shape too, for those who do not see colours."""
    ends = [min(0.0, float(data["value"].min())), max(100.0, float(data["value"].max()))]
    scale = {"domain": ends} if score.line else {"zero": False, "padding": 8}
    ticks = plain_axis()
    title = score.axis
    if score.measure == "bias":
        ticks, title = amount_axis(words, data["value"], "PS", 5)
    x = {"field": "value", "type": "quantitative", "title": title, "axis": ticks, "scale": scale}
    drawn = [kind for _, kind in EVIDENCE if kind in set(data["evidence"])]
    layers = [make_layer(pd.DataFrame({"value": [score.line]}), {"type": "rule", "color": HISTORY}, x=x)]
    for number, kind in enumerate(drawn):
        mark = {
            "type": "point", "filled": True, "size": 55, "opacity": 1, "yOffset": BAR_DROP,
            "color": LINE_COLOURS[number], "shape": _SHAPES[kind][0],
        }  # fmt: skip
        layers.append(make_layer(data[data["evidence"] == kind], mark, x=x, y=sector_axis(data)))
    height = ROW * data["economic_activity"].nunique()
    kinds = evidence_words(words)
    entries = [(_SHAPES[kind][1], LINE_COLOURS[number], kinds[kind]) for number, kind in enumerate(drawn)]
    layers += [*name_sectors(data.drop_duplicates("economic_activity")), *draw_legend(entries, height + 44)]
    return finish_spec(layers, WIDTH, height, words.code)

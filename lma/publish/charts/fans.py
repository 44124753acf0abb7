"""Fan charts: history, forecast and its intervals, one small chart per activity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from lma.contracts import Edition
from lma.languages import Language, language
from lma.publish.charts.chart import Chart, Mark, Spec
from lma.publish.charts.marks import (
    BAND_50,
    BAND_80,
    BAND_95,
    HISTORY,
    LINE,
    QUIET,
    amount_axis,
    decimal_year,
    finish_spec,
    make_layer,
    show_number,
    years_axis,
)
from lma.publish.charts.reading import choose_sectors, join_sentences, say_left_out, source_line
from lma.publish.grid import clean_text, list_ids

MEASURES = ("observed", "mean", "q025", "q10", "q25", "q50", "q75", "q90", "q975")
_BANDS = (("q025", "q975", BAND_95), ("q10", "q90", BAND_80), ("q25", "q75", BAND_50))
_T5_PARTS = {"mean": "", "q50": "", "q10": "_lo80", "q90": "_hi80", "q025": "_lo95", "q975": "_hi95"}
_HEIGHT, _FAN_WIDTH = 150, 285


def fan_charts(edition: Edition) -> list[Chart]:
    """One chart per sector: history, forecast mean, bands of 50, 80 and 95 per cent, last observed period."""
    years = [decimal_year(period) for period in edition.series["time_period"]]
    drawn = choose_sectors(edition, edition.series["economic_activity"])
    chosen = edition.series[edition.series["economic_activity"].isin(drawn)]
    groups = chosen.groupby(["economic_activity", "label"], sort=False)
    left_out = say_left_out(
        edition.series["economic_activity"].nunique(), len(drawn), language(edition.language)
    )
    span = (min(years, default=0.0), max(years, default=0.0))
    known = set(edition.cells["address"])
    fans = [_fan_chart(edition, n, group, span, known) for n, (_, group) in enumerate(groups, start=1)]
    return [replace(fan, group_words=join_sentences(fan.group_words, left_out)) for fan in fans]


def measure_words(words: Language) -> dict[str, str]:
    """Headings of the figures behind a fan chart."""
    return {
        "observed": words.say("published"),
        "mean": words.say("forecast"),
        "q025": words.say("95 % from"),
        "q10": words.say("80 % from"),
        "q25": words.say("50 % from"),
        "q50": words.say("median"),
        "q75": words.say("50 % to"),
        "q90": words.say("80 % to"),
        "q975": words.say("95 % to"),
    }


def _fan_chart(
    edition: Edition, number: int, group: pd.DataFrame, span: tuple[float, float], known: set[str]
) -> Chart:
    words = language(edition.language)
    label = clean_text(group["label"].iloc[0]) or clean_text(group["economic_activity"].iloc[0])
    wide = _pivot_measures(group)
    observed, forecast = wide.dropna(subset=["observed"]), _forecast_with_anchor(wide)
    axis, unit = amount_axis(words, group["value"], "PS")
    y = {"type": "quantitative", "title": unit, "axis": axis, "scale": {"zero": False}}
    layers = [
        *(
            _band(forecast, low, high, colour, span, y)
            for low, high, colour in _BANDS
            if wide[low].notna().any()
        ),
        _line(forecast, "mean", LINE, [4, 2], span, y),
        _line(observed, "observed", HISTORY, [], span, y),
        *(_cut_off(observed.iloc[-1], span, words) if len(observed) else []),
    ]
    measures = [measure for measure in MEASURES if wide[measure].notna().any()]
    headings = measure_words(words)
    addresses = _addresses(group, wide, known)
    return Chart(
        chart_id=f"chart-fan-{number}",
        title=label,
        alt=_fan_words(label, wide, words),
        spec=finish_spec(layers, _FAN_WIDTH, _HEIGHT, words.code),
        header=(words.say("Period"), *(headings[measure] for measure in measures)),
        rows=tuple(
            (str(row["time_period"]), *(show_number(words, row[m]) for m in measures))
            for row in wide.to_dict("records")
        ),
        words=words.say("No forecast for this sector; table T5 says why.") if forecast.empty else "",
        section="projection",
        source=source_line(edition, words, words.say("persons"), addresses),
        addresses=addresses,
        legend=_legend(words, forecast),
        group="fans",
        group_title=words.say("Employment by sector: history and projection, persons"),
        group_words=words.say(
            "The history is what the publisher says; for many countries it is itself a modelled estimate, and its "
            "last years a projection: table T5 gives the basis. The vertical axis does not begin at zero, and "
            "differs between charts."
        ),
    )


def _legend(words: Language, forecast: pd.DataFrame) -> tuple[Mark, ...]:
    fifty = [Mark("area", BAND_50, words.say("50 % interval"))] if forecast["q25"].notna().any() else []
    return (
        Mark("line", HISTORY, words.say("history as published")),
        Mark("dashed", LINE, words.say("projection")),
        *fifty,
        Mark("area", BAND_80, words.say("80 % interval")),
        Mark("area", BAND_95, words.say("95 % interval")),
        Mark("dotted", QUIET, words.say("last published figure")),
    )


def _addresses(group: pd.DataFrame, wide: pd.DataFrame, known: set[str]) -> tuple[tuple[str, ...], ...]:
    """Observations of each period of the history, cells of T5 of each period of the projection."""
    code = str(group["economic_activity"].iloc[0])
    inputs: dict[str, list[str]] = {}
    if "inputs" in group:
        observed = group[group["measure"] == "observed"]
        inputs = {
            str(p): list_ids(ids) for p, ids in zip(observed["time_period"], observed["inputs"], strict=True)
        }
    parts = dict.fromkeys(_T5_PARTS.values())
    return tuple(
        (*inputs.get(period, ()), *(a for part in parts if (a := f"T5.{code}.{period}{part}") in known))
        for period in map(str, wide["time_period"])
    )


def _band(data: pd.DataFrame, low: str, high: str, colour: str, span: tuple[float, float], y: Spec) -> Spec:
    """A band with its edges drawn: its fill alone has too little contrast with the page."""
    drawn = data.dropna(subset=[low, high])
    mark = {"type": "area", "color": colour, "stroke": LINE, "strokeWidth": 0.6}
    return make_layer(drawn, mark, x=years_axis("year", span), y={"field": low, **y}, y2={"field": high})


def _line(
    data: pd.DataFrame, measure: str, colour: str, dash: list[int], span: tuple[float, float], y: Spec
) -> Spec:
    mark = {"type": "line", "color": colour, "strokeWidth": 1.8, "strokeDash": dash}
    return make_layer(
        data.dropna(subset=[measure]), mark, x=years_axis("year", span), y={"field": measure, **y}
    )


def _cut_off(last: pd.Series[Any], span: tuple[float, float], words: Language) -> list[Spec]:
    """Dotted line at the last observation, with its period."""
    said = words.say("last figure {period}", period=str(last["time_period"]))
    data = pd.DataFrame({"year": [last["year"]], "words": [said]})
    text = {"type": "text", "align": "right", "dx": -4, "baseline": "top", "color": QUIET}
    place = {"y": {"value": 2}, "text": {"field": "words"}}
    rule = {"type": "rule", "color": QUIET, "strokeDash": [2, 2]}
    return [
        make_layer(data, rule, x=years_axis("year", span)),
        make_layer(data, text, x=years_axis("year", span), **place),
    ]


def _pivot_measures(group: pd.DataFrame) -> pd.DataFrame:
    """One row per period in time order, one column per measure, and the decimal year."""
    wide = group.pivot_table(index="time_period", columns="measure", values="value", aggfunc="first")
    wide = wide.reindex(columns=list(MEASURES)).astype(float).reset_index()
    dated = wide.assign(year=[decimal_year(period) for period in wide["time_period"]])
    return pd.DataFrame(dated.sort_values("year"))


def _forecast_with_anchor(wide: pd.DataFrame) -> pd.DataFrame:
    """Forecast periods, begun by the last observation, so that the fan opens from the line."""
    forecast = wide[wide["mean"].notna() | wide["q50"].notna()]
    forecast = forecast.assign(mean=forecast["mean"].fillna(forecast["q50"]))
    observed = wide.dropna(subset=["observed"])
    if forecast.empty or observed.empty:
        return forecast
    last = observed.iloc[[-1]]
    drawn = [q for q in MEASURES if q == "mean" or (q.startswith("q") and forecast[q].notna().any())]
    anchor = last.assign(**{name: last["observed"] for name in drawn})
    ahead = forecast[forecast["year"] > float(last["year"].iloc[0])]
    return pd.DataFrame(pd.concat([anchor, ahead], ignore_index=True))


def _fan_words(label: str, wide: pd.DataFrame, words: Language) -> str:
    observed, forecast = wide.dropna(subset=["observed"]), wide.dropna(subset=["mean"])
    parts = [words.say("Employment, {activity}.", activity=label)]
    if len(observed):
        first, last = observed.iloc[0], observed.iloc[-1]
        parts.append(
            words.say(
                "Published: {first} in {start}, {last} in {end}.",
                first=show_number(words, first["observed"]),
                start=str(first["time_period"]),
                last=show_number(words, last["observed"]),
                end=str(last["time_period"]),
            )
        )
    return " ".join([*parts, _forecast_words(forecast, words)])


def _forecast_words(forecast: pd.DataFrame, words: Language) -> str:
    if forecast.empty:
        return words.say("No forecast.")
    end = forecast.iloc[-1]
    given = {"mean": show_number(words, end["mean"]), "period": str(end["time_period"])}
    if pd.isna(end["q10"]) or pd.isna(end["q90"]):
        return words.say("Forecast {mean} in {period}.", **given)
    low, high = show_number(words, end["q10"]), show_number(words, end["q90"])
    return words.say(
        "Forecast {mean} in {period}, 80 % interval {low} to {high}.", low=low, high=high, **given
    )

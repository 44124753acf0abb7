"""scenarios_<ISO3>.html: scenarios beside the baseline on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from lma.contracts import Scenario, ScenarioResults
from lma.languages import ENGLISH, language
from lma.publish.layout import format_number
from lma.publish.markup import (
    Html,
    boxed_list,
    bullet_list,
    compose_page,
    element,
    escape_text,
    join,
    list_links,
    plain_table,
    section,
)
from lma.publish.page_figures import show_chart
from lma.publish.scenario_charts import (
    COUNTRY,
    difference_chart,
    name_scenario,
    overview_chart,
    path_chart,
    sector_chart,
    select_gaps,
    show_range,
)

LIMITS = (
    "A scenario is an answer to a question, not a forecast: nobody says that it will come true.",
    "One thing is changed and everything else stays: prices, spending and trade do not answer.",
    "Elasticities come from other countries and other times; their range is part of the range shown.",
    "The median of a difference is not the difference of two medians.",
    "A smaller gap is not a better one by itself: a slump lowers it too.",
)
UNITS = {
    "demand_growth_points": "percentage points a year on employment growth",
    "wage_growth_points": "percentage points a year on real wages",
    "automation_pc": "per cent of tasks automated by the last year",
    "participation_points": "percentage points on the participation of women by the last year",
    "retirement_age_years": "years on the retirement age by the last year",
    "recruitment_stop": "no more recruitment abroad",
    "recruitment_quota": "persons recruited abroad a year",
    "foreign_ceiling": "highest foreign share of workers",
    "return_persons": "nationals who come back over all years",
    "return_pc": "per cent of the migrants abroad who come back over all years",
}


def render_scenarios(results: ScenarioResults) -> str:
    """The whole page as text; the same results give the same bytes."""
    title = f"What if: {results.label}, {results.years[0]} to {results.years[-1]}"
    answered = results.answered()
    parts = [
        section("overview", "At a glance", *_overview(results)),
        boxed_list("limits", "What this cannot tell you", LIMITS),
        *(_scenario_section(results, scenario) for scenario in answered),
        _not_answered(results),
        section("elasticities", "How strongly people and employers answer", _elasticities(results)),
    ]
    content = join(
        element(
            "header",
            element("a", Html("Skip to the content"), class_="skip", href="#main"),
            element("h1", escape_text(title)),
            element("p", escape_text(_about(results)), class_="quiet"),
            element("nav", _links(results, answered), aria_label="Contents"),
        ),
        element("main", join(*parts), id="main"),
        element(
            "footer",
            element("p", escape_text(f"{title}. The same figures are in the table beside this page.")),
        ),
    )
    return compose_page(title, content)


def _about(results: ScenarioResults) -> str:
    return (
        f"Gap: job openings less job seekers, persons, {results.span}; above zero workers are lacking. "
        f"{results.n_draws:,} draws, the same random numbers in the baseline and in every scenario."
        + (f" Forecasts start from figures up to {results.known_until}." if results.known_until else "")
    )


def _links(results: ScenarioResults, answered: Iterable[Scenario]) -> Html:
    targets = [("overview", "At a glance"), *((s.name, name_scenario(s.name)) for s in answered)]
    targets += [("not-answered", "Not answered")] if results.obstacles else []
    targets += [("elasticities", "Elasticities")]
    return list_links(targets)


def _overview(results: ScenarioResults) -> list[Html]:
    rows = [("Baseline", _country(results, "baseline", "value"), None)]
    for scenario in results.answered():
        found = (_country(results, scenario.name, figure) for figure in ("value", "difference"))
        rows.append((f"{name_scenario(scenario.name)}: {scenario.description}", *found))
    shown = [
        tuple(map(escape_text, (words, show_range(own), _difference(other), _probability(own))))
        for words, own, other in rows
        if own is not None
    ]
    header = (
        "Scenario",
        "Gap, median (q10 to q90)",
        "Difference, median (q10 to q90)",
        "Shortage in % of draws",
    )
    table = plain_table(f"{results.label}: gap of the country, {results.span}, persons", header, shown)
    chart = overview_chart(results)
    return [_beside([_drawn(chart)] if chart else [], table)]


def _beside(drawn: Iterable[Html], *tables: Html) -> Html:
    """Charts and their tables: beside each other where the screen is wide enough, else one under the other."""
    charts = element("div", *drawn, class_="charts")
    return element("div", charts, element("div", *tables), class_="beside")


def _difference(row: Any) -> str:
    return "" if row is None else show_range(row)


def _country(results: ScenarioResults, name: str, figure: str) -> Any:
    """Row of the country, as a record; None without it."""
    rows = select_gaps(results, name, figure)
    return next(iter(rows[rows["economic_activity"] == COUNTRY].itertuples()), None)


def _probability(row: Any) -> str:
    return "" if pd.isna(row.share_above_zero) else format_number(100 * row.share_above_zero, 0)


def _drawn(chart: Any) -> Html:
    return show_chart(chart, language(ENGLISH))


def _scenario_section(results: ScenarioResults, scenario: Scenario) -> Html:
    charts = (maker(results, scenario) for maker in (difference_chart, sector_chart, path_chart))
    drawn = [_drawn(chart) for chart in charts if chart is not None]
    return section(
        scenario.name,
        name_scenario(scenario.name),
        element("p", escape_text(scenario.description)),
        bullet_list(map(escape_text, _facts(results, scenario))),
        _beside(drawn, _sector_table(results, scenario), _measure_table(results, scenario)),
    )


def _facts(results: ScenarioResults, scenario: Scenario) -> list[str]:
    """What is changed, on which assumption, from where, and what the data could not answer."""
    changed = [f"Changed: {describe_change(key, value, results)}." for key, value in scenario.changes.items()]
    lacking = results.obstacles.get(scenario.name, {})
    counts = dict.fromkeys(results.counts[key] for key in scenario.changes if key in results.counts)
    words = [("Assumption", scenario.assumption), ("Reference", scenario.reference)]
    return [
        *changed,
        *(f"Counted today: {count}." for count in counts),
        *(f"Not answered, {UNITS[key]}: {reason}." for key, reason in lacking.items()),
        *(f"{name}: {text}" for name, text in words if text),
    ]


def describe_change(key: str, value: Any, results: ScenarioResults) -> str:
    """One key of a scenario in words."""
    if isinstance(value, dict):
        parts = (f"{_place(code, results)} {number:g}" for code, number in value.items())
        return f"{UNITS[key]}: {', '.join(parts)}"
    if isinstance(value, list):
        return f"{UNITS[key]}: {', '.join(_place(code, results) for code in value)}"
    return f"{UNITS[key]}: {value:g}" if abs(value) < 10_000 else f"{UNITS[key]}: {value:,.0f}"


def _place(code: str, results: ScenarioResults) -> str:
    return "every sector" if code == COUNTRY else results.labels.get(code, code)


def _sector_table(results: ScenarioResults, scenario: Scenario) -> Html:
    before, after, change = (
        select_gaps(results, name, figure)
        for name, figure in (("baseline", "value"), (scenario.name, "value"), (scenario.name, "difference"))
    )
    rows = [
        tuple(
            map(
                escape_text,
                (
                    old.label,
                    show_range(old),
                    show_range(new),
                    show_range(step),
                    _probability(old),
                    _probability(new),
                ),
            )
        )
        for old, new, step in zip(before.itertuples(), after.itertuples(), change.itertuples(), strict=True)
    ]
    ranges = (
        "Baseline, median (q10 to q90)",
        "Scenario, median (q10 to q90)",
        "Difference, median (q10 to q90)",
    )
    header = ("Sector", *ranges, "Shortage in % of draws, baseline", "scenario")
    return plain_table(
        f"{name_scenario(scenario.name)}: gap by sector, {results.span}, persons", header, rows
    )


def _measure_table(results: ScenarioResults, scenario: Scenario) -> Html:
    """Parts of the gap of the country that the scenario moves."""
    f = results.figures
    here = f[(f["economic_activity"] == COUNTRY) & (f["time_period"] == results.span) & f["q50"].notna()]
    own = here[here["scenario"] == scenario.name]
    moved = own[(own["figure"] == "difference") & ((own["q10"] != 0) | (own["q90"] != 0))]
    moved = moved[moved["measure"] != "GAP_PC"]
    columns = [
        rows[rows["figure"] == "value"].set_index("measure")
        for rows in (here[here["scenario"] == "baseline"], own)
    ]
    rows = [
        tuple(
            map(
                escape_text,
                (
                    results.labels.get(str(step.measure), str(step.measure)),
                    *(_at(part, step.measure) for part in columns),
                    show_range(step),
                ),
            )
        )
        for step in moved.itertuples()
    ]
    header = (
        "Part",
        "Baseline, median (q10 to q90)",
        "Scenario, median (q10 to q90)",
        "Difference, median (q10 to q90)",
    )
    return plain_table(
        f"{name_scenario(scenario.name)}: parts of the gap that move, {results.span}, persons", header, rows
    )


def _at(part: pd.DataFrame, measure: Any) -> str:
    return show_range(part.loc[measure]) if measure in part.index else "none"


def _not_answered(results: ScenarioResults) -> Html:
    if not results.obstacles:
        return Html("")
    rows = [
        tuple(map(escape_text, (name_scenario(scenario.name), UNITS[key], reason)))
        for scenario in results.scenarios
        for key, reason in results.obstacles.get(scenario.name, {}).items()
    ]
    caption = f"What the data of {results.label} cannot answer"
    return section("not-answered", "Not answered", plain_table(caption, ("Scenario", "Asked", "Why"), rows))


def _elasticities(results: ScenarioResults) -> Html:
    rules = results.elasticities
    rows = [
        tuple(map(escape_text, (name, format(one.value, "g"), one.unit, one.description, one.reference)))
        for name, one in rules.thresholds.items()
    ]
    about = element("p", escape_text(rules.reference), class_="quiet")
    return join(about, plain_table("Elasticities", ("Name", "Value", "Unit", "Meaning", "Reference"), rows))

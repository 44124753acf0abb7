"""What if: scenarios beside the baseline, printed, and as a table and a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console

from flows.evaluate import print_frame
from flows.request import RunRequest, Step, call_directly
from lma import contracts, user_tables
from lma import warehouse as warehouses
from lma.contracts import Country, Scenario, ScenarioResults
from lma.errors import DefinitionError, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from lma.balance.gap import Simulation

SAID_OF_TABLE = (
    "Gap {span}: job openings less job seekers, persons; above zero workers are lacking. Medians of the draws, "
    "which do not add up; q10 and q90: 80 % range of the difference, draw by draw."
)


def print_scenarios(
    request: RunRequest,
    names: Sequence[str],
    folder: Path | None,
    console: Console,
    step: Step[..., Any] = call_directly,
) -> None:
    """Answer scenarios (ready names or files) for one country; with a folder, write its table and its page."""
    asked = read_asked(names)
    try:
        results = step(answer_scenarios)(request, request.countries()[0], asked)
    except DefinitionError as error:
        files = [name for name in names if name not in contracts.scenarios()]
        raise DefinitionError(f"{', '.join(files)}: {error}" if files else str(error)) from error
    for scenario in asked:
        _print_answer(results, scenario, console)
    if folder is not None:
        for path in step(write_results)(results, folder):
            console.print(f"written to {path}", markup=False)


def list_scenarios(console: Console) -> None:
    """The ready scenarios, and where they are."""
    ready = contracts.scenarios()
    rows = [(name, one.description, _say_changes(one)) for name, one in ready.items()]
    print_frame(pd.DataFrame(rows, columns=["scenario", "question", "changes"]), console)
    console.print(
        f"{len(ready)} ready scenarios in {contracts.scenarios_dir()}: copy one and change its figures for your own.",
        markup=False,
    )


def _say_changes(scenario: Scenario) -> str:
    return "; ".join(f"{key} {_say(value)}" for key, value in scenario.changes.items())


def _say(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{code} {number:g}" for code, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value:g}"


def read_asked(names: Sequence[str]) -> list[Scenario]:
    """The scenarios asked for; ``UsageError`` where two bear one name."""
    asked = [contracts.scenario(name) for name in dict.fromkeys(names)]
    known = [scenario.name for scenario in asked]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise UsageError(
            f"two of the scenarios asked for are called {', '.join(twice)}: change the name of one."
        )
    return asked


def answer_scenarios(request: RunRequest, country: Country, asked: Sequence[Scenario]) -> ScenarioResults:
    """Baseline and scenarios from what the warehouse holds; ``InputError`` where no scenario can be answered."""
    from lma.balance.comparison import compare_scenarios
    from lma.balance.scenarios import BASELINE

    simulate, abroad, known_until = _read_country(request, country)
    baseline = simulate(BASELINE)
    settled = {scenario.name: _settle(scenario, baseline, abroad) for scenario in asked}
    obstacles = {name: found for name, (_, found) in settled.items() if found}
    possible = [scenario for scenario, _ in settled.values() if scenario.changes]
    if not possible:
        reasons = [f"{name}, {key}: {why}" for name, found in obstacles.items() for key, why in found.items()]
        raise InputError(f"the data of {country.label} cannot answer: {'; '.join(reasons)}.")
    figures = compare_scenarios(baseline, [simulate(scenario) for scenario in possible])
    n_draws = len(baseline.base)
    return ScenarioResults(
        country.ref_area,
        country.label,
        baseline.years,
        n_draws,
        tuple(asked),
        figures,
        obstacles,
        _read_labels(),
        contracts.rule_set("scenarios"),
        known_until,
        _say_counts(baseline, abroad),
    )


def _say_counts(baseline: Simulation, abroad: float | None) -> dict[str, str]:
    """Key of a scenario -> the counts it starts from, in words."""
    from lma.balance.scenarios import BY_FOREIGN_WORKERS

    counts = dict.fromkeys(BY_FOREIGN_WORKERS, baseline.recruitment.words_of())
    counts["return_pc"] = "" if abroad is None else f"{abroad:,.0f} migrants of this origin abroad"
    return {key: words for key, words in counts.items() if words}


def _read_country(
    request: RunRequest, country: Country
) -> tuple[Callable[[Scenario], Simulation], float | None, str]:
    """How to simulate one scenario of the country, its migrants abroad, and the period forecasts start from."""
    from flows.assess import read_around, read_balance_inputs
    from lma.balance import simulate_balance
    from lma.balance.scenarios import measure_abroad

    code, rules = country.ref_area, contracts.rule_set("balance")
    with warehouses.open_for_reading(request.warehouse) as warehouse:
        own, forecasts, years = read_balance_inputs(warehouse, country)
        around = read_around(warehouse, code)

    def simulate(scenario: Scenario) -> Simulation:
        return simulate_balance(
            own, forecasts, rules, country, years[0], years[-1], request.seed, scenario=scenario
        )

    abroad = measure_abroad(around, code, int(request.edition[:4]))
    return simulate, abroad, str(forecasts["origin_date"].max())


def _settle(
    scenario: Scenario, baseline: Simulation, abroad: float | None
) -> tuple[Scenario, dict[str, str]]:
    """The part of a scenario that the data can answer, and why not the rest."""
    from lma.balance.scenarios import Ground, check_activities, find_obstacles, keep_answerable

    recruitment, sectors = baseline.recruitment, baseline.demand.activities
    counted = {one.activity: one.sector for one in recruitment.counted}
    ground = Ground(sectors, counted, recruitment.reasons, abroad)
    answerable = keep_answerable(scenario, ground)
    check_activities(answerable, sectors, [*counted, *recruitment.reasons])
    return answerable, find_obstacles(scenario, ground)


def _read_labels() -> dict[str, str]:
    activities, measures = contracts.codelist("economic_activities"), contracts.codelist("balance_measures")
    codes = [*activities["code"], *measures["measure"]]
    return dict(zip(codes, [*activities["label_en"], *measures["label_en"]], strict=True))


def _print_answer(results: ScenarioResults, scenario: Scenario, console: Console) -> None:
    console.print(f"{results.label}, {scenario.name}: {scenario.description}", markup=False)
    for key, reason in results.obstacles.get(scenario.name, {}).items():
        console.print(f"not answered, {key}: {reason}", markup=False)
    if scenario not in results.answered():
        return
    table = tabulate_gaps(results, scenario)
    print_frame(table.drop(columns="reason"), console, dict.fromkeys(table.columns[2:], ",.0f"))
    console.print(SAID_OF_TABLE.format(span=results.span), markup=False)
    for reason in table["reason"].dropna().unique():
        console.print(f"no figure: {reason}", markup=False)


def tabulate_gaps(results: ScenarioResults, scenario: Scenario) -> pd.DataFrame:
    """Gap over all years by activity: medians of both, and the range of the difference, persons."""
    f = results.figures
    gaps = f[(f["measure"] == "GAP") & (f["time_period"] == results.span)].set_index("economic_activity")
    before = gaps[gaps["scenario"] == "baseline"]
    own = gaps[gaps["scenario"] == scenario.name]
    change = own[own["figure"] == "difference"]
    columns = {
        "label": [results.labels.get(str(code), str(code)) for code in before.index],
        "baseline": before["q50"],
        scenario.name: own.loc[own["figure"] == "value", "q50"],
        "difference": change["q50"],
        "q10": change["q10"],
        "q90": change["q90"],
        "reason": change["reason"],
    }
    return pd.DataFrame(columns).reset_index()


def write_results(results: ScenarioResults, folder: Path) -> list[Path]:
    """Write scenarios_<ISO3>.csv and .html into the folder; their paths."""
    from lma.publish.scenario_page import render_scenarios

    table, page = (folder / f"scenarios_{results.ref_area}.{ending}" for ending in ("csv", "html"))
    figures = results.figures
    labels = [results.labels.get(code, code) for code in figures["economic_activity"]]
    user_tables.write_table(figures.assign(label=labels), table)
    try:
        page.write_text(render_scenarios(results), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{page} cannot be written ({error.strerror}): choose another folder.") from error
    return [table, page]

"""One country's assessment: all tables, the series of its charts, and the notes its cells refer to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pandas as pd

from lma.assessment.accuracy import ACCURACY_SPEC, accuracy_table
from lma.assessment.cells import Lineage
from lma.assessment.changelog import CHANGE_SPEC, Comparison, change_table
from lma.assessment.charted import list_charted
from lma.assessment.corridors import corridor_spec, corridor_table
from lma.assessment.development import (
    DEVELOPMENT_NOTES,
    DEVELOPMENT_SPEC,
    VINTAGE_COLUMNS,
    development_table,
)
from lma.assessment.findings import FINDING_SPEC, collect_findings, finding_table, mark_suspected
from lma.assessment.headline import HEADLINE_SPEC, headline_sentences, headline_table
from lma.assessment.hindsight import HINDSIGHT_SPEC, hindsight_table
from lma.assessment.migration import (
    DECISION_SPEC,
    DEPENDENCY_SPEC,
    decision_table,
    dependency_table,
)
from lma.assessment.options import OPTION_NOTES, OPTION_SPEC, option_table
from lma.assessment.profile import PROFILE_SPEC, country_profile, sector_profile, sector_spec
from lma.assessment.projections import (
    chart_series,
    projection_spec,
    projection_table,
)
from lma.assessment.quality import QUALITY_SPEC, quality_table
from lma.assessment.selection import select
from lma.assessment.sensitivity import SENSITIVITY_SPEC, sensitivity_table
from lma.assessment.shortage import (
    INDICATOR_SPEC,
    balance_spec,
    balance_table,
    indicator_table,
    shortage_spec,
    shortage_table,
)
from lma.assessment.statement import STATEMENT_SPEC, statement_table
from lma.coherence import CONFLICT_COLUMNS
from lma.contracts import Country, Sentence, TableSpec, table_contract
from lma.levels import find_levels, find_main_level
from lma.migration.development import Evidence

NOTES = {
    "N_LEVEL": "The finest level of detail for which the sources have every activity. Levels are never mixed within a block of rows.",
    "N_MODELLED": "ILO modelled estimate, not a figure the country reported: it must not be used to rank countries.",
    "N_REPORTED": "Reported by the country to the ILO.",
    "N_BREAK": "Break in series: figures before and after it are not comparable; no growth is taken across it.",
    "N_SUSPECTED": "A level shift or shock that nobody declares is suspected in the series (T15): growth across it may be one of the survey.",
    "N_PROJECTION": "A projection shows what happens if past patterns continue; it is not a forecast of policy.",
    "N_RECONCILED": "Sectors are adjusted so that they sum to the total, those of the naive model too: its figures may differ from the latest ones.",
    "N_BACKTEST": "Each candidate was fitted on the figures up to an origin (a year) only, then compared with the one to five years that followed. "
    "Outcomes inside an interval are counted at the last ten origins of the panel.",
    "N_CANDIDATES": "engine is the combination of pooled and relative (regressions over the series of all countries) and smoothing "
    "(averaged exponential smoothing). theta, drift, damped, auto_ets, dot and median4 (the median of the last four) are the usual models of "
    "one series. Ratios rest on the years in which a candidate was asked, the last ten for some (see the step of each): compare each with "
    "naive, not with each other. In hindcasts, in brackets: the number of series and origins that a model was champion of.",
    "N_CHAMPION": "The champion is the engine unless it erred over 1.3 times as much as the naive model at 8 or more origins of the series. "
    "So a champion may have lost to naive by less, or on fewer origins: a ratio above 1 says so.",
    "N_SCORES": "Skill: 1 is perfect, 0 no better than no change, below 0 worse. Bias above 0: forecasts were too high. Growth or decline, "
    "faster or slower: a coin would be right in 50 %. Intervals should hold 80 and 95 % of outcomes. Dissimilarity: the part of all jobs "
    "that the forecast shares would put in another sector; lower is better, beside it that of unchanged shares.",
    "N_VINTAGE": "Past forecasts are judged by growth since the origin within one vintage of the outcome: revised levels are told apart.",
    "N_EOE": "Export oriented enterprises, counts of the quarterly bulletin. The share is foreign over all workers of the same quarter.",
    "N_STOCK": "Migrant stock by country of birth or citizenship as the United Nations compile it; residents of all ages, not workers.",
    "N_CEILING": "The ceiling is a configured policy choice, not a rule of law; change it in the country's file.",
    "N_CLAIM": "A share that others quote, set beside the count to check it: no figure of the source named.",
    "N_OLD": "Out of date: older than the years that the decision rule accepts (max_age in the rules).",
    "N_SURVEY_AGES": "Reported figures keep the age limits of the country's survey (T11), modelled ones cover 15 and over: do not compare them.",
    "N_HINDSIGHT": "Nobody observes a gap. The realised gap is the same accounting with the employment and the labour force that came; the "
    "naive one leaves employment as it was. All three share the rules on replacement and on the unemployed. Unemployment is the judge "
    "outside the accounting.",
    "N_GAP": "Openings minus seekers; positive means workers are lacking. Joint simulation with a fixed seed.",
    "N_REPLACEMENT": "Replacement demand is systematically overestimated in past evaluations: it is shown raw and shrunk. What is shrunk away "
    "is taken off the seekers as well (exits that vacate no post), so that the labour force ends at its trend.",
    "N_SEEKERS": "Entrants and unemployed are spread over activities by stated shares, because no transitions are published.",
    "N_RATING": "Rule sets named '-style' follow a published idea with details of our own; N means not assessable.",
    "N_VOTE": "Each rule set on the present has a vote, N has none, and the middle vote counts, the milder of two. Rule sets on the years "
    "ahead have no vote: the gap ahead is combined with the vote by the matrix of COPS, so it is counted once.",
    "N_CONFIDENCE": "How many of five tests hold: two or more rule sets rate the present; two thirds of them agree; the gap ahead is clear "
    "(probability of a shortage 70 % and over, or 30 % and under); present and ahead point the same way; the present rests on reported "
    "figures. A: all, B: three or four, C: one or two, D: none.",
    "N_RELATIVE": "Points by quartile or average compare activities with each other: the most pressed are found even where nobody lacks workers.",
    "N_SENSITIVITY": "A rating that one variant turns is near a threshold: read it together with the rating it turns to.",
    "N_NO_MIGRATION": "No migration variable enters a score; it stands beside it.",
    "N_DECISION": "Each test shows the value used. A test without data is not assessed, never passed.",
    **OPTION_NOTES,
    **DEVELOPMENT_NOTES,
}
LIMITS = (
    "Which occupations are short: the loaded sources have no occupation figures for this country.",
    "How many vacancies are open, unless table T6 shows them: few countries publish vacancies by economic activity.",
    "What a change of policy would do: the projection continues past patterns; the scenarios beside this assessment ask what if.",
    "Whether a person should be admitted: the result is a recommendation with reasons, not an admission decision.",
)


NOTHING_TO_COMPARE = Comparison()


@dataclass(frozen=True)
class Marts:
    """The frames one country is assessed from; columns are those of the table contracts."""

    observations: pd.DataFrame
    indicators: pd.DataFrame
    forecasts: pd.DataFrame
    forecast_scores: pd.DataFrame
    balances: pd.DataFrame
    shortages: pd.DataFrame
    decisions: pd.DataFrame
    corridors: pd.DataFrame
    snapshots: pd.DataFrame
    conflicts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CONFLICT_COLUMNS)))
    revisions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=table_contract("marts.revisions").column_names)
    )
    past_forecast_scores: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            columns=table_contract("marts.past_forecast_scores").column_names
        )
    )
    vintages: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=VINTAGE_COLUMNS))

    past_balances: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=table_contract("marts.past_balances").column_names)
    )

    def lineage(self) -> Lineage:
        """Every id of these frames with what it came from."""
        keys = {
            "indicators": "indicator_id", "forecasts": "forecast_id", "forecast_scores": "score_id", "balances": "balance_id",
            "shortages": "shortage_id", "decisions": "decision_id", "corridors": "corridor_id", "revisions": "revision_id",
            "past_forecast_scores": "past_score_id", "past_balances": "past_balance_id",
        }  # fmt: skip
        frames = [(getattr(self, name), id_column) for name, id_column in keys.items()]
        inputs = {
            node: ids
            for frame, id_column in frames
            for node, ids in zip(frame[id_column], frame["inputs"], strict=True)
        }
        named = [
            row
            for facts in (self.observations, self.vintages)
            for row in facts[["observation_id", "source_id", "as_of"]].itertuples(index=False, name=None)
        ]
        leaves = self._list_compared() | {node: (source_id, as_of) for node, source_id, as_of in named}
        return Lineage(leaves, inputs)

    def evidence(self) -> Evidence:
        """What the table on migration and development is made from."""
        names = ("observations", "vintages", "balances", "shortages", "decisions", "corridors")
        return Evidence(**{name: getattr(self, name) for name in names})

    def _list_compared(self) -> dict[str, tuple[str, dt.date]]:
        """Figures that only the conflicts and revisions name: not preferred, or of an earlier vintage."""
        other = self.conflicts[["other_observation_id", "other_source_id", "other_as_of"]]
        first = self.conflicts[["observation_id", "source_id", "as_of"]]
        pairs = [row for frame in (first, other) for row in frame.itertuples(index=False, name=None)]
        rows = self.revisions[["inputs", "source_id", "as_of", "previous_as_of"]].itertuples(
            index=False, name=None
        )
        pairs += [pair for ids, s, *days in rows for pair in zip(ids, (s, s), days, strict=True)]
        return {node: (source_id, as_of) for node, source_id, as_of in pairs}


@dataclass(frozen=True)
class Assessment:
    """What the publish room shows of one country."""

    tables: tuple[TableSpec, ...]
    cells: pd.DataFrame
    series: pd.DataFrame
    notes: dict[str, str]
    limits: tuple[str, ...]
    conflicts: pd.DataFrame
    charted: pd.DataFrame = field(default_factory=pd.DataFrame)
    sentences: dict[str, Sentence] = field(default_factory=dict)


def assess(
    country: Country, edition: str, marts: Marts, compared: Comparison = NOTHING_TO_COMPARE
) -> Assessment:
    """All tables of one country. ``edition``: YYYY-MM, from which ages of data are counted; ``compared``: for T13."""
    lineage = marts.lineage()
    years, span = (
        forecast_years(country.ref_area, marts.forecasts, int(edition[:4]) + 1),
        gap_span(country.ref_area, marts.balances),
    )
    code, derived = country.ref_area, marts.indicators
    observed = select(marts.observations, ref_area=code)
    level = find_main_level(observed, code)
    findings = collect_findings(observed, marts.conflicts, marts.revisions)
    sectors = sector_profile(code, observed, derived, lineage)
    shown = {node for ids in sectors["inputs"] for node in ids}
    growth = derived[derived["indicator_id"].isin(shown)]
    parts = [
        (PROFILE_SPEC, country_profile(code, edition, observed, derived, lineage)),
        (sector_spec(find_levels(observed, code)), sectors),
        (shortage_spec(level), shortage_table(code, marts.shortages, marts.balances, span, level, lineage)),
        (INDICATOR_SPEC, indicator_table(code, marts.shortages, level, lineage)),
        (
            projection_spec(years[0], years[-1]),
            projection_table(code, years, observed, marts.forecasts, marts.forecast_scores, lineage),
        ),
        (balance_spec(code, marts.balances, span), balance_table(code, marts.balances, span, level, lineage)),
        (DEPENDENCY_SPEC, dependency_table(country, observed, derived, lineage)),
        (corridor_spec(country), corridor_table(country, marts.corridors, marts.observations, lineage)),
        (OPTION_SPEC, option_table(code, marts.decisions, lineage)),
        (DECISION_SPEC, decision_table(code, marts.decisions, lineage)),
        (DEVELOPMENT_SPEC, development_table(country, edition, marts.evidence(), lineage)),
        (
            QUALITY_SPEC,
            quality_table(country, edition, observed, derived, marts.snapshots, lineage, findings),
        ),
        (
            ACCURACY_SPEC,
            accuracy_table(code, observed, marts.forecast_scores, marts.past_forecast_scores, lineage),
        ),
        (HINDSIGHT_SPEC, hindsight_table(code, marts.past_balances, lineage)),
        (
            SENSITIVITY_SPEC,
            sensitivity_table(code, marts.shortages, marts.balances, level, lineage),
        ),
        (FINDING_SPEC, finding_table(code, findings, lineage, growth)),
    ]
    laid_out = pd.concat([cells for _, cells in parts if len(cells)], ignore_index=True)
    body = mark_suspected(laid_out, findings, derived, lineage)
    cells = add_words(country, body, compared, lineage)
    *main, detail = (spec for spec, _ in parts)
    specs = (HEADLINE_SPEC, *main, CHANGE_SPEC, STATEMENT_SPEC, detail)
    return Assessment(
        specs,
        cells,
        chart_series(code, observed, marts.forecasts),
        used_notes(cells, specs),
        LIMITS,
        marts.conflicts,
        list_charted(code, edition, years[-1], observed),
        headline_sentences(country, body),
    )


def add_words(country: Country, body: pd.DataFrame, compared: Comparison, lineage: Lineage) -> pd.DataFrame:
    """The cells with the tables that speak of them: headline before, what changed and the statement after."""
    # A headline may be words only: its columns of numbers are empty, but columns of numbers all the same.
    kinds = body.dtypes.to_dict()
    headline = headline_table(country, body, lineage).astype(kinds)
    changes = change_table(country.ref_area, body, compared, lineage).astype(kinds)
    statement = statement_table(country.ref_area, body, lineage).astype(kinds)
    return pd.concat([headline, body, changes, statement], ignore_index=True)


def forecast_years(ref_area: str, forecasts: pd.DataFrame, otherwise: int = dt.date.min.year) -> list[int]:
    """Forecast years after the newest figure, or the empty year after the last origin, or the year given.

    The newest figure is that of the kind (modelled before reported) with the most activities forecast.
    """
    both_sexes = forecasts[(forecasts["ref_area"] == ref_area) & (forecasts["sex"] == "_T")]
    mine = both_sexes[both_sexes["horizon"] > 0]
    detail = mine.groupby("basis_kind")["economic_activity"].nunique()
    mine = mine[mine["basis_kind"] == (detail.idxmax() if len(detail) else "modelled")]
    ahead = mine[mine["target_period"] > str(mine["origin_date"].max())]
    years = sorted({int(period) for period in ahead["target_period"]})
    return years or [max((int(p[:4]) + 1 for p in forecasts["origin_date"]), default=otherwise)]


def gap_span(ref_area: str, balances: pd.DataFrame) -> str:
    """The longest cumulated period of the balance, such as 2026-2030."""
    spans = sorted({p for p in balances.loc[balances["ref_area"] == ref_area, "time_period"] if "-" in p})
    return spans[-1] if spans else "none"


def used_notes(cells: pd.DataFrame, specs: tuple[TableSpec, ...]) -> dict[str, str]:
    """Footnotes that some cell or table refers to, in the order of NOTES."""
    used = {note for notes in cells["footnotes"] for note in notes} | {
        note for spec in specs for note in spec.notes
    }
    return {note: text for note, text in NOTES.items() if note in used}

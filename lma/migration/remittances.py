"""Money that migrants send: by country, as a share of GDP, its concentration, and how a figure was revised.

Shares are of the total that the same source gives for the same period; senders that are not listed, or have no
country code, stay in the row of the others, so that the rows add up to the total.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from lma.contracts import RuleSet, known_country_codes
from lma.migration.dependency import compute_hhi
from lma.migration.evidence import (
    Figure,
    find_at,
    find_newest,
    order_newest_first,
    read_figure,
    select_figures,
)
from lma.migration.lines import Line, combine, subtract, take_share
from lma.migration.safeguards import area_names

RECEIVED, SENT = "Money received", "Money sent"
REVISED = "Money received: two vintages"
MONEY = ("REMIT", "TRANSFERS_IN", "GDP")
"""Indicators read here."""
VINTAGE_INDICATORS = ("REMIT", "TRANSFERS_IN")
_PERIODS = {"A": 1, "Q": 4, "M": 12}
_NO_SENDER_SEX = "money is counted by country, not by the sex of who sends it"


# ---------------------------------------------------------------- who sends, who receives


def select_money(observations: pd.DataFrame, ref_area: str, as_of_year: int, topic: str) -> pd.DataFrame:
    """Yearly remittances of the newest year split by country, one source, largest first (column ``partner``).

    Received: partners send to ``ref_area``. Sent: partners receive from it. Partners without a country code stay.
    """
    mine, other = ("ref_area", "counterpart_area") if topic == RECEIVED else ("counterpart_area", "ref_area")
    mask = (observations["indicator"] == "REMIT") & (observations["freq"] == "A")
    mask &= (observations[mine] == ref_area) & observations["obs_value"].notna()
    mask &= (observations["basis"] != "projection") & ~observations[other].isin(["_T", "WLD"])
    rows = observations[mask & (observations["time_period"].str[:4].astype(int) <= as_of_year)]
    rows = order_newest_first(rows.assign(partner=rows[other].fillna("")))
    if rows.empty:
        return rows
    first = rows.iloc[0]
    same = (rows["time_period"] == first["time_period"]) & (rows["source_id"] == first["source_id"])
    found: pd.DataFrame = rows[same]
    return found.sort_values(["obs_value", "partner"], ascending=[False, True], kind="stable")


def find_total(observations: pd.DataFrame, ref_area: str, rows: pd.DataFrame) -> Figure | None:
    """The total that the source of ``rows`` publishes beside them; ``None`` where it publishes none."""
    mask = (observations["indicator"] == "REMIT") & (observations["ref_area"] == ref_area)
    mask &= (observations["counterpart_area"] == "_T") & (observations["freq"] == "A")
    totals = observations[mask & observations["obs_value"].notna()]
    totals = totals[totals["source_id"] == rows["source_id"].iloc[0]]
    return find_at(totals, str(rows["time_period"].iloc[0]))


def list_money(
    observations: pd.DataFrame, ref_area: str, as_of_year: int, topic: str, rules: RuleSet
) -> list[Line]:
    """Lines on money received or sent: total, change, share of GDP, countries, the others, concentration."""
    prefix = "REMIT_IN" if topic == RECEIVED else "REMIT_OUT"
    rows = select_money(observations, ref_area, as_of_year, topic)
    total = find_newest(observations, as_of_year, "REMIT", ref_area, counterpart_area="_T")
    if topic == SENT:
        total = None
    if total is None and rows.empty:
        reason = "no loaded source has remittances of this country"
        return [
            _money_line(f"{prefix}_T", topic, _total_label(topic), None, code="NO_REMITTANCES", reason=reason)
        ]
    lines = []
    if total is not None:
        lines += _list_total(observations, ref_area, topic, prefix, total)
    if rows.empty:
        reason = "no loaded source splits the money by country"
        return [
            *lines,
            _money_line(f"{prefix}_BY", topic, "By country", None, code="NO_CORRIDORS", reason=reason),
        ]
    own = find_total(observations, ref_area, rows) if topic == RECEIVED else None
    base = own or combine(float(rows["obs_value"].sum()), [read_figure(row) for _, row in rows.iterrows()])
    if total is None or base.ids != total.ids:
        lines += _list_base(observations, ref_area, topic, prefix, base, own is not None)
    return lines + _list_partners(rows, base, topic, prefix, int(rules.threshold("top_partners")))


def _total_label(topic: str) -> str:
    return "Remittances received, all senders" if topic == RECEIVED else "Remittances sent, all receivers"


def _money_line(line_id: str, topic: str, label: str, figure: Figure | None, **given: object) -> Line:
    step = str(given.pop("step", "as published"))
    return Line(line_id, topic, label, "USD", step, figure, sex_reason=_NO_SENDER_SEX, **given)  # type: ignore[arg-type]


def _list_total(
    observations: pd.DataFrame, ref_area: str, topic: str, prefix: str, total: Figure
) -> list[Line]:
    """The newest total, the year before it in per cent, and the share of GDP."""
    lines = [_money_line(f"{prefix}_T", topic, _total_label(topic), total)]
    lines.append(_measure_change(observations, ref_area, topic, prefix, total))
    return [*lines, share_of_gdp(observations, ref_area, topic, prefix, total)]


def _measure_change(
    observations: pd.DataFrame, ref_area: str, topic: str, prefix: str, after: Figure
) -> Line:
    """Change of the total from the year before, within one source and not across a break."""
    year = int(after.time_period[:4])
    rows = select_figures(observations, year, "REMIT", ref_area, counterpart_area="_T")
    own = rows[rows["observation_id"].isin(after.ids)].iloc[0]
    before = find_at(rows[rows["source_id"] == own["source_id"]], str(year - 1))
    line = Line(
        f"{prefix}_T_CHANGE", topic, f"{_total_label(topic)}: change from the year before", "PC",
        "100 x (total / total of the year before - 1), one source", sex_reason=_NO_SENDER_SEX, decimals=1,
    )  # fmt: skip
    if bool(own["is_break"]):
        return replace(line, code="BREAK_IN_SERIES", reason="no change is taken across a break in the series")
    if before is None or before.value <= 0:
        code = "NO_EARLIER_YEAR" if before is None else "EARLIER_ZERO"
        reason = "the source has no total above zero for the year before"
        return replace(line, code=code, reason=reason)
    return replace(
        line, figure=combine(100 * (after.value / before.value - 1), [after, before], after.time_period)
    )


def share_of_gdp(observations: pd.DataFrame, ref_area: str, topic: str, prefix: str, amount: Figure) -> Line:
    """Money in per cent of GDP of the same year, both in current US dollars; a reason code without a GDP above zero."""
    mask = (observations["unit_measure"] == "USD") & (observations["freq"] == "A")
    rows = select_figures(observations[mask], int(amount.time_period[:4]), "GDP", ref_area)
    product = find_at(rows, amount.time_period)
    label = f"{'Remittances received' if topic == RECEIVED else 'Remittances sent'}, share of GDP"
    step = (
        "money / GDP x 100 of the same year, both in current US dollars (as World Bank BX.TRF.PWKR.DT.GD.ZS)"
    )
    line = Line(f"{prefix}_GDP", topic, label, "PC", step, sex_reason=_NO_SENDER_SEX, decimals=2)
    if product is None:
        return replace(
            line, code="NO_GDP", reason=f"no loaded source has the GDP of {amount.time_period} in US dollars"
        )
    if product.value <= 0:
        return replace(
            line, code="GDP_NOT_POSITIVE", reason=f"the GDP of {amount.time_period} is not above zero"
        )
    return replace(line, figure=take_share(amount, product))


def _list_base(
    observations: pd.DataFrame, ref_area: str, topic: str, prefix: str, base: Figure, published: bool
) -> list[Line]:
    """The total that the countries are shares of, where it is not the newest total."""
    what = "total beside the countries" if published else "sum over the countries"
    label = f"{'Received' if topic == RECEIVED else 'Sent'}: {what}"
    step = "as published" if published else "sum of the corridors that the source gives; it gives no total"
    return [
        _money_line(f"{prefix}_BASE", topic, label, base, step=step),
        share_of_gdp(observations, ref_area, topic, f"{prefix}_BASE", base),
    ]


def _list_partners(rows: pd.DataFrame, base: Figure, topic: str, prefix: str, most: int) -> list[Line]:
    """A line for each of the largest countries, one for all others, and the concentration."""
    names, known = area_names(), known_country_codes()
    coded = rows[rows["partner"].isin(known) & (rows["obs_value"] > 0)]
    listed = {str(row["partner"]): read_figure(row) for _, row in coded.head(most).iterrows()}
    word = "Received from" if topic == RECEIVED else "Sent to"
    lines = [
        _money_line(
            f"{prefix}_{area}", topic, f"{word} {names.get(area, area)}", one, share=take_share(one, base)
        )
        for area, one in listed.items()
    ]
    uncoded = rows[~rows["partner"].isin(known)]
    return [
        *lines,
        _sum_others(prefix, topic, base, list(listed.values()), uncoded, word),
        *_list_concentration(prefix, topic, coded, base),
    ]


def _sum_others(
    prefix: str, topic: str, base: Figure, listed: list[Figure], uncoded: pd.DataFrame, word: str
) -> Line:
    rest = subtract(base, listed)
    label = f"{word} all other countries"
    if rest is not None and rest.value < 0:
        reason = (
            f"the listed countries exceed the published total by {-rest.value:,.0f} US dollars: check the two"
        )
        return _money_line(f"{prefix}_REST", topic, label, None, code="PARTNERS_EXCEED_TOTAL", reason=reason)
    step = f"total less the {len(listed)} countries listed"
    given: dict[str, object] = {"step": step, "share": take_share(rest, base)}
    if len(uncoded):
        amount = float(uncoded["obs_value"].sum())
        given |= {
            "code": "SENDER_WITHOUT_CODE",
            "reason": f"holds {amount:,.0f} US dollars without a country code ({len(uncoded)} rows)",
        }
    return _money_line(f"{prefix}_REST", topic, label, rest, **given)


def _list_concentration(prefix: str, topic: str, coded: pd.DataFrame, base: Figure) -> list[Line]:
    """Share of the largest country and the Herfindahl-Hirschman index, which counts the rest as many small ones."""
    figures = [read_figure(row) for _, row in coded.iterrows()]
    label = f"{topic}: concentration over countries (HHI, 1 is a single one)"
    line = Line(
        f"{prefix}_HHI", topic, label, "IX", "sum of squared shares of the total; what is not split counts as many small ones",
        sex_reason=_NO_SENDER_SEX, decimals=3,
    )  # fmt: skip
    value = compute_hhi([one.value for one in figures], base.value)
    if value is None:
        return [replace(line, code="NO_CORRIDORS", reason="no country with a code and money above zero")]
    top = take_share(figures[0], base)
    largest = area_names().get(str(coded.iloc[0]["partner"]), str(coded.iloc[0]["partner"]))
    first = Line(
        f"{prefix}_TOP", topic, f"{topic}: share of the largest country, {largest}", "PC", "largest country / total x 100", top,
        sex_reason=_NO_SENDER_SEX, decimals=1,
    )  # fmt: skip
    return [first, replace(line, figure=combine(value, [base, *figures], base.time_period))]


# ---------------------------------------------------------------- two vintages of one figure


@dataclass(frozen=True)
class VintagePair:
    """One sender's year in the two newest vintages of a source."""

    partner: str
    year: str
    earlier: Figure
    later: Figure
    earlier_as_of: str
    later_as_of: str
    n_periods: int
    n_differ: int
    largest: float | None

    @property
    def change(self) -> float | None:
        """Revision of the year in per cent of the earlier figure; ``None`` where that is zero."""
        return (
            100 * (self.later.value - self.earlier.value) / abs(self.earlier.value)
            if self.earlier.value
            else None
        )


def pair_vintages(vintages: pd.DataFrame, ref_area: str, as_of_year: int) -> list[VintagePair]:
    """Each partner's newest year that both of the two newest vintages of a source hold in full, total first.

    ``vintages``: rows of staging.observations as known to the run. Empty where no source has two vintages, or
    where no year is whole in both. A partner that one vintage lacks is left out.
    """
    mask = (vintages["ref_area"] == ref_area) & vintages["indicator"].isin(VINTAGE_INDICATORS)
    rows = vintages[mask & (vintages["basis"] != "projection")]
    rows = rows[rows["obs_value"].notna() & (rows["time_period"].str[:4].astype(int) <= as_of_year)]
    for _, part in sorted(rows.groupby(["source_id", "indicator", "freq"]), key=lambda one: one[0]):
        dates = sorted(part["as_of"].unique())
        if len(dates) >= 2:
            both = _match_periods(part, dates[-2], dates[-1])
            if not both.empty:
                return _pair_partners(both, str(dates[-2]), str(dates[-1]))
    return []


def _match_periods(part: pd.DataFrame, earlier: object, later: object) -> pd.DataFrame:
    """Periods that both vintages hold, of years that are whole in both for the partner."""
    key = ["counterpart_area", "time_period", "sex", "age"]
    columns = [*key, "obs_value", "basis", "observation_id", "freq"]
    sides = [part.loc[part["as_of"] == date, columns].drop_duplicates(key) for date in (earlier, later)]
    both = sides[0].merge(sides[1], on=key, suffixes=("_earlier", "_later"))
    both = both.assign(year=both["time_period"].str[:4])
    n_periods = both.groupby(["counterpart_area", "year"])["time_period"].transform("nunique")
    whole = both[n_periods == both["freq_later"].map(_PERIODS)]
    newest: pd.DataFrame = whole[whole["year"] == whole["year"].max()]
    return newest


def _pair_partners(both: pd.DataFrame, earlier: str, later: str) -> list[VintagePair]:
    pairs = [
        _pair_one(str(partner), rows, earlier, later) for partner, rows in both.groupby("counterpart_area")
    ]
    return sorted(pairs, key=lambda pair: (pair.partner != "_T", -pair.later.value, pair.partner))


def _pair_one(partner: str, rows: pd.DataFrame, earlier: str, later: str) -> VintagePair:
    year = str(rows["year"].iloc[0])
    sums = []
    for side in ("earlier", "later"):
        parts = rows.sort_values("time_period")
        figures = [
            Figure(float(value), year, str(basis), (str(node),))
            for value, basis, node in zip(
                parts[f"obs_value_{side}"],
                parts[f"basis_{side}"],
                parts[f"observation_id_{side}"],
                strict=True,
            )
        ]
        sums.append(combine(sum(one.value for one in figures), figures, year))
    differ = rows["obs_value_earlier"] != rows["obs_value_later"]
    base = rows["obs_value_earlier"].abs()
    relative = ((rows["obs_value_later"] - rows["obs_value_earlier"]).abs() / base)[differ & (base > 0)]
    largest = float(100 * relative.max()) if len(relative) else None
    return VintagePair(partner, year, sums[0], sums[1], earlier, later, len(rows), int(differ.sum()), largest)


def list_revisions(vintages: pd.DataFrame, ref_area: str, as_of_year: int, rules: RuleSet) -> list[Line]:
    """Lines that set the two newest vintages side by side: the total and the largest senders."""
    pairs = pair_vintages(vintages, ref_area, as_of_year)
    if not pairs:
        reason = "no source of this country's transfers is loaded in two vintages that hold a whole year"
        label = "Transfers in two vintages"
        return [_money_line("REVISION", REVISED, label, None, code="NO_SECOND_VINTAGE", reason=reason)]
    total = [pair for pair in pairs if pair.partner == "_T"]
    known = known_country_codes()
    senders = [pair for pair in pairs if pair.partner in known]
    chosen = total + senders[: int(rules.threshold("top_revised"))]
    return [line for pair in chosen for line in _list_pair(pair)]


def _list_pair(pair: VintagePair) -> list[Line]:
    """The earlier figure, the later one, and the revision in per cent."""
    name = "all senders" if pair.partner == "_T" else area_names().get(pair.partner, pair.partner)
    head, label = f"REVISION_{pair.partner.strip('_')}", f"Transfers of all purposes, {name}"
    words = f"sum of {pair.n_periods} periods of {pair.year}"
    found = [f"{pair.n_differ} of {pair.n_periods} periods differ"]
    if pair.largest is not None:
        found.append(f"by at most {pair.largest:.5f} % of a period")
    if pair.change is not None:
        found.append(f"the year by {pair.change:+.7f} %")
    amount = combine(pair.later.value - pair.earlier.value, [pair.later, pair.earlier], pair.year)
    change = _money_line(f"{head}_CHANGE", REVISED, f"{label}: revision", amount, step=", ".join(found))
    return [
        _money_line(
            f"{head}_EARLIER",
            REVISED,
            f"{label}: vintage {pair.earlier_as_of}",
            pair.earlier,
            step=words,
            source=f"vintage {pair.earlier_as_of}",
        ),
        _money_line(
            f"{head}_LATER",
            REVISED,
            f"{label}: vintage {pair.later_as_of}",
            pair.later,
            step=words,
            source=f"vintage {pair.later_as_of}",
        ),
        change,
    ]

"""Which detail of economic activity a country's tables can show: the finest level that is complete.

Levels of detail, finest first: 14 groups, 7 groups (or 6, where manufacturing is published together with
utilities), 3 sectors, the 12 sectors of the Economic Transformation Database, the total alone. A level is
complete where one year has a figure for every one of its activities. Levels are never mixed in one block.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lma.contracts import codelist

TOTAL = "_T"
UNCLASSIFIED = "X"
KINDS = ("modelled", "reported")
"""Kinds of figures, the one with the longer and smoother history first."""


REVISIONS = ("ISIC4", "ETD12", "_Z")
"""Classifications whose codes the tables show; the same letter of another one is another activity."""


@dataclass(frozen=True)
class Detail:
    """One way to divide an economy: its activities in order, and its name as a reader sees it."""

    name: str
    codes: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Level:
    """What one block of rows shows: a division of the economy, and the kind of figures it is taken from.

    ``year``: the newest year in which every activity has a figure; None for the total alone.
    """

    detail: Detail
    basis_kind: str
    year: int | None

    @property
    def codes(self) -> tuple[str, ...]:
        """Activities, without the total."""
        return self.detail.codes

    @property
    def sectors(self) -> tuple[str, ...]:
        """What is simulated and summed: the activities, or the economy as one where there is no detail."""
        return self.codes or (TOTAL,)

    @property
    def words(self) -> str:
        """Name of the level in a caption, such as '14 groups of ISIC Rev. 4 (modelled figures)'."""
        return f"{self.detail.label} ({self.basis_kind} figures)"


def details() -> tuple[Detail, ...]:
    """The levels of detail, finest first, ending with the total alone."""
    fourteen, seven = _codes_of("ISIC4_14"), _codes_of("ISIC4_7")
    apart = tuple(code for code in seven if code != "MAN_MEL")
    together = tuple("MAN_MEL" if code == "MAN" else code for code in apart if code != "MEL")
    return (
        Detail("ISIC4_14", fourteen, "14 groups of ISIC Rev. 4"),
        Detail("ISIC4_7", apart, "6 aggregate groups of ISIC Rev. 4"),
        Detail(
            "ISIC4_7",
            together,
            "5 aggregate groups of ISIC Rev. 4, manufacturing together with mining and utilities",
        ),
        Detail("ISIC4_3", _codes_of("ISIC4_3"), "3 broad sectors of ISIC Rev. 4"),
        Detail("ETD12", _codes_of("ETD12"), "12 sectors of the Economic Transformation Database"),
        Detail(TOTAL, (), "the total only, because no source has every activity"),
    )


def _codes_of(classification: str) -> tuple[str, ...]:
    table = codelist("economic_activities")
    codes = table.loc[table["classification"] == classification, "code"]
    return tuple(str(code) for code in codes if code != UNCLASSIFIED)


def select_employment(observations: pd.DataFrame, ref_area: str) -> pd.DataFrame:
    """Annual employment of one country by activity that has a figure: both sexes, all ages, all citizenships."""
    o = observations
    chosen = (o["ref_area"] == ref_area) & (o["indicator"] == "EMP") & (o["freq"] == "A") & (o["sex"] == "_T")
    chosen &= (o["age"] == "_T") & (o["citizenship"] == "_T") & (o["occupation"] == "_T")
    chosen &= (o["counterpart_area"] == "_Z") & o["obs_value"].notna()
    return o[chosen & o["activity_revision"].isin(REVISIONS)]


def find_level(observations: pd.DataFrame, ref_area: str, basis_kind: str) -> Level:
    """Finest complete level of one kind of figures; the total alone where there is none."""
    rows = select_employment(observations, ref_area)
    rows = rows[rows["basis_kind"] == basis_kind]
    for detail in details():
        year = _newest_complete_year(rows, detail)
        if year is not None or not detail.codes:
            return Level(detail, basis_kind, year)
    raise AssertionError("the total alone is always complete")


def _newest_complete_year(rows: pd.DataFrame, detail: Detail) -> int | None:
    if not detail.codes:
        return None
    parts = rows[rows["economic_activity"].isin(detail.codes)]
    found = parts.groupby("time_period")["economic_activity"].nunique()
    complete = found.index[found == len(detail.codes)]
    return int(max(complete)) if len(complete) else None


def find_main_level(observations: pd.DataFrame, ref_area: str) -> Level:
    """Finest complete level of a country; modelled figures go first where both kinds are as fine."""
    order = [detail.label for detail in details()]
    levels = [find_level(observations, ref_area, kind) for kind in KINDS]
    return min(levels, key=lambda level: order.index(level.detail.label))


def find_levels(observations: pd.DataFrame, ref_area: str) -> dict[str, Level]:
    """Level of each kind of figures of a country, by kind."""
    return {kind: find_level(observations, ref_area, kind) for kind in KINDS}

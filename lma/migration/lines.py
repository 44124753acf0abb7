"""One line of the table on migration and development: a figure with its sexes, or a reason code why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lma.contracts import weakest_basis
from lma.migration.evidence import Figure, join_ids

SEXES = ("_T", "F", "M")
NO_SEX = "the source does not split this figure by sex"


@dataclass(frozen=True)
class Line:
    """One line: ``figure`` for both sexes, ``women`` and ``men`` where known, ``share`` in per cent.

    ``code`` and ``reason`` say why there is no figure; beside a figure, what to know before it is used.
    """

    line_id: str
    topic: str
    label: str
    unit: str
    step: str
    figure: Figure | None = None
    women: Figure | None = None
    men: Figure | None = None
    share: Figure | None = None
    decimals: int = 0
    code: str = ""
    reason: str = ""
    sex_reason: str = NO_SEX
    source: str = ""


def combine(value: float, parts: Iterable[Figure | None], period: str | None = None) -> Figure:
    """A figure computed from others: weakest basis, all ids, the newest period unless one is given."""
    known = [part for part in parts if part is not None]
    newest = max((part.time_period for part in known), default="")
    basis = weakest_basis(part.basis for part in known)
    return Figure(value, newest if period is None else period, basis, join_ids(known))


def add_up(parts: Iterable[Figure | None]) -> Figure | None:
    """The sum of figures; ``None`` without any, or where one of them is unknown."""
    every = list(parts)
    if not every or any(part is None for part in every):
        return None
    return combine(sum(part.value for part in every if part is not None), every)


def take_share(part: Figure | None, whole: Figure | None) -> Figure | None:
    """A part in per cent of the whole; ``None`` where one is unknown or the whole is not above zero."""
    if part is None or whole is None or whole.value <= 0:
        return None
    return combine(100 * part.value / whole.value, [part, whole], part.time_period)


def subtract(whole: Figure | None, parts: Iterable[Figure | None]) -> Figure | None:
    """What is left of a whole after parts; unknown parts count as not listed. ``None`` without a whole.

    The result may be below zero: parts that exceed their whole are a finding, not zero.
    """
    if whole is None:
        return None
    known = [part for part in parts if part is not None]
    left = whole.value - sum(part.value for part in known)
    noise = 1e-9 * max(abs(whole.value), 1.0)
    return combine(0.0 if abs(left) <= noise else left, [whole, *known], whole.time_period)


BySex = dict[str, Figure | None]


def in_order(by_sex: BySex) -> tuple[Figure | None, Figure | None, Figure | None]:
    """Both sexes, women, men: the order of the fields of a line."""
    return by_sex["_T"], by_sex["F"], by_sex["M"]


def take_rate(persons: Figure | None, rate: Figure | None) -> Figure | None:
    """Persons times a rate in per cent, dated as the persons; ``None`` where one is unknown."""
    if persons is None or rate is None:
        return None
    return combine(persons.value * rate.value / 100, [persons, rate], persons.time_period)

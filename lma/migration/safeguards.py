"""Flags that stand against, or beside, recruiting along a corridor.

The list of the World Health Organization is a versioned codelist; its column ``verified`` says how far each
entry was checked. Health work is section Q of ISIC Rev. 4 (ISCO-08 22 and 32 by occupation).
"""

from __future__ import annotations

import functools
from collections.abc import Collection

from lma.contracts import RuleSet, codelist
from lma.errors import UsageError
from lma.migration.agreements import ALWAYS

HEALTH_SECTION, EDUCATION_SECTION = "Q", "P"
SHORT = frozenset({"SHORTAGE", "SEVERE"})
DO_NOT_RECRUIT = ("WHO_SSL", "ORIGIN_SHORTAGE")


@functools.cache
def _sections() -> dict[str, frozenset[str]]:
    activities = codelist("economic_activities")
    pairs = zip(activities["code"], activities["sections"], strict=True)
    return {str(code): frozenset(str(sections).split()) for code, sections in pairs}


def list_sections(economic_activity: str) -> frozenset[str]:
    """ISIC Rev. 4 sections inside an activity code; empty for a code without sections or an unknown one."""
    return _sections().get(economic_activity, frozenset())


def find_same_activity(economic_activity: str, codes: Collection[str]) -> str | None:
    """The code among ``codes`` that stands for the same work: itself, else one of the very same sections; else ``None``.

    Countries are assessed at different levels of detail: agriculture is A in one and AGR in another.
    """
    if economic_activity in codes:
        return economic_activity
    sections = list_sections(economic_activity)
    same = sorted(code for code in codes if code != "_T" and sections and list_sections(code) == sections)
    return same[0] if same else None


def find_wider_activity(economic_activity: str, codes: Collection[str]) -> str | None:
    """The smallest code among ``codes``, the total apart, that holds the activity and more; ``None`` without one."""
    sections = list_sections(economic_activity)
    wider = [code for code in codes if code != "_T" and sections and sections < list_sections(code)]
    return min(wider, key=lambda code: (len(list_sections(code)), code), default=None)


def area_names() -> dict[str, str]:
    """Country code to English name."""
    areas = codelist("areas")
    return dict(areas[["area", "label_en"]].itertuples(index=False))


def is_who_listed(area: str) -> bool:
    """True when the area is on the WHO health workforce support and safeguards list 2023."""
    return area in set(codelist("who_safeguards_2023")["area"])


def shared_blocs(origin: str, destination: str, work: str = "free", known_until: str = ALWAYS) -> list[str]:
    """Blocs of both countries, sorted. ``work``: ``free`` (no permit needed) or ``planned`` (protocol not in force).

    ``known_until``: YYYY or YYYY-MM-DD; who joined in a later year is no member yet.
    """
    blocs = codelist("mobility_blocs")
    rows = blocs[(blocs["work"] == work) & (blocs["since"] <= known_until[:4])]
    members = {bloc: set(part["area"]) for bloc, part in rows.groupby("bloc")}
    return sorted(str(bloc) for bloc, areas in members.items() if {origin, destination} <= areas)


def compute_emigration_rate(emigrants: float, residents: float) -> float:
    """Tertiary emigration rate as a fraction: emigrants over emigrants and residents, all with tertiary education.

    Raises ``UsageError`` where a count is below zero or both are zero.
    """
    if min(emigrants, residents) < 0 or emigrants + residents <= 0:
        raise UsageError(
            f"{emigrants:g} emigrants and {residents:g} residents give no emigration rate: check the counts."
        )
    return emigrants / (emigrants + residents)


def grade_drain(rate: float | None, rules: RuleSet) -> str:
    """NOT_ASSESSED, NONE, AMBER or RED for a tertiary emigration rate (fraction); the cuts belong to the milder grade."""
    if rate is None:
        return "NOT_ASSESSED"
    if 100 * rate > rules.threshold("drain_red"):
        return "RED"
    return "AMBER" if 100 * rate > rules.threshold("drain_amber") else "NONE"


def list_flags(
    origin: str,
    destination: str,
    economic_activity: str,
    origin_rating: str | None,
    drain: str = "NOT_ASSESSED",
    known_until: str = ALWAYS,
) -> list[str]:
    """Flags of a corridor: WHO_SSL where health work is included, ORIGIN_SHORTAGE, SKILLED_DRAIN_<grade>, FREE_MOVEMENT_<bloc>."""
    flags = []
    if is_who_listed(origin) and HEALTH_SECTION in list_sections(economic_activity):
        flags.append("WHO_SSL")
    if origin_rating in SHORT:
        flags.append("ORIGIN_SHORTAGE")
    if drain in ("AMBER", "RED"):
        flags.append(f"SKILLED_DRAIN_{drain}")
    return flags + [
        f"FREE_MOVEMENT_{bloc}" for bloc in shared_blocs(origin, destination, "free", known_until)
    ]


def list_unchecked(economic_activity: str, origin_rating: str | None, drain: str) -> list[str]:
    """Flags that could not be checked for lack of figures: without them nobody can say that none is raised."""
    unknown = {
        "ORIGIN_SHORTAGE": origin_rating in (None, "N"),
        "SKILLED_DRAIN": drain == "NOT_ASSESSED",
        "EDUCATION_RISK": EDUCATION_SECTION in list_sections(economic_activity),
    }
    return [flag for flag, missing in unknown.items() if missing]


def judge_corridor(
    economic_activity: str, flags: list[str], origin_rating: str | None, destination_rating: str | None
) -> tuple[str, str]:
    """(recommended, reason): NO, NOT_ASSESSED or CANDIDATE. Unknown never becomes CANDIDATE."""
    blocking = [flag for flag in flags if flag in DO_NOT_RECRUIT]
    if economic_activity == "_T":
        listed = ", no active recruitment of health workers" if "WHO_SSL" in flags else ""
        return "NOT_ASSESSED", f"Recruitment is judged by activity, never for all at once{listed}."
    if blocking:
        return "NO", f"Do not recruit: {', '.join(blocking)}."
    if destination_rating in (None, "N"):
        return "NOT_ASSESSED", "The destination's own rating of this activity is unknown."
    if destination_rating not in SHORT:
        return "NO", f"The destination is not short in this activity (rated {destination_rating})."
    return _judge_origin(economic_activity, origin_rating)


def _judge_origin(economic_activity: str, origin_rating: str | None) -> tuple[str, str]:
    if origin_rating in (None, "N"):
        return (
            "NOT_ASSESSED",
            "Whether the origin itself is short in this activity is unknown: assess it first.",
        )
    if origin_rating == "WATCH":
        return "NOT_ASSESSED", "The origin's own rating is WATCH: decide with its ministry."
    if EDUCATION_SECTION in list_sections(economic_activity):
        return "NOT_ASSESSED", "The origin's pupil-teacher ratio is not among the observations."
    return "CANDIDATE", f"No do-not-recruit flag; the origin is rated {origin_rating} in this activity."

"""What could be done about a gap: seven options side by side, each with its reason code and a range of persons.

An option is judged by the test that speaks for it, or by a driver (why vacancies stay open) that leads to it.
FLAG: to be tried first; PASS: worth considering; FAIL: not needed or ruled out; NOT_ASSESSED: figures are missing.
Labour migration stands last and says what RESULT says: it is one option among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lma.contracts import RuleSet, weakest_basis
from lma.migration.alternatives import Alternative
from lma.migration.evidence import Figure, describe
from lma.migration.gaps import Gap
from lma.migration.steps import Outcome
from lma.shortages.jsa import DRIVER_OPTIONS

OPTIONS = {
    "PAY": "Raise pay and conditions",
    "TRAIN": "Train and retrain",
    "ACTIVATE": "Activate the unemployed, women and the underemployed",
    "NEET": "Activate young people neither in work nor in education",
    "AUTOMATE": "Automate or reorganise",
    "RECOGNISE": "Recognise qualifications of residents",
    "MIGRATE": "Recruit abroad",
}
"""Code -> label, in the order of T9."""
PERSONS_OF = {"TRAIN": ("RETRAIN",), "ACTIVATE": ("UNEMPLOYED", "WOMEN", "UNDEREMPLOYED"), "NEET": ("NEET",)}
"""Option -> codes of the domestic alternatives that it draws on."""
COST_BANDS = {1: "low", 2: "medium", 3: "high"}


@dataclass(frozen=True)
class Drivers:
    """Why vacancies stay open, where it is known: driver codes, where they come from, and their rows."""

    codes: tuple[str, ...] = ()
    text: str = "no driver is known"
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """What the options of one activity are judged by."""

    outcomes: Mapping[str, Outcome]
    alternatives: Sequence[Alternative]
    gap: Gap | None
    drivers: Drivers = field(default_factory=Drivers)
    unrecognised: Figure | None = None


@dataclass(frozen=True)
class Verdict:
    """Outcome, reason code and words of one option."""

    outcome: str
    reason_code: str
    text: str


def list_options(case: Case) -> list[Outcome]:
    """One row per option, in the order of ``OPTIONS``; none is left out for want of data."""
    return [_build_option(case, code, _judge(case, code)) for code in OPTIONS]


def describe_time(code: str, rules: RuleSet) -> str:
    """The time band of an option in words, with whose band it is."""
    name = code.lower()
    low, high = rules.threshold(f"{name}_time_low"), rules.threshold(f"{name}_time_high")
    besides = ", besides the training itself (D6)" if code == "TRAIN" else ""
    return f"{low:g} to {high:g} years{besides} ({rules.thresholds[f'{name}_time_low'].reference})"


def describe_cost(code: str, rules: RuleSet) -> str:
    """The cost band of an option in words, with whose band it is."""
    name = f"{code.lower()}_cost"
    return f"{COST_BANDS[round(rules.threshold(name))]} ({rules.thresholds[name].reference})"


def count_persons(case: Case, code: str) -> tuple[float, float] | None:
    """(low, high) persons that an option could bring; ``None`` where they cannot be counted."""
    if code == "MIGRATE":
        result = case.outcomes["RESULT"]
        if result.value_low is None or result.value_high is None:
            return None
        return result.value_low, result.value_high
    if code == "RECOGNISE":
        one = case.unrecognised
        return None if one is None else (one.low or one.value, one.high or one.value)
    known = [one for one in case.alternatives if one.code in PERSONS_OF.get(code, ()) and one.is_assessed]
    if not known:
        return None
    return sum(one.low or 0.0 for one in known), sum(one.high or 0.0 for one in known)


def _judge(case: Case, code: str) -> Verdict:
    """Without a shortage nothing is needed; where nobody knows of one, nothing can be said."""
    if code == "MIGRATE":
        return _judge_migration(case)
    rated, gap = case.outcomes["D1"].outcome, case.gap
    # A gap that opens later in the horizon is time to train ahead, though nothing is lacking yet.
    opens_later = code == "TRAIN" and case.outcomes["D6"].outcome != "NOT_ASSESSED"
    if rated != "PASS" and (gap is None or gap.q50 <= 0) and not opens_later:
        if rated == "FAIL":
            return Verdict("FAIL", "NO_SHORTAGE", "not rated short, and no gap opens")
        if gap is None:
            return Verdict("NOT_ASSESSED", "SHORTAGE_UNKNOWN", "neither a rating nor a gap is known")
        return Verdict("FAIL", "NO_SHORTAGE", "no gap opens in the middle of the balance")
    routed = [driver for driver in case.drivers.codes if code in DRIVER_OPTIONS[driver]]
    found = _judge_by_test(case, code)
    if routed and found.outcome != "FLAG":
        return Verdict("FLAG", routed[0], f"{case.drivers.text}; {found.text}")
    return found


def _judge_migration(case: Case) -> Verdict:
    result = case.outcomes["RESULT"]
    return Verdict(result.outcome, str(result.reason_code), "as RESULT of the tests D0 to D8 (T10)")


# What a test says of its option: (when it fails, when it passes, when it is open), outcome and reason code each.
_BY_TEST: dict[str, tuple[str, dict[str, tuple[str, str, str]]]] = {
    "PAY": (
        "D3",
        {
            "FAIL": ("FLAG", "IMPROVE_PAY_CONDITIONS", "pay is low or falls behind prices (D3)"),
            "PASS": ("PASS", "PAY_ADEQUATE", "pay passes its test (D3); more pay still draws people"),
            "NOT_ASSESSED": ("NOT_ASSESSED", "PAY_UNKNOWN", "pay is not known (D3)"),
        },
    ),
    "TRAIN": (
        "D6",
        {
            "FAIL": ("FLAG", "TRAIN_AHEAD", "training is done before the gap opens (D6)"),
            "PASS": ("PASS", "TRAIN_AND_BRIDGE", "training takes longer than the time left (D6): it needs a bridge"),
            "NOT_ASSESSED": ("NOT_ASSESSED", "TIME_UNKNOWN", "when the gap opens is not known (D6)"),
        },
    ),
    "AUTOMATE": (
        "D5",
        {
            "FAIL": ("FLAG", "AUTOMATE_OR_REORGANISE", "exposure to automation is high (D5)"),
            "PASS": ("FAIL", "LITTLE_SCOPE", "exposure is below the high band, or no equipment is on offer (D5)"),
            "NOT_ASSESSED": ("NOT_ASSESSED", "EXPOSURE_UNKNOWN", "exposure to automation is not known (D5)"),
        },
    ),
}  # fmt: skip


def _judge_by_test(case: Case, code: str) -> Verdict:
    if code in _BY_TEST:
        step, verdicts = _BY_TEST[code]
        return Verdict(*verdicts[case.outcomes[step].outcome])
    persons = count_persons(case, code)
    if persons is None:
        missing = "QUALIFICATIONS_UNKNOWN" if code == "RECOGNISE" else "CAPACITY_UNKNOWN"
        return Verdict("NOT_ASSESSED", missing, "its persons cannot be counted from the figures at hand")
    if persons[1] <= 0:
        return Verdict("FAIL", "NO_CAPACITY", "nobody can be found this way beyond those the balance counts")
    if code != "RECOGNISE" and case.outcomes["D4"].reason_code == "ACTIVATE_TRAIN":
        return Verdict("FLAG", "ACTIVATE_TRAIN", "domestic capacity is as large as the gap (D4)")
    words = (
        "" if case.unrecognised is None or code != "RECOGNISE" else describe("residents", case.unrecognised)
    )
    return Verdict("PASS", "PART_OF_GAP", words or "it can fill a part of the gap (D4)")


def _build_option(case: Case, code: str, verdict: Verdict) -> Outcome:
    persons = count_persons(case, code)
    drawn = [one for one in case.alternatives if one.code in PERSONS_OF.get(code, ()) and one.is_assessed]
    step = {"PAY": "D3", "TRAIN": "D6", "AUTOMATE": "D5", "MIGRATE": "RESULT"}.get(code, "D4")
    ids = [one for alternative in drawn for one in alternative.ids] + list(case.drivers.ids)
    return Outcome(
        f"OPTION_{code}",
        OPTIONS[code],
        verdict.outcome,
        f"{OPTIONS[code]}: {verdict.text}.",
        "PS",
        value_low=None if persons is None else persons[0],
        value_high=None if persons is None else persons[1],
        reason_code=verdict.reason_code,
        basis=weakest_basis([case.outcomes[step].basis, *(one.basis for one in drawn)]),
        ids=(step, *dict.fromkeys(ids)),
    )

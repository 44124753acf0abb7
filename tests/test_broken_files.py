"""Every broken file of tests/specimens/broken comes out as its table says: exact to the figure, or refused with that message.

The table is tests/specimens/broken/expected.yaml. Each case runs the real way: parser, names, conform, contract.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lma import contracts, validation, warehouse
from lma.contracts import Source
from lma.errors import LmaError
from lma.parsers import find_parser
from lma.staging import DEFAULTS, Conformed, FileFacts, conform, name_columns_as_declared

ROOT = Path(__file__).parent.parent
BROKEN = Path(__file__).parent / "specimens" / "broken"
TABLE = contracts.read_yaml(BROKEN / "expected.yaml")
CASES: dict[str, dict[str, Any]] = {case["case"]: case for case in TABLE["cases"]}
FILES = {name: case for name, case in CASES.items() if "file" in case}
DEFINITIONS = {name: case for name, case in CASES.items() if "definition" in case}
DIMENSIONS = ("counterpart_area", "economic_activity", "age", "sex")


@dataclass
class Outcome:
    """What became of one file, in the words of the table."""

    loads: list[str] = field(default_factory=list)
    quarantines: list[str] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    refused: LmaError | None = None


def build_source(case: dict[str, Any]) -> Source:
    """The mapping that the case names, with what differs from it."""
    shared, own = TABLE["sources"][case["like"]], case.get("source", {})
    facts = TABLE["publisher"] | {"source_id": "broken_files", "files": [{"name": ".*"}]} | shared | own
    mapping = shared["mapping"] | own.get("mapping", {})
    options = shared.get("options", {}) | case.get("options", {})
    return Source.model_validate(facts | {"mapping": mapping, "options": options})


def conform_file(case: dict[str, Any], content: bytes) -> Conformed:
    """What flows.refresh.read_observations does, without a raw store."""
    source, name = build_source(case), case["file"]
    parsed = find_parser(source.format)(content, source.options)
    raw = name_columns_as_declared(parsed, source, name)
    sha = hashlib.sha256(case["case"].encode()).hexdigest()
    day = dt.date(2025, 1, 1) + dt.timedelta(days=list(CASES).index(case["case"]))  # no two cases share a key
    return conform(raw, source, FileFacts(sha, name, day))


def describe_figure(row: Any) -> str:
    dimensions = [getattr(row, name) for name in DIMENSIONS if getattr(row, name) != DEFAULTS[name]]
    value = "" if pd.isna(row.obs_value) else f"{row.obs_value:.15g}"
    status = "" if row.obs_status == "A" else f" [{row.obs_status}]"
    return f"{' '.join([row.ref_area, row.time_period, *dimensions])} = {value}{status}"


def describe(conformed: Conformed, broken: pd.DataFrame) -> Outcome:
    """Outcome of a file that was conformed; ``broken``: its rows that break the contract."""
    figures = conformed.observations
    kept = figures[~figures["observation_id"].isin(broken["observation_id"])]
    rows = figures.set_index("observation_id")["raw_row"]
    return Outcome(
        loads=[describe_figure(row) for row in kept.itertuples()],
        quarantines=[f"{row.raw_row}, {row.column}: {row.value}" for row in conformed.rejected.itertuples()],
        breaks=sorted({f"{rows[row.observation_id]}: {row.rule_id}" for row in broken.itertuples()}),
    )


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Every file once; the contract is asked once for all of them, because asking takes seconds."""
    found: dict[str, Outcome] = {}
    conformed: dict[str, Conformed] = {}
    for name, case in FILES.items():
        try:
            conformed[name] = conform_file(case, (BROKEN / case["file"]).read_bytes())
        except LmaError as error:
            found[name] = Outcome(refused=error)
    contract = contracts.table_contract("staging.observations")
    figures = pd.concat([each.observations for each in conformed.values()], ignore_index=True)
    breakers = warehouse.find_rule_breakers(figures, contract)
    broken = validation.check_rows(figures, contract, breakers, "incoming").failed
    for name, each in conformed.items():
        own = broken["observation_id"].isin(each.observations["observation_id"])
        found[name] = describe(each, broken[own])
    return found


@pytest.mark.parametrize("name", FILES)
def test_file_comes_out_as_the_table_says(name: str, outcomes: dict[str, Outcome]) -> None:
    case, outcome = FILES[name], outcomes[name]
    if "refused" in case:
        ((error, message),) = case["refused"].items()
        assert type(outcome.refused).__name__ == error, outcome
        assert message in str(outcome.refused)
        return
    assert outcome.refused is None
    assert outcome.loads == case.get("loads", [])
    assert outcome.quarantines == case.get("quarantines", [])
    assert outcome.breaks == case.get("breaks", [])

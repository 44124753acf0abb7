"""Refresh steps that talk to publishers: what was fetched, what has not changed, what failed and why, what is overdue."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.sources import stale_since
from lma import contracts, fetch, snapshots, withdrawals
from lma.contracts import Download, Source
from lma.errors import LmaError, OutputError

if TYPE_CHECKING:
    from flows.refresh import Run


@dataclass
class Outcome:
    """What became of one file of one source: fetched, unchanged, or failed with the error that says why."""

    source_id: str
    file_name: str
    state: str
    detail: str
    snapshot_sha: str = ""
    is_alarm: bool = False
    error: LmaError | None = None

    def fail(self, error: LmaError) -> None:
        """The file came but is not what its source declares."""
        self.state, self.detail, self.error, self.is_alarm = "failed", str(error), error, True


def fetch_files(run: Run, sources: Mapping[str, Source]) -> int:
    """Fetch what publishers serve; one that fails leaves its last vintage in use and does not stop the others. Number of new files."""
    politeness = run.politeness or fetch.Politeness(seed=seed_of_installation(run.request.warehouse))
    fetch.drop_stale_parts(run.request.raw_store / "incoming", run.started_at)
    with fetch.Line(politeness) as line:
        for source in sources.values():
            for wanted in source.download.files() if source.download else []:
                run.outcomes.append(fetch_one(run, source, wanted, line))
    return sum(outcome.state == "fetched" for outcome in run.outcomes)


def seed_of_installation(warehouse: Path) -> int:
    """Seed of the waits between attempts: another one for each installation, so that they do not all call in one second."""
    named = hashlib.sha256(f"{platform.node()}:{warehouse.resolve()}".encode())
    return int.from_bytes(named.digest()[:8])


def fetch_one(run: Run, source: Source, wanted: Download, line: Any) -> Outcome:
    """Fetch and land one file."""
    source_id, folder = source.source_id, run.request.raw_store / "incoming" / source.source_id

    def is_held(sha: str) -> bool:
        return bool(sha) and snapshots.sidecar_path(run.request.raw_store, sha, source_id).is_file()

    try:
        fetched = fetch.fetch(wanted, source_id, folder, line, is_held, run.started_at.date())
        if fetched.path is None:
            return Outcome(
                source_id, wanted.file_name, "unchanged", describe_vintage(fetched), fetched.memory["sha256"]
            )
        landed = run.land(fetched.path, source, fetched.vintage, fetched.url)
        fetch.remember(fetched)
    except OutputError:  # no room: that is not the publisher's fault, and the next one would meet it too
        raise
    except LmaError as error:
        return Outcome(source_id, wanted.file_name, "failed", str(error), is_alarm=True, error=error)
    return Outcome(
        source_id,
        wanted.file_name,
        "fetched",
        f"{fetched.n_bytes:,} bytes, {describe_vintage(fetched)}",
        landed.snapshot_sha,
    )


def describe_vintage(fetched: fetch.Fetched) -> str:
    """Where the vintage of a fetched file comes from."""
    if fetched.says_vintage:
        return f"last updated {fetched.vintage} by the publisher"
    return "the publisher tells no date of its last update" + (
        "" if fetched.path is None else ": vintage is the day of retrieval"
    )


def find_outcome(run: Run, landed: snapshots.Landed) -> Outcome:
    """The outcome of a fetched file; one that an earlier run fetched and did not come to load gets its own now."""
    mine = (
        o for o in run.outcomes if (o.source_id, o.snapshot_sha) == (landed.source_id, landed.snapshot_sha)
    )
    found = next(mine, None)
    if found is None:
        found = Outcome(
            landed.source_id, landed.file_name, "fetched", "by an earlier run", landed.snapshot_sha
        )
        run.outcomes.append(found)
    return found


def say_outcomes(run: Run) -> None:
    """One line per file, after loading: only then is it known whether a fetched file is what its source declares."""
    mark_returns(run)
    for outcome in run.outcomes:
        alarm = "warning: " if outcome.is_alarm else ""
        run.say(f"{alarm}{outcome.source_id}: {outcome.state} {outcome.file_name}: {outcome.detail}")
    if run.outcomes:
        states = [outcome.state for outcome in run.outcomes]
        run.say(
            "network: "
            + ", ".join(f"{states.count(state)} {state}" for state in ("fetched", "unchanged", "failed"))
        )


def mark_returns(run: Run) -> None:
    """Note where a publisher serves an earlier file again: the later one stays in use until a person withdraws it."""
    unchanged = [outcome for outcome in run.outcomes if outcome.state == "unchanged"]
    in_use = list_in_use(run) if unchanged else []
    for outcome in unchanged:
        name = (outcome.source_id, outcome.file_name)
        ours = [landed for landed in in_use if (landed.source_id, landed.file_name) == name]
        newest = max(ours, key=lambda landed: (landed.as_of, landed.retrieved_at), default=None)
        served = next((landed for landed in ours if landed.snapshot_sha == outcome.snapshot_sha), None)
        if newest and served and newest is not served:
            outcome.is_alarm, outcome.detail = True, describe_return(served, newest)


def list_in_use(run: Run) -> list[snapshots.Landed]:
    """Landed files that nobody has withdrawn."""
    withdrawn = withdrawals.list_withdrawn(run.request.raw_store)
    landed = snapshots.list_landed(run.request.raw_store)
    return [file for file in landed if (file.source_id, file.snapshot_sha) not in withdrawn]


def describe_return(served: snapshots.Landed, newest: snapshots.Landed) -> str:
    """What a publisher did that serves an earlier file again, and the command that follows it."""
    return (
        f"the publisher went back to the file of vintage {served.as_of}; vintage {newest.as_of} stays in use until it is withdrawn: "
        f"`lma withdraw {newest.source_id} {newest.as_of} --file {newest.file_name} --reason ...`"
    )


def list_stale(run: Run, sources: Mapping[str, Source], today: dt.date) -> dict[str, dt.date]:
    """Sources that are due for a new vintage, with the date since when, by the newest vintage landed and in use.

    Only those whose publisher's rhythm is declared (expect.new_vintage_days): of the others nothing is promised.
    """
    newest: dict[str, dt.date] = {}
    for landed in list_in_use(run):
        newest[landed.source_id] = max(landed.as_of, newest.get(landed.source_id, landed.as_of))
    dates = {
        name: stale_since(source, newest[name], today)
        for name, source in sources.items()
        if source.expect.new_vintage_days and name in newest
    }
    return {name: date for name, date in dates.items() if date}


def warn_of_stale(run: Run) -> dict[str, dt.date]:
    """Say which sources are due but unchanged: a publisher that silently stopped looks like one that has nothing new.

    The shipped sample is old by design, and a run as of an earlier date is about that date: neither is warned of.
    """
    if run.request.as_of or (run.request.offline and run.request.data is None):
        return {}
    sources = contracts.sources()
    stale = list_stale(run, sources, run.started_at.date())
    for name, since in stale.items():
        every = sources[name].expect.new_vintage_days
        run.say(
            f"warning: {name} is due but unchanged, stale since {since} (a new vintage is expected every {every} days). "
            f"Look at {sources[name].url}; figures of the last vintage stay in use."
        )
    return stale


def raise_for_named(run: Run, source_ids: list[str]) -> None:
    """Whoever asks for a source by name is told by the exit code that it failed; everything else is loaded by then."""
    errors = [outcome.error for outcome in run.outcomes if outcome.source_id in source_ids and outcome.error]
    if errors:
        raise errors[0]

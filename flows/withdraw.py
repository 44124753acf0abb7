"""Take a bad vintage out of use, or put it back: the file stays landed, the decision stands beside it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flows import refresh
from flows.refresh import Run
from flows.request import RunRequest
from lma import contracts, snapshots, withdrawals
from lma.errors import UsageError
from lma.withdrawals import RESTORED, WITHDRAWN, Decision


def withdraw_vintage(
    request: RunRequest,
    source_id: str,
    vintage: dt.date,
    reason: str,
    decided_by: str,
    file_name: str | None,
    *,
    restore: bool,
    step: Any,
) -> None:
    """Take the files of one vintage out of the figures, or put them back, and rebuild what is derived."""
    source_id = contracts.source(source_id).source_id
    if not reason.strip() or not decided_by.strip():
        raise UsageError(
            "--reason and --reviewer must say something: they stand in the ledger, meta.withdrawals."
        )
    with refresh.open_run(request) as run:
        files = find_files(run, source_id, vintage, file_name, restore=restore)
        action = RESTORED if restore else WITHDRAWN
        for landed in files:
            decision = Decision(
                source_id, landed.snapshot_sha, 0, action, landed.file_name, landed.as_of, reason.strip(), decided_by.strip(),
                run.started_at.date(),
            )  # fmt: skip
            withdrawals.keep_decision(run.request.raw_store, decision)
        refresh.forget_vintages(run, {(source_id, vintage)})
        run.say(
            f"{len(files)} file(s) of {source_id}, vintage {vintage}, {action}: {', '.join(f.file_name for f in files)}"
        )
        step(refresh.load_landed_files)(run)
        step(refresh.check_observations)(run)
        step(refresh.derive_figures)(run)
        step(refresh.open_to_readers)(run)


def find_files(
    run: Run, source_id: str, vintage: dt.date, file_name: str | None, *, restore: bool
) -> list[snapshots.Landed]:
    """Landed files of one vintage that the decision is about; ``UsageError`` tells those that exist."""
    landed = [file for file in snapshots.list_landed(run.request.raw_store) if file.source_id == source_id]
    out_of_use = withdrawals.list_withdrawn(run.request.raw_store)
    candidates = [file for file in landed if ((source_id, file.snapshot_sha) in out_of_use) == restore]
    found = [file for file in candidates if file.as_of == vintage and file_name in (None, file.file_name)]
    if not found:
        wanted = f"vintage {vintage}" + (f", file {file_name}" if file_name else "")
        dates = ", ".join(sorted({str(file.as_of) for file in candidates})) or "none"
        state = "withdrawn" if restore else "in use"
        raise UsageError(
            f"{source_id} has no landed file of {wanted} that is {state}. Vintages {state}: {dates}."
        )
    return found

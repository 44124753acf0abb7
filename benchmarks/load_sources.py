"""Load every source's files of a folder, one source after the other, and say what became of them.

    python benchmarks/load_sources.py FOLDER

One line per source: files, rows as published, figures kept, figures in quarantine, files refused, seconds (landing,
parsing, conforming, contract checks, comparison with what is loaded, writing), lines of its YAML. The warehouse
is a temporary one. At the end it is built again from the landed files, and the content hashes are compared.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from flows import refresh
from flows.request import RunRequest
from lma import contracts
from lma.errors import LmaError


def load_source(request: RunRequest, folder: Path, source_id: str) -> tuple[float, str]:
    """Seconds, and the error of a refused file."""
    start = time.perf_counter()
    try:
        with refresh.open_run(request) as run:
            refresh.land_folder(run, folder, {source_id: contracts.source(source_id)})
            refresh.load_landed_files(run)
    except LmaError as error:
        return time.perf_counter() - start, str(error)
    return time.perf_counter() - start, ""


def describe(request: RunRequest, source_id: str, seconds: float, error: str) -> str:
    """One line of the table."""
    with refresh.open_run(request) as run:
        facts = run.warehouse.read("meta.snapshots")
    own = facts[facts["source_id"] == source_id]
    counts = [int(own[name].sum()) for name in ("n_rows", "n_observations", "n_quarantined")]
    lines = len(contracts.source_path(source_id).read_text(encoding="utf-8").splitlines())
    cells = [
        source_id,
        f"{len(own)}",
        *(f"{n:,}" for n in counts),
        error[:80] or "0",
        f"{seconds:.1f}",
        f"{lines}",
    ]
    return "| " + " | ".join(cells) + " |"


def build_again(request: RunRequest) -> bool:
    """Whether a database built from the landed files has the same observations as the one built file by file."""
    hashes = []
    for _ in range(2):
        with refresh.open_run(request) as run:
            refresh.load_landed_files(run)
            hashes.append(run.warehouse.content_hash("staging.observations"))
        request.warehouse.unlink()
    return hashes[0] == hashes[1]


def main(folder: Path) -> None:
    print(
        "| source | files | rows | figures | in quarantine | refused | seconds | lines of YAML |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        request = RunRequest((), Path(name) / "out", Path(name) / "lma.duckdb", "2026-11", offline=True)
        for source_id in contracts.sources():
            seconds, error = load_source(request, folder, source_id)
            print(describe(request, source_id, seconds, error), flush=True)
        print(
            f"built again from the landed files: {'the same' if build_again(request) else 'ANOTHER'} content hash"
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

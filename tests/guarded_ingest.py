"""`lma ingest` of broken files in a process of its own: what it said, what it wrote, how much memory it took.

Run as ``python guarded_ingest.py CASE=FILE...``; one line of JSON per file. An audit hook lists every
path that Python opens for writing, makes, moves or removes, and every program or connection it starts.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime",
}  # fmt: skip
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect")


def watch(written: list[str], started: list[str]) -> None:
    """Keep every changed path and everything started from now on."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            paths = arguments[:1]
        elif event in CHANGES:
            paths = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
        else:
            paths = ()
            started.extend([event] if event.startswith(STARTS) else [])
        written.extend(os.path.realpath(os.fsdecode(p)) for p in paths if isinstance(p, str | bytes))

    sys.addaudithook(hook)


def peak_bytes() -> int:
    """Most memory this process has held (``ru_maxrss`` would count the parent before exec)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


def ingest(case: str, path: str) -> dict[str, Any]:
    """Run the command in this process: exit code and messages."""
    from test_broken_files import CASES, build_source
    from world_builder import run_lma

    from lma import contracts

    source = build_source(CASES[case])
    contracts.sources = lambda: {source.source_id: source}  # type: ignore[assignment]
    place = Path.cwd() / case / "lma.duckdb"
    outcome = run_lma("ingest", source.source_id, path, "--vintage", "2025-01-01", "--warehouse", place)
    return {"case": case, "code": outcome.code, "messages": outcome.err.replace("\n", " ")}


def main() -> None:
    written: list[str] = []
    started: list[str] = []
    watch(written, started)
    for argument in sys.argv[1:]:
        case, _, path = argument.partition("=")
        found = ingest(case, path)
        print(json.dumps(found | {"peak": peak_bytes(), "written": written, "started": started}))
        written.clear()
        started.clear()


if __name__ == "__main__":
    main()

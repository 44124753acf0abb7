"""Another process, folder, time zone and hash seed: land, lose the database, build it again, and run once more.

Run by the fixture ``second_process`` beside the tests; writes what it found to found.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import network_guard
from world_builder import EDITION, World, describe_warehouse, hash_files

from flows.refresh import land_files, open_run
from flows.request import RunRequest

network_guard.allow("nothing")


def do(world: World, *arguments: object) -> None:
    outcome = world.lma(*arguments)
    if outcome.code:
        raise SystemExit(f"lma {' '.join(map(str, arguments))}: exit code {outcome.code}\n{outcome.err}")


def describe(world: World) -> dict[str, Any]:
    return {"tables": describe_warehouse(world), "editions": hash_files(world.folder / "editions")}


def land_only(world: World) -> list[str]:
    """Files in the raw store after a run that landed them and got no further."""
    request = RunRequest((), world.folder / "editions", world.warehouse, EDITION, offline=True)
    with open_run(request) as run:
        land_files(run)
    return sorted(path.name for path in world.raw.iterdir())


def compare_runs(world: World) -> dict[str, Any]:
    run = ("run", "MUS", "ARM", "--offline", "--edition", EDITION)
    landed = land_only(world)
    for path in world.warehouse.parent.glob("lma.*"):
        path.unlink()
    do(world, *run)
    rebuilt = describe(world)
    do(world, *run)
    return {"landed": landed, "rebuilt": rebuilt, "again": describe(world)}


def main(folder: Path) -> None:
    """What was found, or why nothing was, put in place at once: a test waits for it."""
    try:
        found = compare_runs(World(folder))
    except BaseException as error:
        found = {"failed": f"{type(error).__name__}: {error}"}
    unfinished = folder / "found.unfinished"
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.rename(folder / "found.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

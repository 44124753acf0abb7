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


def main(folder: Path) -> None:
    world, run = World(folder), ("run", "MUS", "ARM", "--offline", "--edition", EDITION)
    landed = land_only(world)
    for path in world.warehouse.parent.glob("lma.*"):
        path.unlink()
    do(world, *run)
    rebuilt = describe(world)
    do(world, *run)
    found = {"landed": landed, "rebuilt": rebuilt, "again": describe(world)}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The README is tested: its commands exist, its tree is the tree on disk, its numbers' places are real."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_two_commands_each_one_copyable_line() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.M)
    assert len(commands) == 2
    assert "lma run MUS ARM --offline" in commands[0]
    assert commands[1].endswith(".venv/bin/pytest")


def test_every_command_is_in_the_readme_and_every_one_there_exists() -> None:
    listed = set(re.findall(r"^lma ([a-z-]+) .*  ", README, re.M))
    assert listed == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_of_itself(name: str) -> None:
    assert f"Example: lma {name}" in (COMMANDS[name].help or "")


def test_every_file_named_in_the_tree_exists() -> None:
    tree = README.split("## Where things are")[1].split("```")[1]
    folder = ROOT
    for line in tree.splitlines():
        if match := re.match(r"([a-z_]+/)\s{2,}", line):
            folder = ROOT / match[1]
        named = re.findall(
            r"(?:^|\s)([A-Za-z_.]+(?:\.[a-z]+|/))(?=\s|$|,|;|:)",
            line.split("  ")[0 if line[:1] != " " else 1],
        )
        for name in named:
            places = [folder / name, ROOT / name, ROOT / "lma" / name, ROOT / "flows" / name]
            assert any(place.exists() for place in places), f"{name} in: {line}"


def test_every_python_room_is_in_the_tree() -> None:
    tree = README.split("## Where things are")[1].split("```")[1]
    tracked = subprocess.run(
        ["git", "ls-files", "lma", "flows"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    rooms = {path.split("/")[1] for path in tracked if not path.endswith("__init__.py")}
    missing = [room for room in sorted(rooms) if room not in tree]
    assert missing == []


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
    assert "TODO" not in README

"""The README is tested: its commands exist, its tree is the tree on disk, its numbers' places are real."""

from __future__ import annotations

import re
import shlex
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


def commands_in(document: str) -> list[list[str]]:
    """Every `lma ...` of a document, in a shell block or within a sentence, as words."""
    text = (ROOT / document).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    found = [*lines, *re.findall(r"`(lma [^`\n]+)`", text)]
    return [
        shlex.split(command, comments=True) for command in found if re.match(r"lma [a-z-]+( |$)", command)
    ]


@pytest.mark.parametrize(
    "document", ["docs/quick-start.md", "docs/editions.md", "docs/languages.md", "README.md"]
)
def test_commands_of_the_documents_exist_with_their_options(document: str) -> None:
    found = commands_in(document)
    assert found
    for _, name, *words in found:
        command = COMMANDS[name]
        known = {option for parameter in command.params for option in parameter.opts}
        known |= {o for sub in getattr(command, "commands", {}).values() for p in sub.params for o in p.opts}
        asked = {word.split("=")[0] for word in words if word.startswith("--")}
        assert asked <= known, f"{document}: lma {name} {' '.join(words)}"

"""`lma convert`: a user's table in another revision, with its total kept and the conversion in words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from world_builder import run_lma

TABLE = (
    "economic_activity,activity_revision,year,persons\nJ,ISIC4,2024,1000\nK,ISIC4,2024,200\n_T,_Z,2024,1200\n"
)


def test_a_table_is_carried_to_the_next_revision(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(TABLE, encoding="utf-8")
    outcome = run_lma(
        "convert", "isic4_isic5", tmp_path / "old.csv", tmp_path / "new.csv", "--value", "persons"
    )
    assert outcome.code == 0, outcome.err
    assert "3 rows of ISIC4 became 4 of ISIC5" in outcome.out.replace("\n", " ")
    found = pd.read_csv(tmp_path / "new.csv", keep_default_na=False)
    parts = found[found["economic_activity"] != "_T"].set_index("economic_activity")
    assert parts["persons"].to_dict() == pytest.approx({"J": 240.5, "K": 759.5, "L": 200.0})
    assert set(parts["activity_revision"]) == {"ISIC5"} and set(parts["year"]) == {2024}
    assert set(parts["step"]) == {"converted from ISIC4 by isic4_isic5, weights assumed"}


def test_sums_are_written_without_binary_noise(tmp_path: Path) -> None:
    """Shares such as 0.1 + 0.2 are no longer than their nine decimals, and the total stays."""
    rows = "".join(f"{code},ISIC4,{0.1 + n / 7:.3f}\n" for n, code in enumerate("ABCDEFGHIJKLMNOPQRSTU"))
    (tmp_path / "old.csv").write_text(
        "economic_activity,activity_revision,obs_value\n" + rows, encoding="utf-8"
    )
    assert run_lma("convert", "isic4_isic5", tmp_path / "old.csv", tmp_path / "new.csv").code == 0
    written = pd.read_csv(tmp_path / "new.csv", dtype=str)["obs_value"]
    assert written.str.partition(".")[2].str.len().max() <= 9, written.tolist()
    before = pd.read_csv(tmp_path / "old.csv")["obs_value"].sum()
    assert written.astype(float).sum() == pytest.approx(before, abs=1e-8)


def test_codes_that_look_like_numbers_stay_codes(tmp_path: Path) -> None:
    table = "economic_activity,activity_revision,obs_value\n55,ISIC3,10\n16,ISIC3,3\n"
    (tmp_path / "old.csv").write_text(table, encoding="utf-8")
    assert run_lma("convert", "isic3_isic4_divisions", tmp_path / "old.csv", tmp_path / "new.csv").code == 0
    found = pd.read_csv(tmp_path / "new.csv", dtype={"economic_activity": str})
    assert found.set_index("economic_activity")["obs_value"].to_dict() == {"55": 5, "56": 5, "12": 3}


@pytest.mark.parametrize(
    ("name", "table", "code", "words"),
    [
        ("isic3_isic4", TABLE, 13, "isic3_isic4 converts ISIC3, the figures declare ISIC4"),
        ("isic4_isic9", TABLE, 2, "there is no correspondence 'isic4_isic9'"),
        ("isic4_isic5", TABLE.replace("activity_revision", "revision"), 11, "no column activity_revision"),
        ("isic4_isic5", TABLE.replace(",200", ",many"), 11, "persons holds text beside figures"),
        ("isic4_isic5", TABLE.replace("K,ISIC4", "KK,ISIC4"), 13, "not in the correspondence: 'KK'"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    name: str, table: str, code: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text(table, encoding="utf-8")
    outcome = run_lma("convert", name, tmp_path / "old.csv", tmp_path / "new.csv", "--value", "persons")
    assert outcome.code == code
    assert words in " ".join(outcome.err.split())
    assert not (tmp_path / "new.csv").exists()

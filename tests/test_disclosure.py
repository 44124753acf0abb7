"""Suppression, rounding and the audit of what is published."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from lma.disclosure import SUPPRESSED, audit, find_equations, find_intervals, protect
from lma.errors import InputError, UsageError

DIMS = ["citizenship", "sex"]


def tabulate(inner: np.ndarray, names: list[list[str]], dims: list[str]) -> pd.DataFrame:
    """Long table with all margins from inner counts."""
    rows = []
    for place in itertools.product(*[range(size + 1) for size in inner.shape]):
        cut = tuple(slice(None) if p == size else p for p, size in zip(place, inner.shape, strict=True))
        codes = [
            "_T" if p == size else names[d][p]
            for d, (p, size) in enumerate(zip(place, inner.shape, strict=True))
        ]
        rows.append([*codes, int(inner[cut].sum())])
    return pd.DataFrame(rows, columns=[*dims, "persons"])


def build_table(inner: list[list[int]]) -> pd.DataFrame:
    counts = np.array(inner)
    return tabulate(
        counts, [[f"A{n:02d}" for n in range(counts.shape[0])], ["F", "M", "X"][: counts.shape[1]]], DIMS
    )


def work_out(
    truth: pd.DataFrame, published: pd.DataFrame, shape: tuple[int, ...], dims: list[str]
) -> list[float]:
    """Widths of what an attacker can work out about suppressed cells; another formulation than the code's.

    Unknowns are the inner cells alone, every printed cell of any margin is known exactly (rounding off).
    """
    names = [sorted(code for code in truth[dim].unique() if code != "_T") for dim in dims]
    inner = list(itertools.product(*names))
    assert len(inner) == np.prod(shape)

    def cover(key: tuple[str, ...]) -> np.ndarray:
        return np.array(
            [all(k in ("_T", c) for k, c in zip(key, cell, strict=True)) for cell in inner], float
        )

    keys = list(truth[dims].itertuples(index=False, name=None))
    shown = [cell != SUPPRESSED for cell in published["persons"]]
    if not any(shown):
        return []
    known = np.array([cover(key) for key, is_shown in zip(keys, shown, strict=True) if is_shown])
    exact = truth["persons"].to_numpy(float)[shown]
    widths = []
    for key, is_shown in zip(keys, shown, strict=True):
        if not is_shown:
            low, high = (linprog(sign * cover(key), A_eq=known, b_eq=exact) for sign in (1, -1))
            widths.append(np.inf if high.status == 3 else -high.fun - low.fun)
    return widths


# ---------------------------------------------------------------- one small table, by hand


def test_a_small_count_is_hidden_together_with_what_would_give_it_away() -> None:
    frame = build_table([[3, 40], [50, 60], [70, 80]])
    published, report = protect(frame, DIMS, "persons", n_min=5, base=1)
    shown = published.set_index(DIMS)["persons"]
    assert shown[("A00", "F")] == SUPPRESSED
    assert report["primary"] == 1
    assert report["complementary"] >= 3
    assert shown[("_T", "_T")] == "303"
    assert min(work_out(frame, published, (3, 2), DIMS)) >= 5
    assert audit([published], DIMS, "persons", n_min=5, base=1).empty


def test_suppressing_the_small_count_alone_is_caught() -> None:
    frame = build_table([[3, 40], [50, 60], [70, 80]])
    naive = frame.assign(persons=frame["persons"].astype(str).mask(frame["persons"] < 5, SUPPRESSED))
    found = audit([naive], DIMS, "persons", n_min=5, base=1)
    assert found.loc[0, ["citizenship", "sex", "low", "high", "reason"]].tolist() == [
        "A00",
        "F",
        3,
        3,
        "RECOVERABLE",
    ]


def test_a_rectangle_of_small_counts_is_too_narrow() -> None:
    """Four suppressed cells hide nothing where two of them can only be 0 to 4."""
    frame = build_table([[2, 2, 100], [2, 2, 100], [50, 50, 50]])
    naive = frame.assign(persons=frame["persons"].astype(str).mask(frame["persons"] < 5, SUPPRESSED))
    assert set(audit([naive], DIMS, "persons", n_min=5, base=1)["reason"]) == {"RECOVERABLE"}
    published, _ = protect(frame, DIMS, "persons", n_min=5, base=1)
    assert audit([published], DIMS, "persons", n_min=5, base=1).empty


def test_rounding_is_to_the_base_and_the_minimum_follows() -> None:
    frame = pd.DataFrame({"sex": list("abcdef"), "persons": [7, 8, 10, 12, 13, 9]})
    published, report = protect(frame, ["sex"], "persons", n_min=7, base=5)
    assert published["persons"].tolist() == [SUPPRESSED, SUPPRESSED, "10", "10", "15", SUPPRESSED]
    assert report["n_min"] == 10


def test_zero_is_small_and_missing_is_not_a_count() -> None:
    frame = pd.DataFrame({"sex": ["M", "F", "X"], "persons": ["0", "", "20"]})
    published, report = protect(frame, ["sex"], "persons")
    assert published["persons"].tolist() == [SUPPRESSED, "[x]", "20"]
    assert (report["primary"], report["missing"], report["published"]) == (1, 1, 1)


def test_other_columns_are_left_out_and_the_input_stays() -> None:
    frame = build_table([[3, 40], [50, 60]]).assign(share=0.5, name="x")
    before = frame.copy(deep=True)
    published, report = protect(frame, DIMS, "persons")
    assert list(published.columns) == [*DIMS, "persons"]
    assert report["columns_left_out"] == 2
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"persons": [1, -2, 3]}, "row 2, column persons"),
        ({"persons": [1, 2.5, 3]}, "row 2, column persons"),
        ({"persons": ["1", "many", "3"]}, "row 2, column persons"),
        ({"sex": ["M", "M", "F"]}, "key M stands twice"),
    ],
)
def test_wrong_input_names_row_column_and_remedy(change: dict[str, list[object]], words: str) -> None:
    frame = pd.DataFrame({"sex": ["M", "F", "X"], "persons": [10, 20, 30]}).assign(**change)
    with pytest.raises(InputError, match=words):
        protect(frame, ["sex"], "persons")


def test_unknown_dimension_and_parameters() -> None:
    frame = pd.DataFrame({"sex": ["M"], "persons": [10]})
    with pytest.raises(InputError, match="no column age"):
        protect(frame, ["age"], "persons")
    with pytest.raises(UsageError, match="1 or more"):
        protect(frame, ["sex"], "persons", n_min=0)


# ---------------------------------------------------------------- any table


INNER = st.integers(2, 4).flatmap(
    lambda rows: st.integers(2, 3).flatmap(
        lambda columns: st.lists(
            st.lists(st.one_of(st.integers(0, 12), st.integers(0, 500)), min_size=columns, max_size=columns),
            min_size=rows, max_size=rows,
        )
    )
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(inner=INNER, n_min=st.sampled_from([3, 5, 10]), base=st.sampled_from([1, 5, 10]))
def test_nothing_small_is_published_and_nothing_can_be_worked_out(
    inner: list[list[int]], n_min: int, base: int
) -> None:
    frame = build_table(inner)
    published, report = protect(frame, DIMS, "persons", n_min=n_min, base=base)
    numbers = [int(text) for text in published["persons"] if text != SUPPRESSED]
    assert all(number >= n_min and number % base == 0 for number in numbers)
    assert report["published"] == len(numbers)
    assert all(width >= n_min - 1e-6 for width in work_out(frame, published, np.array(inner).shape, DIMS))
    assert audit([published], DIMS, "persons", n_min=n_min, base=base).empty


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.one_of(st.integers(0, 8), st.integers(0, 300)), min_size=12, max_size=12),
    n_min=st.sampled_from([5, 10]),
)
def test_three_dimensions(counts: list[int], n_min: int) -> None:
    inner = np.array(counts).reshape(3, 2, 2)
    dims = ["citizenship", "sex", "economic_activity"]
    frame = tabulate(inner, [["BGD", "IND", "NPL"], ["F", "M"], ["C", "F"]], dims)
    published, _ = protect(frame, dims, "persons", n_min=n_min)
    assert all(width >= n_min - 1e-6 for width in work_out(frame, published, inner.shape, dims))
    assert audit([published], dims, "persons", n_min=n_min).empty


@settings(max_examples=40, deadline=None)
@given(inner=INNER, seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(inner: list[list[int]], seed: int) -> None:
    frame = build_table(inner)
    shuffled = frame.sample(frac=1, random_state=seed)
    straight = protect(frame, DIMS, "persons")[0].set_index(DIMS)["persons"]
    pd.testing.assert_series_equal(
        protect(shuffled, DIMS, "persons")[0].set_index(DIMS)["persons"].loc[straight.index], straight
    )


# ---------------------------------------------------------------- several tables, several editions


def test_a_cell_hidden_in_one_edition_and_printed_in_another_is_found() -> None:
    first, _ = protect(build_table([[3, 40], [50, 60], [70, 80]]), DIMS, "persons", n_min=10, base=1)
    second = first.assign(persons=first["persons"].mask(first["persons"] == SUPPRESSED, "40"))
    found = audit([first, second], DIMS, "persons", n_min=10, base=1)
    assert ("A00", "F") in set(found[["citizenship", "sex"]].itertuples(index=False, name=None))


def test_one_more_person_between_two_editions_is_found() -> None:
    first = pd.DataFrame({"citizenship": ["IND", "NPL"], "persons": ["100", "200"]})
    second = pd.DataFrame({"citizenship": ["IND", "NPL"], "persons": ["101", "300"]})
    found = audit([first, second], ["citizenship"], "persons", n_min=5, base=1)
    assert found[["citizenship", "low", "reason"]].to_numpy().tolist() == [["IND", 1.0, "DIFFERENCING"]]
    rounded = [
        frame.assign(persons=persons) for frame, persons in ((first, ["100", "200"]), (first, ["105", "200"]))
    ]
    assert set(audit(rounded, ["citizenship"], "persons", n_min=5, base=5)["reason"]) == {"DIFFERENCING"}


def test_two_tables_together_give_away_what_each_hides() -> None:
    """By sex the man is hidden with the woman; another table of the same persons prints the women."""
    by_sex = pd.DataFrame(
        {"citizenship": "IND", "sex": ["F", "M", "_T"], "persons": [SUPPRESSED, SUPPRESSED, "60"]}
    )
    women = pd.DataFrame({"citizenship": ["IND"], "sex": ["F"], "persons": ["58"]})
    assert audit([by_sex], DIMS, "persons", base=1).empty
    found = audit([by_sex, women], DIMS, "persons", base=1).set_index("sex")
    assert found.loc["M", ["low", "high", "reason"]].tolist() == [2, 2, "RECOVERABLE"]


def test_a_later_revision_does_not_hide_what_one_edition_gave_away() -> None:
    first = pd.DataFrame({"sex": ["F", "M", "_T"], "persons": ["58", SUPPRESSED, "60"]})
    revised = pd.DataFrame({"sex": ["F"], "persons": ["500"]})
    found = audit([first, revised], ["sex"], "persons", base=1)
    assert found[["sex", "low", "high"]].to_numpy().tolist() == [["M", 2.0, 2.0]]


def test_a_table_without_a_dimension_is_its_total() -> None:
    by_sex = pd.DataFrame({"citizenship": "IND", "sex": ["F", "M"], "persons": [SUPPRESSED, "58"]})
    together = pd.DataFrame({"citizenship": ["IND"], "persons": ["60"]})
    whole = pd.concat([by_sex, together.assign(sex="_T")])
    assert not audit([whole], DIMS, "persons", base=1).empty
    assert audit([together], DIMS, "persons", base=1).empty


def test_a_printed_small_count_is_found() -> None:
    found = audit([pd.DataFrame({"sex": ["M", "F"], "persons": ["3", "40"]})], ["sex"], "persons", base=1)
    assert found[["sex", "reason"]].to_numpy().tolist() == [["M", "BELOW_MINIMUM"]]


def print_cells(values: list[float | None], table_id: str = "T7") -> pd.DataFrame:
    """Cells of an edition: women, men, total; a cell without a number is suppressed."""
    frame = pd.DataFrame({"row_id": ["F", "M", "_T"], "value": values}).assign(
        ref_area="MUS", table_id=table_id, column_id="persons", address=table_id
    )
    return frame.assign(symbol=frame["value"].isna().map({True: SUPPRESSED, False: None}))


def test_cells_of_editions_are_told_from_their_columns() -> None:
    open_table = print_cells([1.0, 2.0, 3.0], "T1")
    first = pd.concat([print_cells([None, None, 60.0]), open_table])
    assert audit([first], base=1).empty
    found = audit([first, print_cells([58.0, None, 60.0])], base=1)
    assert set(found["row_id"]) == {"F", "M"}
    assert set(found["table_id"]) == {"T7"}
    assert audit([open_table], base=1).empty


def test_the_layout_of_a_protected_table_is_told_from_its_columns() -> None:
    published, _ = protect(build_table([[3, 40], [50, 60]]), DIMS, "persons")
    assert audit([published]).empty
    with pytest.raises(UsageError, match="name dims and value"):
        audit([published, published.rename(columns={"persons": "n"})])


def test_intervals_by_hand() -> None:
    keys = [("a",), ("b",), ("_T",)]
    equations = find_equations(keys, 1)
    bounds = {("a",): (0.0, np.inf), ("b",): (2.0, 6.0), ("_T",): (10.0, 10.0)}
    assert find_intervals([("a",)], equations, bounds) == {("a",): (4.0, 8.0)}


def test_a_table_of_thousands_of_cells_is_protected_in_reasonable_time() -> None:
    rng = np.random.default_rng(1)
    inner = rng.negative_binomial(0.4, 0.005, size=(60, 2, 14))
    dims = ["citizenship", "sex", "economic_activity"]
    names = [[f"A{n:02d}" for n in range(60)], ["F", "M"], [f"S{n:02d}" for n in range(14)]]
    published, report = protect(tabulate(inner, names, dims), dims, "persons", n_min=10)
    assert report["cells"] == 61 * 3 * 15
    assert report["published"] > report["complementary"]
    assert all(text == SUPPRESSED or int(text) >= 10 for text in published["persons"])

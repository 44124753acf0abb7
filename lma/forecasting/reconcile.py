"""Sectors, sexes and totals that sum: minimum-trace reconciliation (Wickramasuriya, Athanasopoulos, Hyndman
2019).

Every series has a key of codes, such as (sex, activity), with ``_T`` for all together. In each dimension a key
with ``_T`` is the sum of the keys that differ from it there: that gives the constraints ``C y = 0``. The
minimum-trace forecasts are the base forecasts moved by ``W C' (C W C')^-1 C y``, W the covariance of the
one-step errors shrunk to its diagonal (Schaefer and Strimmer 2005). This constraint form is the projection of
the summing-matrix form wherever there is one set of bottom series, and also holds where there is none: a total
by sector and by sex, but no sector by sex (Girolimetto and Di Fonzo 2024).

hierarchicalforecast (1.5) was looked at and is not used: its MinTrace needs one set of bottom series and the
same horizon for all, its non-negative form is a numerical quadratic programme whose sums are near, not exact,
and it brings matplotlib, qpsolvers, clarabel and utilsforecast and 1.6 s of import. What is needed of it is one
``numpy.linalg.lstsq``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lma.forecasting.series import Floats

FEWEST_ERRORS = 3
WHOLE = "_T"
GRID = 64.0
"""Reconciled means stand on 1/64 of a person: sums of such numbers are exact in any order of addition, and
six decimals write them exactly."""
_FAINT = 1e-9  # weight of a series' size beside its variance, which decides only where nothing ever erred

Key = tuple[str, ...]
Sum = tuple[int, tuple[int, ...]]
"""Place of a whole and the places of its parts."""


def find_sums(keys: Sequence[Key], codes: Sequence[Sequence[str]]) -> list[Sum]:
    """The sums that hold among series with these keys: a whole and all its parts, one dimension at a time.

    ``codes[d]``: codes that make up ``_T`` in dimension d. A sum with a part missing is not among them.
    """
    place = {key: i for i, key in enumerate(keys)}
    found = []
    for whole, i in place.items():
        for d, parts in enumerate(codes):
            named = [(*whole[:d], code, *whole[d + 1 :]) for code in parts]
            if whole[d] == WHOLE and named and all(key in place for key in named):
                found.append((i, tuple(place[key] for key in named)))
    return found


def constraint_matrix(n_series: int, sums: Sequence[Sum]) -> Floats:
    """(sums, series): 1 at the whole, -1 at its parts."""
    matrix = np.zeros((len(sums), n_series))
    for row, (whole, parts) in enumerate(sums):
        matrix[row, whole], matrix[row, list(parts)] = 1.0, -1.0
    return matrix


def shrink_covariance(errors: Floats) -> Floats:
    """Covariance of errors (rows: origins, columns: series) about zero, correlations shrunk towards none.

    The shrinkage is Schaefer and Strimmer's estimate, between 0 (as measured) and 1 (diagonal). Below three
    errors all is zero, so that gaps are shared by size: variances of one or two errors cost more accuracy than
    they bring (``python benchmarks/structure.py reconciliation``).
    """
    n = len(errors)
    if n < FEWEST_ERRORS:
        return np.zeros((errors.shape[1],) * 2)
    covariance = errors.T @ errors / n
    spread = np.sqrt(np.diag(covariance))
    if not (spread > 0).all():
        return np.asarray(np.diag(np.diag(covariance)), dtype=np.float64)
    scaled = errors / spread
    correlation = scaled.T @ scaled / n
    noise = ((scaled**2).T @ (scaled**2) / n - correlation**2) / (n - 1)
    off = ~np.eye(len(spread), dtype=bool)
    signal = float((correlation[off] ** 2).sum())
    shrinkage = min(1.0, max(0.0, float(noise[off].sum()) / signal)) if signal > 0 else 1.0
    shrunk = np.where(off, (1 - shrinkage) * correlation, 1.0)
    return np.asarray(shrunk * np.outer(spread, spread), dtype=np.float64)


def reconcile(path: Floats, sums: Sequence[Sum], covariance: Floats) -> Floats:
    """One forecast per series, not negative, moved so that every sum holds to the last bit; on the grid.

    ``path``: (series,), zero or above; ``covariance``: (series, series) of the errors of these forecasts. A
    series that never erred does not move, unless its whole sum never did: then the gap is shared by size. A
    series that would fall below zero is held at zero and the rest reconciled again. Nothing is mutated.
    """
    constraints, held = constraint_matrix(len(path), sums), np.zeros(len(path), dtype=bool)
    weight = covariance + np.diag(_faint_variance(path, covariance))
    out = path
    for _ in range(len(path) + 1):
        out = _project(path, np.vstack([constraints, np.eye(len(path))[held]]), weight)
        below = (out < -1e-9 * np.abs(path).max()) & ~held
        if not below.any():
            break
        held |= below
    return settle_sums(np.maximum(np.where(held, 0.0, out), 0.0), sums)


def _faint_variance(path: Floats, covariance: Floats) -> Floats:
    sizes = np.abs(path) if path.any() else np.ones(len(path))
    scale = float(np.trace(covariance)) / float(sizes.sum())
    return np.asarray(sizes * (_FAINT * scale if scale > 0 else 1.0), dtype=np.float64)


def _project(path: Floats, constraints: Floats, weight: Floats) -> Floats:
    """The nearest point to the path, in the metric of the weight, on which all constraints are zero."""
    moved = constraints @ weight
    gaps = moved @ constraints.T
    unit = np.sqrt(np.diag(gaps))
    unit = np.where(unit > 0, unit, 1.0)
    pull = np.linalg.lstsq(gaps / np.outer(unit, unit), constraints @ path / unit, rcond=1e-11)[0] / unit
    return np.asarray(path - moved.T @ pull, dtype=np.float64)


def settle_sums(path: Floats, sums: Sequence[Sum]) -> Floats:
    """The path on the grid, with every sum exact: parts are rounded, wholes are added up.

    Where a whole is divided twice, by sector and by sex, and the two divisions share no finer parts, the whole
    is the larger of the two and the largest part of the other takes up the difference: nothing falls below zero.
    Where all parts of one division are settled by other sums, the whole is their sum.
    """
    out, waiting = np.round(path * GRID) / GRID, {whole for whole, _ in sums}
    wholes, in_sums = waiting.copy(), [part for _, parts in sums for part in parts]
    while waiting:
        whole = next(
            w for w in sorted(waiting) if waiting.isdisjoint(p for v, ps in sums if v == w for p in ps)
        )
        waiting.remove(whole)
        divisions = [list(parts) for w, parts in sums if w == whole]
        frees = [[p for p in parts if p not in wholes and in_sums.count(p) == 1] for parts in divisions]
        settled = [parts for parts, free in zip(divisions, frees, strict=True) if not free]
        out[whole] = max(out[parts].sum() for parts in settled or divisions)
        for parts, free in zip(divisions, frees, strict=True):
            rest = out[whole] - out[parts].sum()
            if rest and free:
                out[max(free, key=lambda part: out[part])] += rest
    return out

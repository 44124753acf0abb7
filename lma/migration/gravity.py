"""Gravity model of migrant stocks and flows (Poisson pseudo maximum likelihood), its rivals and its scores.

E[M] = exp(b0 + b1 ln(1 + last stock) + b2 ln(1 + last flow) + b3 ln distance + b4 language + b5 colony + b6 border
+ b7 ln incomes + b8 ln populations ...), Santos Silva and Tenreyro (2006). It is evaluated out of sample in benchmarks/corridors.py
against the last stock and loses (docs/corridors.md), so no edition uses it: T8 shows an affinity instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lma.errors import UsageError

Floats = npt.NDArray[np.float64]
PAIR = ["origin", "destination"]
CIRCUMSTANCES = (
    "ln_distance", "language", "language_spoken", "colony", "common_coloniser", "border", "ln_pop_origin", "ln_pop_destination",
    "ln_income_origin", "ln_income_destination",
)  # fmt: skip
LAGGED = ("ln_last_stock", "ln_last_flow", *CIRCUMSTANCES)
NEEDED = ("origin", "destination", "period", "previous", "stock", "last_stock", "flow", "last_flow", *LAGGED)


@dataclass(frozen=True)
class Gravity:
    """A fitted model: columns it reads, the countries whose effects it knows, and the regression itself."""

    features: tuple[str, ...]
    effects: dict[str, list[str]]
    regression: Any
    scale: Floats
    centre: Floats

    def predict(self, panel: pd.DataFrame) -> Floats:
        """Expected persons of every row, at least zero; a country not fitted has no effect of its own."""
        return np.asarray(self.regression.predict(_design(panel, self)), dtype=float)

    def coefficients(self) -> dict[str, float]:
        """Coefficient of every feature in its own units (an elasticity where the feature is a logarithm)."""
        own = self.regression.coef_[: len(self.features)] / self.scale
        return dict(zip(self.features, own.tolist(), strict=True))


def build_panel(
    stocks: pd.DataFrame, pairs: pd.DataFrame, populations: pd.DataFrame, incomes: pd.DataFrame
) -> pd.DataFrame:
    """One row per corridor and period with the stock, the one before, and what was known at the one before.

    ``stocks``: origin, destination, period (year), stock. ``pairs``: origin, destination, distance, language,
    language_spoken, colony, common_coloniser, border. ``populations`` and ``incomes``: area, period, value; of both
    the newest year up to the previous period is taken. Left out are corridors without a circumstance and the first two
    dates of each, because the last flow takes two stocks; it is scaled to the years of the interval ahead.
    Columns: NEEDED, and population growth of both sides over the interval before (``growth_origin``, ``growth_destination``).
    """
    ordered = stocks.sort_values([*PAIR, "period"])
    groups = ordered.groupby(PAIR)
    panel = ordered.assign(
        last_stock=groups["stock"].shift(), previous=groups["period"].shift(), before=groups["period"].shift(2),
        stock_before=groups["stock"].shift(2),
    ).dropna(subset=["last_stock", "stock_before"])  # fmt: skip
    panel = panel.astype({"previous": int, "before": int}).merge(pairs, on=PAIR)
    for side in PAIR:
        for name, frame in (("pop", populations), ("income", incomes)):
            panel = panel.assign(**{f"{name}_{side}": _look_up(frame, panel[side], panel["previous"])})
        earlier = _look_up(populations, panel[side], panel["before"])
        past = panel["previous"] - panel["before"]
        yearly = (panel[f"pop_{side}"] / earlier) ** (1 / past)
        panel = panel.assign(**{f"growth_{side}": yearly ** (panel["period"] - panel["previous"])})
    return _add_logarithms(panel).dropna(subset=[*NEEDED]).reset_index(drop=True)


def _look_up(frame: pd.DataFrame, areas: pd.Series, years: pd.Series) -> Floats:
    """Newest value of each area up to the year, as an array in the order asked; nan where there is none."""
    asked = pd.DataFrame({"area": areas.to_numpy(), "period": years.to_numpy(), "place": range(len(areas))})
    known = frame[["area", "period", "value"]].astype({"period": int}).sort_values("period")
    found = pd.merge_asof(asked.astype({"period": int}).sort_values("period"), known, on="period", by="area")
    return found.sort_values("place")["value"].to_numpy(dtype=float)


def _add_logarithms(panel: pd.DataFrame) -> pd.DataFrame:
    positive = {
        "ln_distance": panel["distance"], "ln_pop_origin": panel["pop_origin"], "ln_pop_destination": panel["pop_destination"],
        "ln_income_origin": panel["income_origin"], "ln_income_destination": panel["income_destination"],
    }  # fmt: skip
    logs = {name: np.log(values.where(values > 0)) for name, values in positive.items()}
    years = panel["period"] - panel["previous"]
    past = panel["previous"] - panel["before"]
    last_flow = (panel["last_stock"] - panel["stock_before"]).clip(lower=0) / past * years
    return panel.assign(
        **logs,
        ln_last_stock=np.log1p(panel["last_stock"]),
        ln_last_flow=np.log1p(last_flow),
        last_flow=last_flow,
        flow=(panel["stock"] - panel["last_stock"]).clip(lower=0),
    )


def fit_gravity(
    panel: pd.DataFrame,
    target: str,
    *,
    lagged: bool = True,
    country_effects: bool = False,
    alpha: float = 1e-6,
) -> Gravity:
    """Poisson pseudo maximum likelihood of ``target`` (``stock`` or ``flow``) on the circumstances.

    ``lagged``: with the last stock and the last flow; ``country_effects``: a constant of every origin and destination;
    ``alpha``: ridge penalty, which keeps constants of countries with few corridors finite. Raises ``UsageError`` for
    an unknown target, an empty panel, a missing column or negative or infinite values.
    """
    check_panel(panel, target)
    from sklearn.linear_model import PoissonRegressor

    features = LAGGED if lagged else CIRCUMSTANCES
    values = panel[list(features)].to_numpy(dtype=float)
    spread = values.std(axis=0)
    effects = {side: sorted(panel[side].unique()) for side in PAIR} if country_effects else {}
    model = Gravity(
        features,
        effects,
        PoissonRegressor(alpha=alpha, max_iter=100, solver="newton-cholesky"),
        np.where(spread > 1e-9, spread, 1.0),
        values.mean(axis=0),
    )
    # Persons in units of their mean: the same coefficients but the constant, and a search that ends.
    size = float(panel[target].mean())
    if size <= 0:
        raise UsageError(f"every {target} of the panel is zero: there is nothing to fit.")
    model.regression.fit(_design(panel, model), panel[target] / size)
    model.regression.intercept_ += np.log(size)
    return model


def check_panel(panel: pd.DataFrame, target: str) -> None:
    """``UsageError`` where a panel cannot be fitted, with what is wrong and where."""
    if target not in ("stock", "flow"):
        raise UsageError(f"{target!r} is no target of the gravity model: take stock or flow.")
    missing = [name for name in NEEDED if name not in panel.columns]
    if missing:
        raise UsageError(
            f"the panel of corridors lacks the columns {', '.join(missing)}: build it with build_panel."
        )
    if panel.empty:
        raise UsageError(
            "the panel of corridors is empty: it needs stocks of two periods and circumstances of the pairs."
        )
    numbers = panel[[target, "last_stock", *LAGGED]]
    wrong = (
        ~np.isfinite(numbers.to_numpy(dtype=float)).all(axis=1)
        | (panel[target] < 0)
        | (panel["last_stock"] < 0)
    )
    if wrong.any():
        row = panel[wrong].iloc[0]
        raise UsageError(
            f"{row['origin']} to {row['destination']} in {row['period']}: a value is missing, infinite or below zero "
            f"({int(wrong.sum())} rows): leave the row out or correct it."
        )


def _design(panel: pd.DataFrame, model: Gravity) -> Any:
    from scipy import sparse

    own = (panel[list(model.features)].to_numpy(dtype=float) - model.centre) / model.scale
    if not model.effects:
        return own
    blocks = [sparse.csr_matrix(own)]
    for side, areas in model.effects.items():
        places = pd.Categorical(panel[side], categories=areas).codes
        known = np.flatnonzero(places >= 0)
        ones = (np.ones(len(known)), (known, places[known]))
        blocks.append(sparse.csr_matrix(ones, shape=(len(panel), len(areas))))
    return sparse.hstack(blocks, format="csr")


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Scores:
    """How close predicted persons come to observed ones. ``within_r2``: over time inside a corridor."""

    n: int
    pooled_r2: float
    within_r2: float
    relative_mae: float
    cpc: float


def score_corridors(
    observed: Sequence[float], predicted: Sequence[float], corridors: Sequence[str]
) -> Scores:
    """Pooled R2, within-corridor R2, relative MAE (sum |error| / sum observed) and common part of commuters (CPC).

    Within-corridor R2 takes from both sides the mean of the corridor, so that only movement over time counts; it needs
    corridors with two observations and is nan without. CPC = 2 sum min(M, M^) / (sum M + sum M^). All are nan where
    the denominator is zero. Raises ``UsageError`` for unequal lengths, no row, or values missing or below zero.
    """
    frame = pd.DataFrame({"m": list(observed), "p": list(predicted)}, dtype=float)
    if frame.empty or len(frame) != len(corridors):
        raise UsageError(
            f"{len(frame)} values and {len(corridors)} corridors: give one corridor for each value."
        )
    if not (np.isfinite(frame).all().all() and (frame >= 0).all().all()):
        raise UsageError("persons observed and predicted must be numbers of zero or more.")
    m, p = frame["m"], frame["p"]
    means = frame.groupby(list(corridors)).transform("mean")
    moved, expected = m - means["m"], p - means["p"]
    return Scores(
        len(frame),
        1 - _divide(((m - p) ** 2).sum(), ((m - m.mean()) ** 2).sum()),
        1 - _divide(((moved - expected) ** 2).sum(), (moved**2).sum()),
        _divide((m - p).abs().sum(), m.sum()),
        _divide(2 * np.minimum(m, p).sum(), m.sum() + p.sum()),
    )


def _divide(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")

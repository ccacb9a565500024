"""Strings that repeat, as the driver sends them fastest: each once, and its number in each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl


class _Strings(pd.CategoricalDtype):  # type: ignore[misc] # pandas ships no types
    """The driver takes the type of a column for one that numpy knows; numpy looks here then."""

    dtype = np.dtype(object)


def coded(strings: pl.Series) -> Any:
    """`strings`, none of which is null, for a column of LowCardinality(String)."""
    found = strings.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    return pd.Categorical.from_codes(found.indices.to_numpy(), dtype=_Strings(found.dictionary.to_pylist()))

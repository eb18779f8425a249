"""How numbers, intervals and moments are written on the models page."""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app._words import Words

DIGITS = 3  # of a figure


def write_time(when: Any) -> str:
    """Write a moment, in a way that is the same in each language.

    Parameters
    ----------
    when : Timestamp or str
        In UTC.

    Returns
    -------
    text : str
        None where there is none.
    """
    return "" if pd.isna(when) else f"{pd.Timestamp(when):%Y-%m-%d %H:%M} UTC"


def write_interval(low: float, high: float, words: Words) -> str:
    """Write an interval.

    Parameters
    ----------
    low, high : float
        Its ends.
    words : Words
        The language.

    Returns
    -------
    text : str
        Nothing where an end is NaN.
    """
    if pd.isna(low) or pd.isna(high):
        return ""
    return words("m_interval", low=words.number(low, 2), high=words.number(high, 2))


def show_numbers(table: pd.DataFrame, key: str) -> None:
    """Show a table with numbers of as many digits as can be compared.

    Parameters
    ----------
    table : DataFrame
        What is shown.
    key : str
        Of the widget.
    """
    numbers = table.select_dtypes("floating").columns
    config = {name: st.column_config.NumberColumn(format="%.4f") for name in numbers}
    st.container(key=key).dataframe(table, hide_index=True, column_config=config)

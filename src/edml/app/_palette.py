"""Colours that colour-blind readers can distinguish, readable on white and black.

They are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/), without yellow
and black, which are invisible on one of the two backgrounds. No picture relies only on
colour.
"""

BLUE = "#0072B2"
#: For what is chosen on a dark background: readable there.
LIGHT_BLUE = "#2E8BC9"
SKY = "#56B4E9"
VERMILLION = "#D55E00"
ORANGE = "#E69F00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#888888"

#: For series, in the order of their use.
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

FLAGGED, NOT_FLAGGED = VERMILLION, SKY

_GRID = "rgba(136, 136, 136, 0.25)"
_CLEAR = "rgba(0, 0, 0, 0)"

#: For every plotly figure: a transparent background and a light grid.
LAYOUT = {
    "paper_bgcolor": _CLEAR,
    "plot_bgcolor": _CLEAR,
    "margin": {"l": 8, "r": 8, "t": 32, "b": 8},
    "colorway": list(SERIES),
    "xaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True},
    "yaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True},
}

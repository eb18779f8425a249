"""Colours that the colour-blind tell apart, readable on white and on black.

They are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/), without the
yellow and the black, each of which vanishes on one of the two grounds. No picture
relies on colour alone.
"""

BLUE = "#0072B2"
#: Of what can be pressed, on a dark ground: it is read there, and white on it.
LIGHT_BLUE = "#2E8BC9"
SKY = "#56B4E9"
VERMILLION = "#D55E00"
ORANGE = "#E69F00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#888888"

#: For series, in the order in which they are taken.
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

FLAGGED, NOT_FLAGGED = VERMILLION, SKY

_GRID = "rgba(136, 136, 136, 0.25)"
_CLEAR = "rgba(0, 0, 0, 0)"

#: Of every plotly figure: no ground of its own, and a quiet grid.
LAYOUT = {
    "paper_bgcolor": _CLEAR,
    "plot_bgcolor": _CLEAR,
    "margin": {"l": 8, "r": 8, "t": 32, "b": 8},
    "colorway": list(SERIES),
    "xaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True},
    "yaxis": {"gridcolor": _GRID, "zerolinecolor": _GRID, "automargin": True},
}

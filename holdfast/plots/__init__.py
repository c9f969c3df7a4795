"""Small charts for places where people look rather than read.

Dagster's UI shows a picture in a metadata table only while its Markdown stays below 1000 characters; a longer one hides
behind "Show Markdown". So a chart is drawn with as much as fits, in whole pixels, percent-encoded.
"""

from holdfast.plots.bands import Banded, band_chart
from holdfast.plots.days import State, day_chart
from holdfast.plots.lines import Points, line_chart
from holdfast.plots.shares import share_chart
from holdfast.plots.stacks import stack_chart

__all__ = ["Banded", "Points", "State", "band_chart", "day_chart", "line_chart", "share_chart", "stack_chart"]

"""How good a world model is: near the truth, and following *these* actions rather than others."""

from wiw_learn.measure.cases import Settings
from wiw_learn.measure.report import Report, Row
from wiw_learn.measure.run import measure

__all__ = ["Report", "Row", "Settings", "measure"]

"""``wiw report``: one self-contained HTML page of a study, and the same as JSON."""

from wiw.report.page import write_report

__all__ = ["write_report"]

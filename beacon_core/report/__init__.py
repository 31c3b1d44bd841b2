"""What agents did in a run: sessions, tools, files, approvals, tokens, cost, and what was redacted.

It reads what a pipeline wrote and knows nothing of how a pipeline works.
"""

from beacon_core.report.document import SCHEMA_VERSION, as_json
from beacon_core.report.markdown import as_markdown
from beacon_core.report.reading import read_report, read_reports, report_on
from beacon_core.report.report import Report

__all__ = ["SCHEMA_VERSION", "Report", "as_json", "as_markdown", "read_report", "read_reports", "report_on"]

"""What agents did in a run: sessions, tools, files, approvals, tokens, cost, and what was redacted.

It reads what a pipeline wrote and knows nothing of how a pipeline works.
"""

from beacon_core.report.delivery import ReceiptJson, delivery
from beacon_core.report.document import SCHEMA_VERSION, as_json
from beacon_core.report.files import UnreadableFileError, split_lines
from beacon_core.report.markdown import as_markdown
from beacon_core.report.page import as_html
from beacon_core.report.plain import as_text
from beacon_core.report.reading import lines_of, read_report, report_on
from beacon_core.report.report import Report

__all__ = [
    "SCHEMA_VERSION",
    "ReceiptJson",
    "Report",
    "UnreadableFileError",
    "as_html",
    "as_json",
    "as_markdown",
    "as_text",
    "delivery",
    "lines_of",
    "read_report",
    "report_on",
    "split_lines",
]

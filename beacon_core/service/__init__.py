"""Runs a pipeline: lifecycle, receipt, ready file, admin endpoint."""

from beacon_core.receipt import ExporterReceipt, Receipt, receipt_text
from beacon_core.service.files import check_writable, write_json
from beacon_core.service.service import Service

__all__ = ["ExporterReceipt", "Receipt", "Service", "check_writable", "receipt_text", "write_json"]

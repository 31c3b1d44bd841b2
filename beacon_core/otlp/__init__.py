"""OTLP, the OpenTelemetry protocol: requests in protobuf or JSON to events, the answers to them, and events to JSON.

Protobuf messages and JSON types are loaded when the first request in their encoding is decoded.
"""

from beacon_core.otlp.answer import encode_status, encode_success
from beacon_core.otlp.encoding import encode_otlp_json
from beacon_core.otlp.request import MEDIA_TYPES, PATHS, Decoded, Encoding, decode_request

__all__ = [
    "MEDIA_TYPES",
    "PATHS",
    "Decoded",
    "Encoding",
    "decode_request",
    "encode_otlp_json",
    "encode_status",
    "encode_success",
]

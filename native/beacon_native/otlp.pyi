from typing import Any

from beacon_native.otlp_records import Records, UnusualError

__all__ = ["Reader", "UnusualError", "attributes"]

class Reader(Records): ...

def attributes(body: bytes, field: int) -> tuple[dict[str, Any], str, str]: ...

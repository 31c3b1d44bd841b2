from typing import Any

from beacon_native.otlp_records import Records, UnusualError

__all__ = ["Reader", "UnusualError"]

class Reader(Records):
    def logs(self) -> list[Any] | None: ...
    def spans(self) -> list[Any] | None: ...

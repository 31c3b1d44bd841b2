from beacon_native.otlp_records import Records, UnusualError

__all__ = ["Reader", "UnusualError"]

class Reader(Records): ...

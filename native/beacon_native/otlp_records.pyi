from collections.abc import Callable
from typing import Any

class UnusualError(Exception): ...

class Records:
    untimed: int
    empty: int
    def __init__(
        self,
        body: bytes,
        prefix: str,
        *,
        event: type[Any],
        span: type[Any],
        span_event: type[Any],
        resource: Callable[[bytes], Any],
        scope: Callable[[bytes, str], Any],
        received: int = ...,
    ) -> None: ...
    def logs(self) -> list[Any] | None: ...
    def spans(self) -> list[Any] | None: ...

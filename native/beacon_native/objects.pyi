from collections.abc import Callable, Iterable, Sequence
from typing import Any

class UnusualError(Exception): ...

class Form:
    def __init__(
        self, pieces: Sequence[bytes | tuple[str, ...]], field: Callable[[str], str], taken: Iterable[str]
    ) -> None: ...
    def write(self, text: bytearray, records: tuple[Any, ...], first: int, largest: int) -> list[int]: ...

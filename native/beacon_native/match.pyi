from collections.abc import Callable
from typing import Any

class Patterns:
    def __init__(
        self, calls: list[Any], call: Callable[[int], Any], add: Callable[[int, Any, Any, list[Any]], object]
    ) -> None: ...
    def match(self, text: str, places: list[tuple[int, int]], spans: list[Any]) -> dict[Any, Any]: ...

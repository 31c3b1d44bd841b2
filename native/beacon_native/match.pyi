from collections.abc import Callable
from typing import Any

class Patterns:
    def __init__(
        self,
        calls: list[Any],
        *,
        call: Callable[[int], Any],
        ids: list[str],
        plain: list[str | None],
        judge: Callable[[int, str], str | None],
        search: Callable[[Any, str, list[Any]], object],
        choose: Callable[[list[Any]], list[Any]],
    ) -> None: ...
    def apply(self, text: str, places: list[tuple[int, int]], counts: dict[str, int]) -> str: ...

from collections.abc import Callable, Iterable
from typing import Any

from beacon_native.text import Hits, Search

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
        keywords: Search,
        asides: bytes,
        before_json: str,
        make: Callable[[str, dict[str, int]], Any],
    ) -> None: ...
    def apply(self, text: str, places: list[tuple[int, int]], counts: dict[str, int]) -> str: ...
    def apply_all(self, found: Iterable[Hits]) -> tuple[dict[str, Any], dict[str, Any], list[Hits]]: ...

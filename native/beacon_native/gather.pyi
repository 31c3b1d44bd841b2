from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from beacon_native.text import Hits, Search

class Gathered:
    hits: list[Hits]
    texts: list[str]
    longest: int
    places: list[tuple[int, str, str]]
    heads: list[tuple[int, str, str]]
    walks: list[int]
    shared: dict[int, Any]
    def __init__(
        self,
        search: Search,
        *,
        members: dict[type, tuple[str, ...]],
        is_plain: Callable[[tuple[Any, ...]], bool],
        decode: Callable[[bytes], str],
        longest: int,
        levels: int,
    ) -> None: ...
    def events(self, records: Iterable[Any]) -> None: ...
    def heavy(self, size: int, growth: float) -> list[int]: ...
    def edits(
        self, records: Sequence[Any], changes: dict[str, Any], skip: Container[int]
    ) -> tuple[dict[int, dict[str, Any]], dict[str, list[int]]]: ...

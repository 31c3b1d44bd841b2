from collections.abc import Collection, Iterable

class Hits:
    text: str
    places: list[tuple[int, int]]
    keywords: Collection[int]
    run: bool

class Search:
    def __init__(
        self, keywords: list[bytes], run: int, *, coded: list[int] = ..., coded_text: list[int] = ...
    ) -> None: ...
    def scan(self, texts: Iterable[str]) -> list[Hits]: ...

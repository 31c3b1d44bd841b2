"""Text with the names of attributes in it, such as `ci:{{ cicd.pipeline.name }}`; written as in Vector."""

from __future__ import annotations

import re

from beacon_core import Attributes
from beacon_splunk.fields import text

_PLACE = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")


class Template:
    """A text whose places are filled from an event. Any thread.

    Args:
        pattern: text, with `{{ name }}` where an attribute's value belongs.

    Raises:
        ValueError: braces without a name between them.
    """

    def __init__(self, pattern: str) -> None:
        self._parts = _PLACE.split(pattern)  # text, name, text, name ... text
        if any("{{" in part or "}}" in part for part in self._parts[::2]):
            raise ValueError("a place for an attribute is written {{ name }}")

    @property
    def constant(self) -> str | None:
        """The text, if there is no place in it."""
        return self._parts[0] if len(self._parts) == 1 else None

    def fill(self, attributes: Attributes, resource: Attributes) -> str | None:
        """Return the text for an event; None if an attribute is missing, blank, a list or a map.

        Args:
            attributes: the event's; looked at first.
            resource: the event's.
        """
        filled = self._parts[:]
        for place in range(1, len(filled), 2):
            name = filled[place]
            value = attributes.get(name)
            if value is None:
                value = resource.get(name)
            if value is None or isinstance(value, list | dict):
                return None
            filled[place] = text(value).strip()
            if not filled[place]:
                return None
        return "".join(filled)

"""An agent on the official SDK loses nothing in a session, whatever its destination does; `make sessions` is longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.ci.agents.campaign import DESTINATIONS, MODES, run


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("mode", MODES)
def test_c1_c2_c5_what_an_agent_sends_while_it_ends_arrives(tmp_path: Path, mode: str, kind: str) -> None:
    assert run(tmp_path / "run", mode, kind) == []

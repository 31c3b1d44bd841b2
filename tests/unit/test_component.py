"""Components, hosts and counters."""

from __future__ import annotations

import threading

from beacon_core import ComponentConfig, Counters, Exporter, ExporterConfig, Host


class Null(Exporter):
    """Takes everything."""

    def export(self, batch: object) -> None:
        pass


def test_a_component_without_options_needs_no_config_class() -> None:
    assert Null.config_class is ExporterConfig
    component = Null(ComponentConfig())
    component.shutdown(1)
    component.start(Host("null/a"))
    component.shutdown(1)
    component.shutdown(1)
    assert component.host.component == "null/a"


def test_p7_a_host_does_not_show_the_secrets_it_carries() -> None:
    assert "hunter2" not in repr(Host("x", secrets=("hunter2",)))


def test_counters_count_by_name_component_and_reason() -> None:
    counters = Counters()
    host = Host("file", counters)
    host.count("dropped", 2, reason="a")
    host.count("dropped", 3, reason="b")
    host.count("dropped", 0, reason="c")
    counters.add("dropped", "other")
    assert counters.get("dropped", "file") == 5
    assert counters.reasons("dropped", "file") == {"a": 2, "b": 3}
    assert [(c.component, c.reason, c.value) for c in counters] == [
        ("file", "a", 2),
        ("file", "b", 3),
        ("other", "", 1),
    ]


def test_counters_may_be_used_from_many_threads() -> None:
    counters = Counters()
    threads = [threading.Thread(target=lambda: [counters.add("n", "c") for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.get("n", "c") == 4000

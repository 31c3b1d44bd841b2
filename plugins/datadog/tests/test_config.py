"""The options: sites, keys and where they come from, and what is refused with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_datadog import config as module
from beacon_datadog.config import DatadogConfig

KEY = "pub" + "FAKE" * 8
API_KEY = "FAKE" * 8


def config(**options: Any) -> DatadogConfig:
    return DatadogConfig.model_validate({"api": {"key": API_KEY}} | options)


def test_site_and_key_come_from_the_environment_when_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_SITE", "us5.datadoghq.com")
    monkeypatch.setenv("DD_API_KEY", API_KEY + "\n")
    options = DatadogConfig()
    assert options.api.site == "us5.datadoghq.com"
    assert options.api.key.get_secret_value() == API_KEY
    assert DatadogConfig.model_validate({"api": {"site": "datadoghq.eu"}}).logs_url.endswith("datadoghq.eu/api/v2/logs")


def test_p10_no_key_at_all_is_said_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DD_API_KEY", raising=False)
    for options in ({}, {"api": {"site": "datadoghq.eu"}}):
        with pytest.raises(ValidationError, match="DD_API_KEY") as raised:
            DatadogConfig.model_validate(options)
        assert [error["loc"] for error in raised.value.errors()] == [("api", "key")]


#: The intake of client tokens of each site.
SITES = {
    "datadoghq.com": "browser-intake-datadoghq.com",
    "us3.datadoghq.com": "browser-intake-us3-datadoghq.com",
    "us5.datadoghq.com": "browser-intake-us5-datadoghq.com",
    "datadoghq.eu": "browser-intake-datadoghq.eu",
    "ap1.datadoghq.com": "browser-intake-ap1-datadoghq.com",
    "ap2.datadoghq.com": "browser-intake-ap2-datadoghq.com",
    "uk1.datadoghq.com": "browser-intake-uk1-datadoghq.com",
    "ddog-gov.com": "browser-intake-ddog-gov.com",
    "us2.ddog-gov.com": "browser-intake-us2-ddog-gov.com",
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("written", ["{}", "app.{}", " {} "])
def test_the_intakes_of_every_site_follow_from_the_kind_of_key(site: str, written: str) -> None:
    options = config(api={"site": written.format(site), "key": API_KEY})
    assert options.logs_url == f"https://http-intake.logs.{site}/api/v2/logs"
    assert options.metrics_url == f"https://api.{site}/api/v2/series"
    assert options.distributions_url == f"https://api.{site}/api/v1/distribution_points"
    options = config(api={"site": written.format(site), "key": KEY})
    assert options.logs_url == f"https://{SITES[site]}/api/v2/logs"


def test_every_site_is_tried_here() -> None:
    table = tomllib.loads(Path(module.__file__).with_name("sites.toml").read_text())["site"]
    assert table.keys() == SITES.keys()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9/api/v2/logs"])
def test_an_endpoint_is_an_origin_or_a_full_url(endpoint: str) -> None:
    assert config(logs={"endpoint": endpoint}).logs_url == "http://127.0.0.1:9/api/v2/logs"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://127.0.0.1:9/api/v2/series"])
def test_both_metric_intakes_follow_from_one_endpoint(endpoint: str) -> None:
    options = config(metrics={"endpoint": endpoint})
    assert options.metrics_url == "http://127.0.0.1:9/api/v2/series"
    assert options.distributions_url == "http://127.0.0.1:9/api/v1/distribution_points"


@pytest.mark.parametrize(
    "options",
    [
        {"api": {"key": API_KEY, "site": "datadog.eu"}},
        {"api": {"key": API_KEY, "site": "datad0g.com"}},
        {"api": {"key": "two words"}},
        {"logs": {"endpoint": "datadoghq.com"}},
        {"logs": {"endpoint": "https://user:hunter2@host"}},
        {"logs": {"endpoint": "https://host?dd-api-key=hunter2"}},
        {"logs": {"endpoint": "https://browser-intake-datadoghq.com"}},
        {"logs": {"endpoint": "https://browser-http-intake.logs.datadoghq.com"}},
        {"api": {"key": KEY}, "logs": {"endpoint": "https://http-intake.logs.datadoghq.com"}},
        {"tags": ["a:b,c:d"]},
        {"tags": [" "]},
        {"metrics": {"histograms": {"mode": "counters"}}},
        {"proxy_url": "socks5://proxy"},
        {"proxy_url": "http://user:hunter2@proxy"},
        {"tls": {"key_file": "key.pem"}},
    ],
)
def test_p10_options_that_cannot_work_are_refused_and_no_credential_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        config(**options)
    assert not any(secret in str(raised.value) for secret in ("hunter2", API_KEY, KEY))

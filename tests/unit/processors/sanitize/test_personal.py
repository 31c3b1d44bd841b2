"""Personal data: the groups that are on, and those that can be switched on."""

from __future__ import annotations

import pytest

from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_batch

CARD, ADDRESS, PHONE = "[REDACTED:credit-card]", "[REDACTED:ip-address]", "[REDACTED:phone-number]"


def done(text: str, *groups: str) -> object:
    processor = SanitizeProcessor(SanitizeConfig.model_validate({"personal": groups}))
    once = processor.process(make_batch(body=text))
    assert processor.process(once) is once
    return once.events[0].body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", CARD),
        ("card 4111 1111 1111 1111.", f"card {CARD}."),
        ("5500-0000-0000-0004", CARD),
        ("378282246310005", CARD),
        ("4111111111111112", "4111111111111112"),
        ("id-4111111111111111", "id-4111111111111111"),
        ("1795145952094 ms", "1795145952094 ms"),
    ],
)
def test_s2_credit_cards_that_pass_the_luhn_check(text: str, expected: str) -> None:
    assert done(text, "credit_card") == expected
    assert done(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 10.1.2.3:8080", f"from {ADDRESS}:8080"),
        ("http://192.168.0.7/x", f"http://{ADDRESS}/x"),
        ("[2001:db8::1]:443", f"[{ADDRESS}]:443"),
        ("fe80::1ff:fe23:4567:890a up", f"{ADDRESS} up"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", ADDRESS),
        ("127.0.0.1 ::1 0.0.0.0 ::", "127.0.0.1 ::1 0.0.0.0 ::"),
        ("12:30:45 std::vector v1.2.3 300.1.1.1 1.2.3.4.5", "12:30:45 std::vector v1.2.3 300.1.1.1 1.2.3.4.5"),
    ],
)
def test_s2_addresses(text: str, expected: str) -> None:
    assert done(text, "ip_address") == expected
    assert done(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call +49 30 123456", f"call {PHONE}"),
        ("tel:+1-415-555-0100;", f"tel:{PHONE};"),
        ("+44 (0)20 7946 0000", PHONE),
        ("a+12345678 +02:00 +1.5e10", "a+12345678 +02:00 +1.5e10"),
    ],
)
def test_s2_phone_numbers(text: str, expected: str) -> None:
    assert done(text, "phone_number") == expected
    assert done(text) == text

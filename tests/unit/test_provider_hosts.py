"""A tenant cannot send us anywhere but to its provider (server-side request forgery)."""

from __future__ import annotations

import pytest

from common.providers.hosts import provider_url
from common.providers.port import UnusableCredentials
from common.providers.specs import SPECS

GOOD = [
    ("infobip", "abc12.api.infobip.com", "https://abc12.api.infobip.com"),
    ("infobip", "  https://ABC12.api.infobip.com/ \n", "https://abc12.api.infobip.com"),
    ("infobip", "https://api.infobip.com:443", "https://api.infobip.com"),
    ("link", "https://n-eu.linkmobility.io", "https://n-eu.linkmobility.io"),
    ("link", "https://n-eu.linkmobility.io/sms", "https://n-eu.linkmobility.io"),
    ("link", "https://n-eu.linkmobility.io/sms/send/", "https://n-eu.linkmobility.io"),
    ("link", "wsx.sp247.net/sms/", "https://wsx.sp247.net"),
    ("telesign", "https://rest-ww.telesign.com", "https://rest-ww.telesign.com"),
    ("telesign", "rest-api.telesign.com/", "https://rest-api.telesign.com"),
    ("acs", "https://a.communication.azure.com", "https://a.communication.azure.com"),
    ("acs", "https://a.unitedstates.communication.azure.com", None),
    ("acs", "https://a.communication.azure.us", "https://a.communication.azure.us"),
]

EVIL = [
    "",
    "http://{host}",
    "ftp://{host}",
    "file:///etc/passwd",
    "//{host}",
    "https://",
    "https://evil.example",
    "https://{host}.evil.example",
    "https://evil.example/{host}",
    "https://evil.example#{host}",
    "https://evil.example?{host}",
    "https://evil.example\\{host}",
    "https://evil.example\\@{host}",
    "https://user@{host}",
    "https://user:pass@{host}",
    "https://{host}@evil.example",
    "https://{host}:8443",
    "https://{host}:0",
    "https://{host}:99999",
    "https://{host}:x",
    "https://{host}/admin",
    "https://{host}/..",
    "https://{host}/%2e%2e",
    "https://{host}?x=1",
    "https://{host}#x",
    "https://{host}.",
    "https://.{host}",
    "https://-.{host}",
    "https://evil.example%2f.{host}",
    "https://evil.example\n.{host}",
    "https://evil.example\t.{host}",
    "https://evil example.{host}",
    "https://\u24d4vil.example.{host}",
    "https://evil.example\u3002{host}",
    "https://{host}\u200b",
    "https://{long}.{host}",
    "https://localhost",
    "https://127.0.0.1",
    "http://127.0.0.1:8500",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::1",
    "https://2130706433",
    "https://0x7f.1",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1",
    "https://metadata.google.internal",
    "javascript:alert(1)",
]
HOST = {
    "acs": "x.communication.azure.com",
    "infobip": "x.api.infobip.com",
    "link": "x.linkmobility.io",
    "telesign": "rest-ww.telesign.com",
}


@pytest.mark.parametrize(("provider", "given", "expected"), GOOD)
def test_a_providers_address_is_brought_to_its_normal_form(
    provider: str, given: str, expected: str | None
) -> None:
    assert provider_url(SPECS[provider].hosts, given, field="base_url") == (expected or given)


@pytest.mark.parametrize("provider", HOST)
@pytest.mark.parametrize("evil", EVIL)
def test_no_other_address_is_taken(provider: str, evil: str) -> None:
    given = evil.replace("{host}", HOST[provider]).replace("{long}", "a" * 250)
    with pytest.raises(UnusableCredentials) as caught:
        provider_url(SPECS[provider].hosts, given, field="base_url")
    assert str(caught.value).startswith("base_url")
    assert caught.value.field == "base_url"
    assert "evil" not in str(caught.value)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("infobip", "evilapi.infobip.com"),
        ("infobip", "x.linkmobility.io"),
        ("link", "linkmobility.io"),
        ("link", "evillinkmobility.io"),
        ("link", "x.wsx.sp247.net"),
        ("telesign", "x.rest-ww.telesign.com"),
        ("acs", "communication.azure.com"),
        ("acs", "evilcommunication.azure.com"),
        ("acs", "x.azure.com"),
    ],
)
def test_a_host_is_one_of_the_providers_or_stands_below_one(provider: str, host: str) -> None:
    with pytest.raises(UnusableCredentials):
        provider_url(SPECS[provider].hosts, f"https://{host}", field="base_url")


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:8500", "http://localhost:8500/", "http://[::1]:8500"]
)
def test_this_machine_is_reached_only_where_it_is_allowed(given: str) -> None:
    assert provider_url(SPECS["acs"].hosts, given, field="x", loopback=True) == given.rstrip("/")
    with pytest.raises(UnusableCredentials):
        provider_url(SPECS["acs"].hosts, given, field="x")


@pytest.mark.parametrize(
    "evil", ["http://evil.example", "http://10.0.0.1", "http://169.254.169.254"]
)
def test_allowing_this_machine_allows_nothing_else(evil: str) -> None:
    with pytest.raises(UnusableCredentials):
        provider_url(SPECS["acs"].hosts, evil, field="x", loopback=True)

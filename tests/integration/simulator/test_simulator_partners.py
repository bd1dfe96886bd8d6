"""Messaging Connect, as the simulated service wants it in each of its API versions."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from azure.communication.sms.aio import SmsClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from simulator_samples import example, shape
from simulator_world import NUMBER, PHONE

from local.simulator import Simulator

pytestmark = pytest.mark.unit

LEASED = "+447700900100"
OLD, BESIDE, AMONG = "2021-03-07", "2025-05-29-preview", "2026-01-23"
KEY_BESIDE = {"partner": "infobip", "apiKey": "k3y"}
KEY_AMONG = {"partner": "infobip", "partnerParams": {"apiKey": "k3y"}}


class Connecting(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Names a version and a partner before the call is signed."""

    def __init__(self, version: str, option: Any) -> None:
        self._version = version
        self._option = option

    def on_request(self, request: Any) -> None:
        http = request.http_request
        http.url = http.url.replace("2021-03-07", self._version)
        body = orjson.loads(http.data)
        if self._option is not None:
            body["smsSendOptions"]["messagingConnect"] = self._option
        http.set_json_body(body)


@pytest.fixture
def client(sim: Simulator, clients: Callable[..., SmsClient]) -> Callable[..., SmsClient]:
    sim.own(LEASED, partner="infobip")
    return lambda version, option: clients(per_call_policies=[Connecting(version, option)])


@pytest.mark.parametrize(("version", "option"), [(BESIDE, KEY_BESIDE), (AMONG, KEY_AMONG)])
async def test_a_partners_number_sends_with_the_partner_and_the_log_keeps_no_key(
    sim: Simulator, client: Callable[..., SmsClient], version: str, option: Any
) -> None:
    [result] = await client(version, option).send(LEASED, PHONE, "hello")
    assert result.successful
    [send] = sim.sends
    assert (send["partner"], send["api_version"]) == ("infobip", version)
    assert "k3y" not in str(sim.journal.entries())


@pytest.mark.parametrize(
    ("version", "option", "fields"),
    [
        (BESIDE, {"partner": "infobip"}, {"ApiKey"}),
        (BESIDE, {"apiKey": "k3y"}, {"Partner"}),
        (BESIDE, {}, {"ApiKey", "Partner"}),
        (BESIDE, {"partner": "", "apiKey": "k3y"}, {"Partner"}),
        (BESIDE, KEY_AMONG, {"ApiKey"}),
        (AMONG, KEY_BESIDE, {"PartnerParams"}),
        (AMONG, {"partner": "infobip", "partnerParams": {}}, {"PartnerParams"}),
    ],
)
async def test_missing_messaging_connect_fields_are_a_bad_request_with_validation_details(
    client: Callable[..., SmsClient], version: str, option: Any, fields: set[str]
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        await client(version, option).send(LEASED, PHONE, "hello")
    assert caught.value.status_code == 400
    errors = orjson.loads(caught.value.response.text())["errors"]
    assert set(errors) == {f"SmsSendOptions.MessagingConnect.{field}" for field in fields}


async def test_an_unauthorized_sender_number_is_unauthorized(
    client: Callable[..., SmsClient],
) -> None:
    with pytest.raises(ClientAuthenticationError) as caught:
        await client(BESIDE, KEY_BESIDE).send("+447700900999", PHONE, "hello")
    assert caught.value.error.code == "Unauthorized"


@pytest.mark.parametrize(
    ("number", "version", "option", "said"),
    [
        (LEASED, BESIDE, None, "isn't provided"),
        (LEASED, AMONG, None, "isn't provided"),
        (LEASED, OLD, KEY_BESIDE, "isn't provided"),  # which the old version overlooks
        (LEASED, BESIDE, KEY_BESIDE | {"partner": "another"}, "isn't matching"),
        (NUMBER, BESIDE, KEY_BESIDE, "isn't matching"),
    ],
)
async def test_the_partner_is_required_exactly_for_its_own_numbers(
    sim: Simulator,
    client: Callable[..., SmsClient],
    *,
    number: str,
    version: str,
    option: Any,
    said: str,
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        await client(version, option).send(number, PHONE, "hello")
    assert caught.value.status_code == 400
    assert said in caught.value.error.message
    assert not sim.phone(PHONE).received


@pytest.mark.parametrize("version", ["2021-03-07", "2026-01-23"])
def test_the_published_answer_to_a_send_has_the_shape_of_ours(version: str) -> None:
    items = example("Sms_Send", version)["202"]["value"]
    kinds = {frozenset(shape(item)) for item in items}
    assert kinds <= {
        frozenset(kind)
        for kind in (
            {"to", "messageId", "httpStatusCode", "successful"},
            {"to", "httpStatusCode", "errorMessage", "successful"},
            {"to", "messageId", "httpStatusCode", "errorMessage", "successful"},
            {"to", "messageId", "httpStatusCode", "repeatabilityResult", "successful"},
            {"to", "httpStatusCode", "repeatabilityResult", "errorMessage", "successful"},
            {
                "to",
                "messageId",
                "httpStatusCode",
                "repeatabilityResult",
                "errorMessage",
                "successful",
            },
        )
    }

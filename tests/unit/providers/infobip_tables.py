"""Infobip, as tables for the provider suite, written from its documentation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from unittest.mock import ANY

from conformance.provider_hooks import Hooks
from conformance.provider_world import (
    BASIC,
    NOTHING,
    REFERENCE,
    REPORT_URL,
    Row,
    Said,
    Sending,
    Told,
    Wire,
    text,
)
from infobip_payloads import (
    BULK,
    MESSAGE_ID,
    NAME,
    NUMBER,
    PAYLOADS,
    PHONE,
    SHORT_CODE,
    error,
    problem,
    problem_v2,
    pushed,
    report,
    status,
    submitted,
    told,
)

from common.providers.callbacks import (
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
)
from common.providers.infobip import Infobip
from common.providers.infobip_codes import QUOTA
from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    LATER,
    OPEN,
    OPTED_OUT,
    REJECTED,
    THROTTLED,
    TOO_LONG,
    UNAVAILABLE,
    Meaning,
)
from common.providers.port import (
    Accepted,
    Health,
    Healthy,
    Unhealthy,
    Unknown,
)
from heliograph.models import ReportStatus

KEY = "5e0c7d41a9b24f8e3d0b6a1c97e2f450-0d4b8c1e-6a3f-4c2d-9b7e-51c7f0a82d36"
AWKWARD = "Tom & \"Ann\" <b> \\ 'x'\ttab\nline – €ß я 漢 💡"
SENT, DELIVERED, EXPIRED = ReportStatus.SENT, ReportStatus.DELIVERED, ReportStatus.EXPIRED
UNDELIVERABLE, DECLINED = ReportStatus.UNDELIVERABLE, ReportStatus.REJECTED
TARGET = "/sms/3/messages"
TOOK = Accepted(MESSAGE_ID)

STATUS_MEANS: dict[Meaning, tuple[int, ...]] = {
    LATER: (4, 15, 20, 31),
    INVALID_RECIPIENT: (8, 51, 52),
    ACCOUNT: (12, 17, 19),
    OPTED_OUT: (14,),
    UNAVAILABLE: (21, 100),
    TOO_LONG: (25,),
    OPEN: (29,),
    REJECTED: (6, 9, 10, 11, 13, 18, 24, 87),
}
"""What a status means in the answer to a send, written from the documentation; the others have
accepted the text."""

ERROR_MEANS: dict[Meaning, tuple[int, ...]] = {
    INVALID_RECIPIENT: (1, 351, 352, 568, 629, 3041),
    LATER: (
        *(6, 27, 31, 33, 34, 255, 256, 260, 500, 502, 503, 628, 630, 631),
        *(1154, 1158, 2048, 4098, 4101, 4103, 4104),
    ),
    ACCOUNT: (433, 592),
    THROTTLED: (541,),
    QUOTA: (542, 4099, 4202),
    OPTED_OUT: (573, 603, 604, 2050, 2052),
    TOO_LONG: (355,),
    REJECTED: (10, 14, 20, 24, 51, 560, 566, 607, 4096, 9_999),
}
"""The same of an error, beside a status that says no more than that it is refused. Some of the
last share their number with a status that means something else."""

STATES: dict[str, tuple[dict[str, Any], dict[str, Any], ReportStatus | None]] = {
    **{f"status {it}": (status(it), error(), SENT) for it in (2, 3, 7)},
    "status 5": (status(5), error(), DELIVERED),
    **{f"status {it}": (status(it), error(), UNDELIVERABLE) for it in (4, 9, 31)},
    **{f"status {it}": (status(it), error(), EXPIRED) for it in (15, 29)},
    **{
        f"status {it}": (status(it), error(), DECLINED)
        for it in (6, 8, *range(10, 15), *range(17, 22), 24, 25, 51, 52, 87, 100)
    },
    **{f"status {it}": (status(it), error(), None) for it in (23, 26)},
    "status 87 in group 4": (status(87, groupId=4, groupName="EXPIRED"), error(), DECLINED),
    **{
        f"group {group}": (status(199, groupId=group, groupName="?"), error(), state)
        for group, state in enumerate((None, None, UNDELIVERABLE, DELIVERED, EXPIRED, DECLINED))
    },
    "a group by its name": ({"groupName": "Rejected"}, error(), DECLINED),
    "a group that nobody knows": (status(199, groupId=6, groupName="LOST"), error(), None),
    **{
        f"error {it}": (status(9), error(it), UNDELIVERABLE)
        for it in (10, 14, 27, 566, 573, 603, 604, 2050, 2052, 3041)
    },
    "error 5492": (status(9), error(5492), None),
    "status 14 with error 2052": (status(14), error(2052), DECLINED),
    "status 14 with another error": (status(14), error(4096), DECLINED),
}
"""Status, error, and the state that a report of them tells."""


def sending(body: str, *, sender: str = NUMBER, written: str = "", **more: Any) -> Sending:
    """A text, and the request that it becomes; `written` is the sender there."""
    hooks = {
        "delivery": {"url": REPORT_URL, "intermediateReport": True},
        "contentType": "application/json",
        "callbackData": REFERENCE,
    }
    if "report_url" in more:
        del hooks["delivery"]
    message = {
        "sender": written or sender.removeprefix("+"),
        "destinations": [{"to": PHONE[1:], "messageId": MESSAGE_ID}],
        "content": {"text": body},
        "webhooks": hooks,
    }
    wire = Wire(target=TARGET, content={"messages": [message]})
    return Sending(text=text(sender, PHONE, body), wire=wire, **more)


def refused(fault: int, **changed: Any) -> Said:
    """A refusal that only its error tells more of."""
    return Said(200, submitted(error=error(fault, **changed), status=status(199)))


def reference_text(ending: str, body: str, remote: str = "+447860000123", **more: Any) -> Any:
    """An inbound text of the reference."""
    return ReceivedText(
        message_id=f"8177903132350664{ending}",
        number="+447860000001",
        remote=remote,
        body=body,
        at=ANY,
        **({"segments": 1} | more),
    )


def reference_report(ending: str, state: ReportStatus, code: str, **more: Any) -> DeliveryReport:
    """A report of the reference, which carries a reference of somebody else's form."""
    usual: dict[str, Any] = {"number": "+447860000001", "details": ANY}
    return DeliveryReport(
        message_id=f"0f8c1d5e-7a30-4b1d-9a9e-3f2c8f9b0a{ending}",
        remote="+447860000123",
        status=state,
        code=code,
        reference=None,
        at=datetime(2025, 3, 4, 9, 15, 3, 412_000, tzinfo=UTC),
        **(usual | more),
    )


class InfobipHooks(Hooks):
    """What the provider suite asks for."""

    provider = Infobip()
    credentials: ClassVar = {"base_url": "https://lamp7.api.infobip.com", "api_key": KEY}
    payloads = PAYLOADS
    repeats = (("text", "text: told again"), ("report", "report: of version 2"))
    takes_batches = True
    covers: ClassVar = {Door.PORTAL: BASIC, Door.REPORTS: NOTHING}
    report_states: ClassVar = {name: state for name, (_, _, state) in STATES.items()}
    opt_out_states = frozenset(
        {
            *("status 14", "status 14 with error 2052", "status 14 with another error"),
            *(f"error {it}" for it in (573, 603, 604, 2050, 2052)),
        }
    )

    reference: ClassVar[dict[str, Told]] = {
        "inbound.json": Told(readings=[reference_text("47", "Hello, is my order ready?")]),
        "inbound_batch.json": Told(
            readings=[
                reference_text("48", "INFO opening hours"),
                reference_text("49", "Grüße aus Köln 👋", "+447860000124"),
            ]
        ),
        "inbound_stop.json": Told(readings=[reference_text("50", "STOP")]),
        "inbound_mms.json": Told(readings=[reference_text("51", "See the picture", segments=None)]),
        "inbound_empty.json": Told(),
        "blocklist_event.json": Told(readings=[Ignored]),
        "delivery_report_delivered.json": Told(readings=[reference_report("01", DELIVERED, "5")]),
        "delivery_report_batch.json": Told(
            readings=[
                reference_report("02", SENT, "7"),
                reference_report("03", UNDELIVERABLE, "EC27"),
                reference_report("04", EXPIRED, "EC4098"),
            ]
        ),
        "delivery_report_opted_out.json": Told(
            readings=[reference_report("05", DECLINED, "EC2052")]
        ),
        "delivery_report_v2_shape.json": Told(
            readings=[reference_report("06", DELIVERED, "5", number="")]
        ),
    }
    reference_others = frozenset({"balance_response.json"})

    sendings: ClassVar = {
        "from a phone number": sending("The lamp is lit, in 5 minutes"),
        "from a short code": sending("The lamp is lit", sender=SHORT_CODE),
        "from a short code with its country": sending(
            "The lamp is lit", sender="NO-26112", written="26112"
        ),
        "from a name": sending("The lamp is lit", sender=NAME),
        "without an address for reports": sending("The lamp is lit", report_url=None),
        "every awkward character": sending(AWKWARD),
    }
    headers_sent: ClassVar = {
        "Authorization": f"App {KEY}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    accepted = (Said(200, submitted()), MESSAGE_ID)
    classified: ClassVar[dict[str, Row]] = {
        **{f"status {it}": Row(Said(200, submitted(it)), TOOK) for it in (2, 3, 5, 7, 26)},
        **{
            f"status {it}": Row(Said(200, submitted(it)), means)
            for means, them in STATUS_MEANS.items()
            for it in them
        },
        **{
            f"error {it}": Row(refused(it), means)
            for means, them in ERROR_MEANS.items()
            for it in them
        },
        "status 23": Row(Said(200, submitted(23)), Accepted(MESSAGE_ID, repeated=True)),
        "status 23 with another error": Row(
            Said(200, submitted(23, 500)), Accepted(MESSAGE_ID, repeated=True)
        ),
        "status 23 without an ID": Row(
            Said(200, submitted(23, messageId=None)), Accepted(MESSAGE_ID, repeated=True)
        ),
        "error 5492": Row(refused(5492), Accepted(MESSAGE_ID, repeated=True)),
        **{
            f"group {group}": Row(Said(200, submitted(199, status=status(199, groupId=group))), it)
            for group, it in enumerate((TOOK, TOOK, REJECTED, TOOK, REJECTED, REJECTED))
        },
        "a group that nobody knows": Row(Said(200, submitted(status=status(199, groupId=6))), OPEN),
        "no status": Row(Said(200, submitted(status=None)), OPEN),
        "accepted, without an error": Row(Said(200, submitted(26, 0)), TOOK),
        "an error beside the flood filter": Row(Said(200, submitted(20, 4103)), LATER),
        "no credit, whatever else": Row(Said(200, submitted(12, 500)), ACCOUNT),
        "opted out, whatever else": Row(Said(200, submitted(9, 603)), OPTED_OUT),
        "it may have arrived, whatever else": Row(Said(200, submitted(29, 2048)), OPEN),
        "the other texts do not count": Row(
            Said(
                200,
                {"messages": [*submitted(52, messageId="9")["messages"], *submitted()["messages"]]},
            ),
            TOOK,
        ),
        "only other texts": Row(
            Said(200, {"messages": submitted(messageId="9")["messages"] * 2}), OPEN
        ),
        "an accepted text in a failure": Row(Said(500, submitted()), OPEN),
        "a refused text in a failure": Row(Said(500, submitted(52)), INVALID_RECIPIENT),
        **{
            f"error {it}, for good": Row(refused(it, permanent=True), REJECTED)
            for means in (LATER, THROTTLED, QUOTA)
            for it in ERROR_MEANS[means]
        },
        "a system error, for good": Row(
            Said(200, submitted(21, error=error(4097, permanent=True))), REJECTED
        ),
        "it may have arrived, for good": Row(
            Said(200, submitted(29, error=error(2048, permanent=True))), OPEN
        ),
        **{
            f"error {it}, in passing": Row(refused(it, permanent=False), means)
            for means in (INVALID_RECIPIENT, ACCOUNT, OPTED_OUT, TOO_LONG)
            for it in ERROR_MEANS[means]
        },
        **{
            f"error {it}, in passing": Row(refused(it, permanent=False), LATER)
            for it in ERROR_MEANS[REJECTED]
        },
        "accepted, whatever is in passing": Row(
            Said(200, submitted(26, error=error(9_999, permanent=False))), TOOK
        ),
        "no error, for good": Row(Said(200, submitted(20, error=error(permanent=True))), LATER),
        "no error, in passing": Row(
            Said(200, submitted(6, error=error(permanent=False))), REJECTED
        ),
        "an error that does not say for how long": Row(refused(9_999, permanent=None), REJECTED),
        "an error that says it in words": Row(refused(27, permanent="true"), LATER),
        "wait, says the flood filter": Row(
            Said(200, submitted(20), {"Retry-After": "1800"}), LATER
        ),
        "400": Row(Said(400, problem("E400", "Bad.", "messages[0].destinations")), REJECTED),
        "401": Row(Said(401, problem("E401")), CREDENTIALS),
        "403": Row(Said(403, problem("E403")), CREDENTIALS),
        "429": Row(Said(429, problem("E429"), {"Retry-After": "9"}), THROTTLED),
        "500": Row(Said(500, problem("E500")), OPEN),
        "400 in the older envelope": Row(Said(400, problem_v2("BAD_REQUEST")), REJECTED),
        "401 in the older envelope": Row(Said(401, problem_v2("UNAUTHORIZED")), CREDENTIALS),
        "403 in the older envelope": Row(Said(403, problem_v2("FORBIDDEN")), CREDENTIALS),
        "429 in the older envelope": Row(Said(429, problem_v2("TOO_MANY_REQUESTS")), THROTTLED),
        "the code before the status": Row(Said(200, problem("E401")), CREDENTIALS),
        "a code that nobody knows": Row(Said(400, problem("E4711")), REJECTED),
        "no such address": Row(Said(404, "<html/>"), ACCOUNT),
        "a success of another kind": Row(Said(201, submitted()), OPEN),
    }
    without_id: ClassVar[dict[str, Said]] = {
        "no ID": Said(200, submitted(messageId=None)),
        "an empty ID": Said(200, submitted(messageId=" ")),
        "an endless ID": Said(200, submitted(messageId="x" * 513)),
        "a list for an ID": Said(200, submitted(messageId=[MESSAGE_ID])),
        "no texts": Said(200, BULK | {"messages": []}),
        "texts of another form": Said(200, {"messages": {"messageId": MESSAGE_ID}}),
    }
    healths: ClassVar[dict[str, tuple[Said, type[Health]]]] = {
        "nothing of such a text": (Said(200, {"results": []}), Healthy),
        "a wrong key": (Said(401, problem("E401")), Unhealthy),
        "a wrong key in the older envelope": (Said(401, problem_v2("UNAUTHORIZED")), Unhealthy),
        "a key that may not send": (Said(403, problem("E403")), Unhealthy),
        "no API there": (Said(404, "<html/>"), Unhealthy),
        "too many questions": (Said(429, problem("E429")), Unknown),
        "a fault of Infobip's": (Said(500, problem("E500")), Unknown),
        "a page": (Said(200, "<html/>"), Unknown),
        "something else": (Said(200, {"results": 1}), Unknown),
    }
    reports_asked: ClassVar[dict[str, tuple[Said, ReportStatus | None]]] = {
        "delivered": (Said(200, {"results": [report()]}), DELIVERED),
        "still on its way": (Said(200, {"results": [report(7)]}), SENT),
        "the handset's word counts": (
            Said(200, {"results": [report(7), report(29), report(5), report(3)]}),
            DELIVERED,
        ),
        "a failure counts": (
            Said(200, {"results": [report(2), report(9, 27), report(7)]}),
            UNDELIVERABLE,
        ),
        "what cannot be read is passed over": (
            Said(200, {"results": ["x", report(5, messageId=None), report(15)]}),
            EXPIRED,
        ),
        "queued": (Said(200, {"results": [report(26)]}), None),
        "of a second try": (Said(200, {"results": [report(23)]}), None),
        "another text's": (Said(200, {"results": [report(messageId="other")]}), None),
        "none": (Said(200, {"results": []}), None),
        "no key": (Said(401, {"results": [report()]}), None),
    }
    malformed = (
        ("api_key", f"App {KEY}"),
        ("api_key", "Basic bGFtcDpsaWdodA=="),
        ("api_key", "lamp7.api.infobip.com"),
        ("api_key", "https://Lamp7.API.infobip.com"),
        ("api_key", "nøkkel-5e0c7d41a9b24f8e"),
        ("base_url", "https://portal.infobip.com"),
        ("base_url", "https://infobip.com"),
        ("base_url", "https://lamp7.api.infobip.com/sms/3/messages"),
        ("base_url", "http://lamp7.api.infobip.com"),
    )
    pasted = (
        ("base_url", "lamp7.api.infobip.com", "https://lamp7.api.infobip.com"),
        ("base_url", "https://LAMP7.api.infobip.com/", "https://lamp7.api.infobip.com"),
        ("base_url", "https://api.infobip.com:443", "https://api.infobip.com"),
    )

    def report_of(self, state: str) -> Told:
        said, fault, _ = STATES[state]
        return told(pushed(report(status=said, error=fault)), door=Door.REPORTS)

    def report_saying(self, words: str) -> Told:
        said = status(9, description=words)
        return told(pushed(report(status=said, error=error())), door=Door.REPORTS)

    def quoting(self, words: str) -> Said:
        return Said(400, problem("E400", words, words))

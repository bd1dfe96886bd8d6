"""How Twilio calls back: the forms, the signature, the retries of a URL's fragment, TwiML.

Sources: Twilio docs, "Twilio's request to your incoming message webhook URL", "Track outbound
message status", "Security: validating signatures from Twilio", "Webhooks: connection overrides",
"TwiML for Programmable Messaging".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ElementTree

from local.simulator import segments
from local.simulator.phones import Text
from local.simulators import twilio_words as words
from local.simulators.courier import Reply, Retries
from local.simulators.messages import News, Sent, State

API: Final = "2010-04-01"

Form = Mapping[str, str]

_PATIENCE: Final = 15.0
_PAUSE: Final = 1.0
"""Seconds before a retry; no page gives any."""
_POLICY: Final[Mapping[str, str]] = {
    "ConnectFailed": "ct",
    "TimedOut": "rt",
    "ConnectionLost": "rt",
}


def inbound_form(text: Text, account_sid: str, *, body: str) -> Form:
    """All that Twilio knows of a text; `body` as it travels."""
    return {
        "ToCountry": "US",
        "ToState": "",
        "SmsMessageSid": text.message_id,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": text.message_id,
        "FromState": "NY",
        "SmsStatus": "received",
        "FromCity": "NEW YORK",
        "Body": body,
        "FromCountry": "US",
        "To": text.to,
        "ToZip": "",
        "NumSegments": str(segments.count(text.body)),
        "MessageSid": text.message_id,
        "AccountSid": account_sid,
        "From": text.from_,
        "ApiVersion": API,
    }


def status_form(sent: Sent, news: News, account_sid: str) -> Form:
    """What became of a text."""
    code = (news.code or words.USUAL_FAILURE) if news.state is State.FAILED else None
    word = words.word_of(news.state, code or news.code)
    form = {
        "SmsSid": sent.id,
        "SmsStatus": word,
        "MessageStatus": word,
        "To": sent.order.to,
        "MessageSid": sent.id,
        "AccountSid": account_sid,
        "From": sent.order.sender,
        "ApiVersion": API,
    }
    if code:
        form["ErrorCode"] = code
    if word in {"delivered", "undelivered"}:
        form["RawDlrDoneDate"] = f"{news.at:%y%m%d%H%M}"
    return form


def signature(token: str, url: str, form: Form) -> str:
    """`X-Twilio-Signature` of a form to a URL without its fragment: HMAC-SHA1 over the URL and the
    parameters sorted by name."""
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def retries_of(url: str) -> Retries:
    """As the URL's fragment says: `rc` retries after the failures that `rp` names; without it, one
    after a failed connection."""
    settings = dict(parse_qsl(urlsplit(url).fragment))
    count = min(int(settings.get("rc", 1)), 5)
    policy = frozenset(settings.get("rp", "ct").split(","))
    return Retries((_PAUSE,) * count, _PATIENCE, again=partial(_worth, policy))


def _worth(policy: frozenset[str], reply: Reply) -> bool:
    """Whether a failure is one after which the policy has Twilio try again."""
    happened = _POLICY.get(reply.error or "", f"{(reply.status or 0) // 100}xx")
    return "all" in policy or happened in policy


def texts_of(reply: Reply) -> list[str]:
    """The texts that an answer to a text asks for; plain text goes to the person as it is.

    Raises:
        ValueError: Twilio's warning about an answer that it cannot read.
    """
    if not reply.body.strip():
        return []
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/plain":
        return [reply.body.decode(errors="replace")]
    if kind not in {"text/xml", "application/xml"}:
        raise ValueError(f"12300 Invalid Content-Type: {kind}")
    try:
        root = ElementTree.fromstring(reply.body)
    except (ParseError, DefusedXmlException) as error:
        raise ValueError(f"12100 Document parse failure: {error}") from None
    if root.tag != "Response":
        raise ValueError("12102 The root element is not Response")
    return ["".join(verb.itertext()).strip() for verb in root.iter("Message")]

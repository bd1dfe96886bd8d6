"""Twilio keeps the promises of an adapter."""

from __future__ import annotations

from urllib.parse import parse_qsl

import twilio_payloads as payloads
import twilio_tables as tables
from conformance.provider_suite import ProviderSuite
from conformance.provider_world import EVERYTHING, FORM, Said, Told, basic, with_headers
from multidict import MultiDict
from twilio.request_validator import RequestValidator
from twilio_payloads import ACCOUNT, SID, TOKEN, created, error

from common.providers.callbacks import CallbackKeys, CallbackRequest, Door
from common.providers.twilio import Twilio

CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": TOKEN}
BOTH_DOORS = {Door.PORTAL: EVERYTHING, Door.REPORTS: EVERYTHING}
HEADERS = {"Authorization": basic(ACCOUNT, TOKEN), **FORM}
ACCEPTED = (Said(201, created()), SID)


class TestTwilio(ProviderSuite):
    provider = Twilio()
    credentials = CREDENTIALS
    payloads = payloads.PAYLOADS
    repeats = (("text", "once more"), ("delivered", "delivered, told again"))
    reference = tables.FILES
    reference_others = frozenset({"inbound_reply.xml"})
    reference_credentials = tables.REFERENCE_CREDENTIALS
    covers = BOTH_DOORS
    report_states = tables.STATES
    opt_out_states = frozenset({"failed 21610", "undelivered 21610"})
    sendings = tables.SENDINGS
    headers_sent = HEADERS
    accepted = ACCEPTED
    classified = tables.CLASSIFIED
    without_id = tables.WITHOUT_ID
    throttled = error(429, 20429)
    healths = tables.HEALTHS
    reports_asked = tables.REPORTS_ASKED
    malformed = tables.MALFORMED

    def report_of(self, state: str) -> Told:
        word, _, code = state.partition(" ")
        more = {"ErrorCode": code} if code else {}
        return payloads.report_told(payloads.status(word, **more))

    def report_saying(self, words: str) -> Told:
        more = {"ErrorCode": "30003", "ErrorMessage": words}
        return payloads.report_told(payloads.status("undelivered", **more))

    def proven(self, request: CallbackRequest, given: CallbackKeys) -> CallbackRequest:
        return signed(request, given.credentials["auth_token"])

    def quoting(self, words: str) -> Said:
        return error(400, 21211, words)


def signed(request: CallbackRequest, token: str) -> CallbackRequest:
    """The request with the signature that Twilio's own library makes."""
    fields = MultiDict(parse_qsl(request.body.decode(), keep_blank_values=True))
    made = RequestValidator(token).compute_signature(request.url, fields)
    return with_headers(request, X_Twilio_Signature=made)

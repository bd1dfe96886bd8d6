"""What became of a command, as one closed set of codes with their texts.

Each code has a text for a person (console, logs) and a text for a model (the agent's prompt). The
text for a model says what to do instead and not to send the same text again, because a model that
retries a refusal is how such systems flood a phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class OutcomeCode(StrEnum):
    """Why a command ended as it did. Stable: programs may compare against these values."""

    SENT = "sent"
    GATE_OFF = "gate_off"
    AMBIGUOUS = "ambiguous"

    NOT_AUTHORISED = "not_authorised"
    UNKNOWN_NUMBER = "unknown_number"
    NUMBER_NOT_YOURS = "number_not_yours"
    CONNECTION_INACTIVE = "connection_inactive"
    RECIPIENT_OPTED_OUT = "recipient_opted_out"
    COMMAND_EXPIRED = "command_expired"
    COMMAND_ID_REUSED = "command_id_reused"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_EXPIRED = "approval_expired"
    SENDING_STOPPED = "sending_stopped"
    FIRST_CONTACT_HELD = "first_contact_held"
    FIRST_CONTACT_REFUSED = "first_contact_refused"
    LOOP_SUSPECTED = "loop_suspected"
    CONVERSATION_HELD = "conversation_held"
    BUDGET_SPENT = "budget_spent"
    CARRIER_CAP_REACHED = "carrier_cap_reached"
    DESTINATION_NOT_SUPPORTED = "destination_not_supported"
    SENDER_NOT_VERIFIED = "sender_not_verified"
    SENDER_NOT_REGISTERED = "sender_not_registered"

    MALFORMED_COMMAND = "malformed_command"
    EMPTY_BODY = "empty_body"
    BODY_TOO_LONG = "body_too_long"
    INVALID_RECIPIENT = "invalid_recipient"
    PREMIUM_RECIPIENT = "premium_recipient"
    EMERGENCY_RECIPIENT = "emergency_recipient"
    TEXT_TOO_LONG = "text_too_long"
    SHORTENED_URL = "shortened_url"

    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_INVALID_RECIPIENT = "provider_invalid_recipient"
    CREDENTIALS_REJECTED = "credentials_rejected"
    PROVIDER_ACCOUNT = "provider_account"
    SENDER_NOT_OWNED = "sender_not_owned"
    CREDENTIALS_UNREADABLE = "credentials_unreadable"
    PROVIDER_THROTTLED = "provider_throttled"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PARTNER_INCOMPLETE = "partner_incomplete"
    PARTNER_NOT_LINKED = "partner_not_linked"
    PARTNER_MISSING = "partner_missing"
    PARTNER_MISMATCH = "partner_mismatch"


@dataclass(frozen=True, slots=True)
class CodeText:
    """The two texts of a code."""

    person: str
    model: str


_ASK = "Tell a person on your team; do not send this text again."

TEXTS: Final[dict[OutcomeCode, CodeText]] = {
    OutcomeCode.SENT: CodeText(
        "The provider accepted the text.",
        "The text was accepted for delivery. A delivery report may follow.",
    ),
    OutcomeCode.GATE_OFF: CodeText(
        "Autonomous sending is off for this number; the text waits for a person's approval.",
        "Your text was not sent: a person must approve it first. Escalate to a person on your "
        "team. Do not send it again; you will be told if it is approved.",
    ),
    OutcomeCode.AMBIGUOUS: CodeText(
        "The provider's answer was lost; the text may or may not have gone out.",
        "It is unknown whether the text went out. A person will look at it, or a delivery report "
        "settles it. Do not send it again: the recipient could get it twice.",
    ),
    OutcomeCode.NOT_AUTHORISED: CodeText(
        "The command claimed a tenant or agent that its sender has not proven to be.",
        "You may not send as this tenant or agent. " + _ASK,
    ),
    OutcomeCode.UNKNOWN_NUMBER: CodeText(
        "The sending number is not connected.",
        "The sending number is not connected to Heliograph. " + _ASK,
    ),
    OutcomeCode.NUMBER_NOT_YOURS: CodeText(
        "The sending number belongs to another agent.",
        "This number belongs to another agent, so you cannot send from it. " + _ASK,
    ),
    OutcomeCode.CONNECTION_INACTIVE: CodeText(
        "The number's connection is disconnected.",
        "The number's connection to its provider is switched off. " + _ASK,
    ),
    OutcomeCode.RECIPIENT_OPTED_OUT: CodeText(
        "The recipient opted out of texts from this number.",
        "The recipient asked not to be texted. Do not text them again, in any wording and from "
        "any number, unless they opt in themselves.",
    ),
    OutcomeCode.COMMAND_EXPIRED: CodeText(
        "The command's expires_at had passed before the text could be sent.",
        "The text was too late and was not sent. Do not send it again; if the matter still counts, "
        "write a new answer to the latest turn instead.",
    ),
    OutcomeCode.COMMAND_ID_REUSED: CodeText(
        "The command_id was already used for a command with other content.",
        "Nothing was sent: this command_id belongs to an earlier, different command. " + _ASK,
    ),
    OutcomeCode.APPROVAL_REJECTED: CodeText(
        "A person decided that the text must not be sent.",
        "A person on your team rejected this text, and it was not sent. Do not send it again in "
        "any wording, unless a new message of the recipient asks for an answer.",
    ),
    OutcomeCode.APPROVAL_EXPIRED: CodeText(
        "Nobody decided on the text in time.",
        "Nobody approved this text in time, and it was not sent. Do not send it again; write a new "
        "answer only to a new message of the recipient.",
    ),
    OutcomeCode.SENDING_STOPPED: CodeText(
        "The kill switch is on: nothing is sent until somebody turns it off.",
        "Nothing was sent: all sending is switched off at the moment. " + _ASK,
    ),
    OutcomeCode.FIRST_CONTACT_HELD: CodeText(
        "It would be the first text to this recipient; it waits for a person's approval.",
        "Your text was not sent: a person must approve the first text to a new recipient. Do not "
        "send it again; you will be told if it is approved.",
    ),
    OutcomeCode.FIRST_CONTACT_REFUSED: CodeText(
        "The number may only answer, and this recipient has not written to it.",
        "Nothing was sent: this number only answers people who wrote to it first. Do not text this "
        "recipient again before they do.",
    ),
    OutcomeCode.LOOP_SUSPECTED: CodeText(
        "So many or such similar texts in so short a time look like two machines answering each "
        "other; the conversation waits for a person.",
        "Your text was not sent: this conversation looks like a loop with another machine, and a "
        "person must look at it. Do not answer it again until you are told to.",
    ),
    OutcomeCode.CONVERSATION_HELD: CodeText(
        "The conversation waits for a person, since it looked like a loop.",
        "Your text was not sent: a person must first look at this conversation. Do not send it "
        "again; you will be told if it is approved.",
    ),
    OutcomeCode.BUDGET_SPENT: CodeText(
        "The number's daily budget of texts or cost is spent.",
        "Nothing was sent: this number may send no more texts today. " + _ASK,
    ),
    OutcomeCode.CARRIER_CAP_REACHED: CodeText(
        "The daily cap of a carrier for the number's 10DLC campaign is reached.",
        "Nothing was sent: carriers take no more texts of this number today. " + _ASK,
    ),
    OutcomeCode.DESTINATION_NOT_SUPPORTED: CodeText(
        "A sender of this type does not reach the recipient's country.",
        "Nothing was sent: this number cannot reach the recipient's country. " + _ASK,
    ),
    OutcomeCode.SENDER_NOT_VERIFIED: CodeText(
        "The toll-free number is not verified, so carriers take none of its texts.",
        "Nothing was sent: this number is not verified yet. " + _ASK,
    ),
    OutcomeCode.SENDER_NOT_REGISTERED: CodeText(
        "The sender ID is not registered in the recipient's country, which blocks such senders.",
        "Nothing was sent: this sender is not registered in the recipient's country. " + _ASK,
    ),
    OutcomeCode.PREMIUM_RECIPIENT: CodeText(
        "The recipient is a premium-rate number.",
        "Nothing was sent: the recipient is a premium-rate number. Do not text this number again; "
        "ask for the number of an ordinary phone instead.",
    ),
    OutcomeCode.EMERGENCY_RECIPIENT: CodeText(
        "The recipient is an emergency number.",
        "Nothing was sent: emergency services cannot be reached by text from here. Tell the person "
        "to call the emergency number, and tell a person on your team at once. Do not text an "
        "emergency number again.",
    ),
    OutcomeCode.TEXT_TOO_LONG: CodeText(
        "The text is longer than the number's rule allows.",
        "Nothing was sent: the text is too long for this number. Do not send it again as it is; "
        "write a shorter answer instead, at most 160 plain characters.",
    ),
    OutcomeCode.SHORTENED_URL: CodeText(
        "A public URL shortener stands in the text, which carriers in the US block.",
        "Nothing was sent: carriers block shortened links. Do not send this link again; write the "
        "answer with the full link, or without one.",
    ),
    OutcomeCode.MALFORMED_COMMAND: CodeText(
        "The command could not be read.",
        "Nothing was sent: the command does not have the required form. " + _ASK,
    ),
    OutcomeCode.EMPTY_BODY: CodeText(
        "The text is empty.",
        "Nothing was sent: the text was empty. Do not send an empty text again; write an answer "
        "with words in it.",
    ),
    OutcomeCode.BODY_TOO_LONG: CodeText(
        "The text is longer than a command may carry.",
        "Nothing was sent: the text was far too long for an SMS. Do not send it again as it is; "
        "write a short answer instead, at most 160 characters.",
    ),
    OutcomeCode.INVALID_RECIPIENT: CodeText(
        "The recipient is not a possible phone number.",
        "Nothing was sent: the recipient is not a possible phone number. Do not text this number "
        "again; ask for the right one.",
    ),
    OutcomeCode.PROVIDER_REJECTED: CodeText(
        "The provider refused the text.",
        "The provider refused this text for good. " + _ASK,
    ),
    OutcomeCode.PROVIDER_INVALID_RECIPIENT: CodeText(
        "The provider says that the recipient's number is invalid.",
        "The provider says that the recipient's number is invalid. Do not text this number again; "
        "ask for the right one.",
    ),
    OutcomeCode.CREDENTIALS_REJECTED: CodeText(
        "The provider refused the connection's credentials.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.PROVIDER_ACCOUNT: CodeText(
        "The provider's account may not send this: no credit, suspended, or not set up for it.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.SENDER_NOT_OWNED: CodeText(
        "The provider says that the sending number does not belong to this connection.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.CREDENTIALS_UNREADABLE: CodeText(
        "The connection's stored credentials cannot be decrypted or are incomplete.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.PROVIDER_THROTTLED: CodeText(
        "The provider kept answering that too much is being sent; the attempts are used up.",
        "The text was not sent because the provider is limiting this number. " + _ASK,
    ),
    OutcomeCode.PROVIDER_UNAVAILABLE: CodeText(
        "The provider could not be reached; the attempts are used up and nothing was sent.",
        "The text was not sent because the provider could not be reached. " + _ASK,
    ),
    OutcomeCode.PARTNER_INCOMPLETE: CodeText(
        "The provider says that the Messaging Connect partner or its key is missing or malformed.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.PARTNER_NOT_LINKED: CodeText(
        "The provider says that the sending number is not linked to this resource.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.PARTNER_MISSING: CodeText(
        "The number is a Messaging Connect partner's, and the request named no partner.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
    OutcomeCode.PARTNER_MISMATCH: CodeText(
        "The Messaging Connect partner of the connection is not the one that leases the number.",
        "The connection to the provider is broken and a person must repair it. " + _ASK,
    ),
}

"""What Twilio refuses of a form before it looks at the account.

Source: Twilio docs, "Messages resource: create a message", "Error and Warning Dictionary".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

MAX_BODY: Final = 1600
MAX_VALIDITY: Final = 36_000
_REQUIRED: Final = (("To", "21604"), ("From", "21603"), ("Body", "21602"))


def unsound(form: Mapping[str, str]) -> str | None:
    """The code of what is wrong with a form."""
    if service := form.get("MessagingServiceSid"):
        return "21701" if re.fullmatch(r"MG[0-9a-f]{32}", service) else "21705"
    if missing := next((code for name, code in _REQUIRED if not form.get(name)), None):
        return missing
    if len(form["Body"]) > MAX_BODY:
        return "21617"
    if (url := form.get("StatusCallback")) and urlsplit(url).scheme not in {"http", "https"}:
        return "21609"
    validity = form.get("ValidityPeriod", "1")
    if not (validity.isdecimal() and 1 <= int(validity) <= MAX_VALIDITY):
        return "21624"
    return None

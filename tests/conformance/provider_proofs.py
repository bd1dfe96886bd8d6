"""What every adapter promises of strangers: the proof of a callback covers exactly what the
adapter's test class declares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from conformance.provider_hooks import Hooks
from conformance.provider_world import INSTANT, Part, basic, keys, with_headers
from multidict import CIMultiDict

from common.providers.callbacks import CallbackRequest, Door

GARBLED = (
    "",
    " ",
    "nonsense",
    "Basic",
    "Basic ",
    "Basic !!!!",
    "Basic bm9jb2xvbg==",
    "Basic " + "=" * 50,
    "Bearer e30.e30.",
    ":",
    "TSA :",
    "\x00",
    "\udc80\ud800",
    "é" * 28,
    "A" * 100_000,
)


class ProofSuite(Hooks):
    """Genuine callbacks, changed one thing at a time."""

    def test_each_genuine_payload_is_let_in(self, payload: str) -> None:
        request = self.proven(self.payloads[payload].request, self.keys)
        assert self.verify(request, self.keys) is None

    def test_headers_are_found_in_any_case(self) -> None:
        for told in self.doors.values():
            request = self.proven(told.request, self.keys)
            for spell in (str.lower, str.upper):
                spelt = {spell(name): value for name, value in request.headers.items()}
                assert self.verify(replace(request, headers=CIMultiDict(spelt)), self.keys) is None

    def test_the_proof_covers_what_is_declared_and_nothing_else(
        self, covered: tuple[Door, Part]
    ) -> None:
        door, part = covered
        request = self.proven(self.doors[door].request, self.keys)
        refused = part in self.covers[door]
        for changed in self._changed(request, part):
            why = self.verify(changed, self.keys)
            assert (why is not None) is refused, (part, changed)
            assert why is None or self.keys.password not in why

    def _changed(self, request: CallbackRequest, part: Part) -> list[CallbackRequest]:
        """The request with one thing about it changed, in several ways."""
        if part is Part.BODY:
            return [replace(request, body=body) for body in changed_bodies(request.body)]
        if part in {Part.HOST, Part.PATH, Part.QUERY}:
            return [replace(request, url=url) for url in changed_urls(request.url, part)]
        if part is Part.INSTANT:
            moments = [INSTANT + timedelta(hours=hours) for hours in (-2, 2, 48)]
            return [replace(request, received_at=moment) for moment in moments]
        unproven = self._unproven(request)
        if part is Part.KEY:
            return [self.proven(unproven, self.other_keys)]
        return [unproven, *self._garbled(request)]

    def _unproven(self, request: CallbackRequest) -> CallbackRequest:
        return self.doors[request.door].request

    def _garbled(self, request: CallbackRequest) -> list[CallbackRequest]:
        """With each proving header garbled, or all of its values but the first one cut."""
        plain = self._unproven(request).headers
        proving = [name for name in request.headers if name not in plain] or ["Authorization"]
        ways = []
        for name in proving:
            value = request.headers.get(name, "")
            cut = [value[:-4], value[:-1] + ("A" if value[-1:] != "A" else "B")] if value else []
            for words in [*GARBLED, *cut]:
                headers = CIMultiDict(request.headers)
                for other in proving:
                    headers[other] = words
                ways.append(replace(request, headers=headers))
        return ways

    def test_what_is_signed_with_an_empty_secret_proves_nothing(self) -> None:
        """Anybody can sign so, where a connection lacks the secret."""
        secrets = self.provider.spec.secrets
        empty = keys({**self.credentials, **dict.fromkeys(secrets, "")})
        for door, told in self.doors.items():
            unlike = keys(self.credentials, ("somebody", "else"))
            by_login = self.verify(self.proven(told.request, unlike), self.keys) is not None
            if Part.KEY in self.covers[door] and not by_login:
                assert self.verify(self.proven(told.request, empty), empty) is not None

    def test_of_basic_neither_a_wrong_name_nor_a_wrong_password_passes(self) -> None:
        if not self.provider.spec.basic:
            return  # the provider is given no password
        told, given = self.doors[Door.PORTAL], self.keys
        right = with_headers(told.request, Authorization=basic(given.username, given.password))
        assert self.verify(right, given) is None
        for wrong in (
            basic(given.username, given.password + "x"),
            basic(given.username, given.password[:-1]),
            basic(given.username, ""),
            basic(given.username + "x", given.password),
            basic("", given.password),
            basic(given.password, given.username),
            basic(given.username, given.password).replace("Basic", "Bearer"),
        ):
            assert self.verify(with_headers(told.request, Authorization=wrong), given) is not None
        lower = basic(given.username, given.password).replace("Basic", "basic")
        assert self.verify(with_headers(told.request, Authorization=lower), given) is None


def changed_bodies(body: bytes) -> list[bytes]:
    """Bodies that say something else."""
    place = next(at for at in reversed(range(len(body))) if chr(body[at]).isalnum())
    other = b"7" if body[place : place + 1] != b"7" else b"8"
    return [b"", body[: len(body) // 2], body[:place] + other + body[place + 1 :], body + b"x"]


def changed_urls(url: str, part: Part) -> list[str]:
    """Addresses that differ in one part."""
    scheme, _, rest = url.partition("://")
    host, _, tail = rest.partition("/")
    path, _, query = tail.partition("?")
    shown = f"?{query}" if query else ""
    if part is Part.HOST:
        return [f"{scheme}://other.example.com/{tail}", f"{scheme}://{host}.example.net/{tail}"]
    if part is Part.PATH:
        return [f"{scheme}://{host}/{path}x{shown}", f"{scheme}://{host}/{path}/{shown}"]
    return [f"{scheme}://{host}/{path}?{query + '&' if query else ''}x=1"]

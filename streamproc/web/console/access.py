"""Who may see and do what on the operator's page. Pure.

Figures are for everybody who reaches the worker, as its metrics are. Results, letters and activities are children's
data: they take the token, or the settings say that the worker is on one's own machine. Actions take the token always.

The token travels in a header that no browser sends by itself, so no foreign page can act in an operator's name (CSRF);
that actions also need a header of ours and our own origin is a second lock. In the local mode the Host header must
name this machine: a foreign name that was made to lead here (DNS rebinding) opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from streamproc.settings import ConsoleSettings, is_loopback
from streamproc.web.bearer import RequestRefused, check_bearer

ACTION_HEADER = "X-Streamproc-Action"
"""Must be "1" on whatever changes something."""

_OWN = {"same-origin", "none", ""}


class Access:
    """Says which requests are let through, by their headers (names in any case, as aiohttp's mapping has them)."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._token = settings.token.get_secret_value().encode()
        self.local = settings.local
        """Whether children's data are shown without the token."""

    @property
    def has_token(self) -> bool:
        """Whether one is set: without it nobody can act."""
        return bool(self._token)

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Of every request. Raises RequestRefused for those that another site's page has made."""
        host = headers.get("Host", "")
        if self.local and not is_loopback(_name_of(host).lower()):
            raise RequestRefused(421, "in the local mode the page is there under 127.0.0.1 and localhost alone")
        if headers.get("Sec-Fetch-Site", "") not in _OWN and headers.get("Sec-Fetch-Mode", "") != "navigate":
            raise RequestRefused(403, "another site's page asks")

    def check_reader(self, headers: Mapping[str, str]) -> None:
        """Of what shows children's data. Raises RequestRefused."""
        if not self.local:
            self._check_token(headers)

    def check_actor(self, headers: Mapping[str, str]) -> None:
        """Of what changes something. Raises RequestRefused."""
        self._check_token(headers)
        if headers.get(ACTION_HEADER) != "1":
            raise RequestRefused(403, f"an action needs the header {ACTION_HEADER}: 1")
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("Host", ""):
            raise RequestRefused(403, "another site's page asks")

    def _check_token(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers, self._token, "STREAMPROC_CONSOLE__TOKEN")


def _name_of(host: str) -> str:
    """Of a Host header, without the port; an IPv6 address stands in brackets."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]

"""The operator's page: who may see what, and do what."""

from __future__ import annotations

from pydantic import SecretStr, field_validator

from streamproc.settings.sections import Section, is_http_url

_SHORTEST = 16


def token_of_visible_ascii(value: SecretStr) -> SecretStr:
    """Raises ValueError for a token that is short, or that no header could hold; an empty one is none."""
    token = value.get_secret_value()
    if token and len(token) < _SHORTEST:
        raise ValueError(f"has fewer than {_SHORTEST} characters: 'openssl rand -hex 24' makes a good one")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("must be of visible ASCII characters: browsers send no others in a header")
    return value


class ConsoleSettings(Section):
    """The operator's page, at /console/ of every worker. Its figures are shown to everybody who reaches the worker."""

    token: SecretStr = SecretStr("")
    """Whoever knows it sees results, dead letters and activities, which are children's data, and may replay and discard
    letters. 16 characters or more. Empty: nobody."""
    local: bool = False
    """For a worker on one's own machine, as the demonstration's: results, letters and activities are shown without the
    token, and recordings can be heard. STREAMPROC_WEB__HOST must be a loopback address. Actions take the token."""
    trace_url: str = ""
    """Where a trace can be looked at, for example http://jaeger:16686/trace/{trace_id}; empty: its id alone is
    shown."""

    @field_validator("token")
    @classmethod
    def _not_to_be_guessed(cls, value: SecretStr) -> SecretStr:
        return token_of_visible_ascii(value)

    @field_validator("trace_url")
    @classmethod
    def _has_a_place_for_the_id(cls, value: str) -> str:
        if value and (not is_http_url(value) or "{trace_id}" not in value):
            raise ValueError("is not an http:// or https:// URL with {trace_id} in it")
        return value

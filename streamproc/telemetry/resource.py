"""What this process is, as metrics, spans and log lines say it."""

from __future__ import annotations

from functools import lru_cache

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

from streamproc import __version__

_ENVIRONMENT = "deployment.environment.name"


@lru_cache(maxsize=1)
def resource(environment: str = "") -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say of this service; without them its name is streamproc.

    Args:
        environment: production, test and so on; wins over OTEL_RESOURCE_ATTRIBUTES. Empty: none.
    """
    found = Resource.create()
    ours: dict[str, str] = {}
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        ours[SERVICE_NAME] = "streamproc"
    if SERVICE_VERSION not in found.attributes:
        ours[SERVICE_VERSION] = __version__
    if environment:
        ours[_ENVIRONMENT] = environment
    return found.merge(Resource(ours))


def identity(environment: str = "") -> dict[str, str]:
    """The same for log lines: service, env, version."""
    found = resource(environment).attributes
    return {
        "service": str(found[SERVICE_NAME]),
        "env": str(found.get(_ENVIRONMENT, "")),
        "version": str(found[SERVICE_VERSION]),
    }

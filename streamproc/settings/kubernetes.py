"""Variables that Kubernetes sets in every pod for the services of its namespace, and that look like ours.

A service named ``streamproc-triton`` gives each pod STREAMPROC_TRITON_PORT=tcp://10.96.0.17:8001 and more: service
links, after the manner of Docker's links, unless the pod says ``enableServiceLinks: false``.
"""

from __future__ import annotations

import os
import re

_NAME = re.compile(
    r"(?:[A-Z0-9]+_)*?(?:"
    r"(?P<url>PORT(?:_\d+_(?:TCP|UDP|SCTP))?)"
    r"|(?P<protocol>PORT_\d+_(?:TCP|UDP|SCTP)_PROTO)"
    r"|(?P<port>PORT_\d+_(?:TCP|UDP|SCTP)_PORT|SERVICE_PORT(?:_[A-Z0-9_]+)?)"
    r"|(?P<host>PORT_\d+_(?:TCP|UDP|SCTP)_ADDR|SERVICE_HOST))"
)
"""What stands after the service's name or, where that is the prefix, all that stands after the prefix."""

_VALUES = {
    "url": re.compile(r"(?:tcp|udp|sctp)://\S+:\d+"),
    "protocol": re.compile(r"tcp|udp|sctp"),
    "port": re.compile(r"\d+"),
    "host": re.compile(r"[0-9A-Fa-f.:]+"),
}


def service_links(prefix: str) -> list[str]:
    """The environment's variables that begin with ``prefix`` and are service links, by name and value: in
    STREAMPROC_WEB_PORT=8080 a setting is misspelt.
    """
    return sorted(name for name, value in os.environ.items() if _is_service_link(name, value, prefix))


def _is_service_link(name: str, value: str, prefix: str) -> bool:
    if not name.startswith(prefix) or (link := _NAME.fullmatch(name.removeprefix(prefix))) is None:
        return False
    return _VALUES[str(link.lastgroup)].fullmatch(value) is not None

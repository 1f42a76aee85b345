"""The section of CloudWatch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from streamproc.settings.sections import Section


class CloudWatchSettings(Section):
    """Metrics for Amazon CloudWatch, in its embedded metric format."""

    namespace: Annotated[str, Field(max_length=255, pattern="^([0-9A-Za-z._/#-][0-9A-Za-z._/#: -]*)?$")] = ""
    """Namespace under which CloudWatch shows them; the worker then writes them to standard output, lines of JSON that
    the agent of its container or function takes up. Empty: none is written."""
    interval: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds from one writing to the next."""

"""The section of synthetic activities."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from streamproc.settings.sections import Section


class SyntheticSettings(Section):
    """Synthetic activities, which `streamproc synthetic` publishes to see that readings are scored."""

    interval: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds from one to the next."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Seconds after which one without an outcome is told as such; it is not published anew."""

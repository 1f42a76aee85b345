"""The section of learners' progress."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from streamproc.settings.console import token_of_visible_ascii
from streamproc.settings.sections import Section


class ProgressSettings(Section):
    """How each learner gets on, told with each result."""

    enabled: bool = False
    """Keep each learner's last readings, and publish what they come to in the transaction of each result. Needs topics
    that 'streamproc topics create' makes, and the schema reading.progress."""
    readings: Annotated[int, Field(ge=3, le=20)] = 10
    """How many of a learner's last readings are kept."""
    forget_after: Annotated[float, Field(ge=1, le=10 * 366 * 24 * 3600)] = 400.0 * 24 * 3600
    """Seconds without a reading after which all that is kept of a learner is deleted. The default, 400 days, is a
    school year with its holidays; all workers of a group should have the same."""
    topic: str = Field(default="reading.progress.v1", min_length=1)
    """Topic that progress is written to."""
    corrections: bool = False
    """Read teachers' corrections, too. Needs STREAMPROC_TRANSPORT__ASSIGNMENT=range on every worker of the group: one
    worker has a learner's activities and corrections then."""
    correction_topic: str = Field(default="reading.correction.v1", min_length=1)
    """Topic that corrections are read from; with as many partitions as that of activities."""
    token: SecretStr = SecretStr("")
    """Whoever knows it may ask any worker for a learner's progress, at /progress. 16 characters or more, the same on
    all workers. Empty: nobody."""

    @field_validator("corrections")
    @classmethod
    def _of_progress(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("enabled"):
            raise ValueError("corrections change progress: set STREAMPROC_PROGRESS__ENABLED too")
        return value

    @field_validator("token")
    @classmethod
    def _not_to_be_guessed(cls, value: SecretStr) -> SecretStr:
        return token_of_visible_ascii(value)

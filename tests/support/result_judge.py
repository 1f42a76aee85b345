"""A judge of results that keeps them."""

from __future__ import annotations

from typing import Any

from streamproc.contracts.generated.events import Result
from support.activities import result
from support.judge import Judge
from support.topics_of_test import PARTITIONS, TestTopics


class ResultJudge(Judge):
    """Results by the number of their activity, the first of each, as a read_committed reader gets them."""

    def __init__(self, topics: TestTopics, isolation: str = "read_committed") -> None:
        self.results: dict[int, Result] = {}
        self.every: list[Result] = []
        """Also what came more than once."""
        super().__init__(topics.bootstrap, topics.results, partitions=PARTITIONS, isolation=isolation)

    def number(self, message: Any) -> int:
        """The activity's."""
        found = result(message.value())
        number = int(found.activity_id.removeprefix("reading-"))
        self.results.setdefault(number, found)
        self.every.append(found)
        return number

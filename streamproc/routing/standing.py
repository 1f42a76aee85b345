"""How the canary and the shadow have stood on this worker since each of them began: for people. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.routing.comparing import ComparedReading
from streamproc.routing.control import ControlState

ENDS = ("compared", "dropped", "failed")
"""How a comparison ends."""


@dataclass(slots=True)
class Agreement:
    """What came of the readings that two models were to hear, and on how many words both agree."""

    ends: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDS, 0))
    same: int = 0
    words: int = 0

    def note(self, end: str, found: ComparedReading | None) -> None:
        """One comparison has ended, or was not begun."""
        self.ends[end] += 1
        if found is not None:
            self.same += found.same
            self.words += found.words


class Standing:
    """Of one worker. Belongs to one event loop."""

    def __init__(self) -> None:
        self.canary = Agreement()
        """With the champion on the same readings."""
        self.shadow = Agreement()
        self.answered = {"canary": 0, "instead": 0}
        """Readings of the canary's learners: by itself; by the champion, for it failed."""
        self._canary_id = ""
        self._shadow: ControlledModel | None = None

    def obey(self, state: ControlState) -> None:
        """What the control topic says now: whatever begins is counted from 0."""
        canary_id = "" if state.canary is None else state.canary.id
        if canary_id != self._canary_id:
            self._canary_id, self.canary, self.answered = canary_id, Agreement(), {"canary": 0, "instead": 0}
        if state.shadow != self._shadow:
            self._shadow, self.shadow = state.shadow, Agreement()

    def routed(self, part: str) -> None:
        """A reading was answered by "champion" or "canary"; or by the champion "instead" of a canary that failed."""
        if part in self.answered:
            self.answered[part] += 1

    def compared(self, end: str, of_canary: bool, found: ComparedReading | None) -> None:
        """As Comparisons tells it."""
        (self.canary if of_canary else self.shadow).note(end, found)

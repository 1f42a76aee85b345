"""The windows of a long clip woven into one: no sound is lost where they meet, and none is heard twice.

Frames of neighbouring windows are of the same moments, so that nothing needs to be matched. But a model places a sound
a frame earlier or later as the window is another, and where the change from one to the other goes through a sound, it
is in both or in neither. They are joined where both are surest of silence, or of a pause within a sound.
"""

from __future__ import annotations

import numpy as np

from streamproc.audio.windows import AFTER, STEP, Window
from streamproc.scoring.ctc import Floats, log_softmax
from streamproc.scoring.phonemes import BLANK

JOINED_WITHIN = AFTER // 4
"""Samples to either side of a cut among whose frames two windows are joined: half a second. In both of them it is far
enough from the ends that the model has heard what it needs."""


class Weaver:
    """Takes the logits of a clip's windows in order; holds log-probabilities alone, 8 kB for each second."""

    def __init__(self) -> None:
        self._woven: list[Floats] = []
        self._open: Floats | None = None
        """Of the last window, from where it was joined to its end."""
        self._begin = 0
        """The frame of the clip that ``_open`` begins with."""
        self._last = 0
        """The frame before which the last window's own samples end."""

    def add(self, window: Window, logits: Floats, step: float = STEP) -> None:
        """Add the next window.

        Args:
            window: its place.
            logits: frames × 41, the blank last.
            step: samples from one frame to the next, the same for all windows.
        """
        new, begin = log_softmax(logits), round(window.begin / step)
        if self._open is not None:
            join = self._join(new, begin, round(JOINED_WITHIN / step))
            self._woven.append(self._open[: join - self._begin].copy())
            new, begin = new[join - begin :], join
        self._open, self._begin, self._last = new, begin, round(window.last / step)

    def woven(self) -> Floats:
        """Log-probabilities of the whole clip, frames × 41."""
        assert self._open is not None, "no window was added"
        return np.concatenate([*self._woven, self._open])

    def _join(self, new: Floats, begin: int, within: int) -> int:
        assert self._open is not None
        first = max(self._last - within, self._begin, begin)
        last = min(self._last + within, self._begin + len(self._open), begin + len(new))
        silence = self._open[first - self._begin : last - self._begin, BLANK] + new[first - begin : last - begin, BLANK]
        return first + int(silence.argmax())

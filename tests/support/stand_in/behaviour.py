"""What a stand-in does, and what it has done: all of it can be set and read while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """How it answers; the default: at once, and soundly. Seconds all of them."""

    servers: int = 0
    """Requests that are served at once, each by one server; 0: all of them."""
    request_s: float = 0.0
    """A request takes its server so long …"""
    clip_s: float = 0.0
    """… so long for each clip, whatever its length …"""
    audio_s: float = 0.0
    """… and so long for each second of audio, padding included."""
    delay_s: float = 0.0
    """Each answer comes so much later, and takes no server meanwhile."""
    queue: int = 0
    """Requests that may wait for a server; 0: any number. One more is refused, in Triton's words."""
    queue_s: float = 0.0
    """A request that waits longer is refused, in Triton's words; 0: it waits."""
    error: str = ""
    """The name of a gRPC status with which every inference is answered; "": none."""
    message: str = "the stand-in was told to fail"
    """What it says with it."""
    answer: str = "sound"
    """sound; nan, shape, frames or type: logits that are no numbers, or clips, frames or data type are wrong."""
    hang: bool = False
    """Inferences are never answered."""
    ready: bool = True
    """What ModelReady, ServerReady and ServerLive answer."""
    statistics: bool = True
    """Whether ModelStatistics tells anything."""
    version: str = "1"
    """Of the model that answers."""
    sha256: str = ""
    """Of the model, in its configuration; "": the repository's own."""


@dataclass
class Counts:
    """What it has done since its start."""

    requests: int = 0
    """Inferences asked for."""
    answered: int = 0
    """Inferences that got a sound answer, or what ``answer`` says."""
    refused: int = 0
    """Those for which the queue had no place."""
    failed: int = 0
    """Those that got ``error``."""
    clips: int = 0
    samples: int = 0
    """Of the clips asked for, without padding."""
    padded: int = 0
    """Samples, padding included."""
    waiting: int = 0
    most_waiting: int = 0
    serving: int = 0
    configurations: int = 0
    """Readings of the model's configuration."""
    priorities: dict[int, int] = field(default_factory=dict)
    """Priority -> requests; 0 where a request says nothing."""
    order: list[int] = field(default_factory=list)
    """The priorities in the order in which servers began with them; the last thousand."""
    queue_ns: int = 0
    compute_ns: int = 0

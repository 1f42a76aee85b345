"""Real Tritons whose model does as it is told while it serves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from streamproc.localstack.triton import TritonPart

MODEL = Path(__file__).parents[2] / "integration/worker/odd_models/model.py"
NAME = "phonemes"

CONFIGURATION = """
name: "phonemes"
backend: "python"
max_batch_size: 16
input [
  { name: "AUDIO", data_type: TYPE_FP32, dims: [ -1 ], allow_ragged_batch: true },
  { name: "LENGTHS", data_type: TYPE_INT32, dims: [ 1 ] }
]
output [
  { name: "LOGITS", data_type: TYPE_FP32, dims: [ -1, 41 ] },
  { name: "FRAMES", data_type: TYPE_INT32, dims: [ 1 ] }
]
dynamic_batching {
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { max_queue_size: 2 timeout_action: REJECT default_timeout_microseconds: 10000000 }
}
parameters { key: "sha256" value: { string_value: "SHA256" } }
instance_group [{ kind: KIND_CPU, count: 1 }]
"""
"""As models/phonemes has it, but for a queue that is soon full."""


class MoodyTriton(TritonPart):
    """Its model answers as the mood of ``odd_models/model.py`` says."""

    def __init__(self, folder: Path, sha256: str = "a" * 64, arguments: Sequence[str] = ()) -> None:
        repository = folder / "models"
        (repository / NAME / "1").mkdir(parents=True)
        shutil.copy(MODEL, repository / NAME / "1/model.py")
        self._config = repository / NAME / "config.pbtxt"
        self.rename(sha256)
        super().__init__(folder / "triton", models=repository, arguments=arguments)

    def rename(self, sha256: str) -> None:
        """The model that is served from the next start on has this hash."""
        self._config.write_text(CONFIGURATION.replace("SHA256", sha256))

    @property
    def arguments(self) -> tuple[str, ...]:
        """More of tritonserver's, from the next start on."""
        return self._arguments

    @arguments.setter
    def arguments(self, given: Sequence[str]) -> None:
        self._arguments = tuple(given)

    def mood(self, mood: str) -> None:
        """From now on the model answers so; "" soundly."""
        (self._config.parent / "mood").write_text(mood)

"""How likely it is that a word was misread, by a logistic regression over its evidence that goes with one model.

It is fitted on readings that experts marked (`streamproc.training.people.fitting`): the probability is that an expert
would mark the word as wrong (6 of 10 or less). A model that it was not fitted for is judged by the CTC margin alone.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.evidence import EVIDENCE

OperatingPoint = Literal["lenient", "balanced", "strict"]

FARTHEST = 4.0
"""Standard deviations beyond which evidence counts no further: one odd number must not decide."""


@dataclass(frozen=True, slots=True)
class WordClassifier:
    """Weights over `EVIDENCE`, and what goes with them.

    ``points``: the probability above which a word is wrong, by operating point. ``least_fit``: below this mean
    log-probability a phoneme, relative to the best path, the text was not what was read.
    """

    model_sha256: str
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float
    points: Mapping[str, float]
    least_fit: float

    def probabilities(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """That each word was misread; ``evidence`` [words, len(EVIDENCE)]."""
        normal = np.clip((evidence - self.centre) / self.scale, -FARTHEST, FARTHEST)
        return np.asarray(1 / (1 + np.exp(-(normal @ self.weights + self.bias))))

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        columns = zip(EVIDENCE, self.centre, self.scale, self.weights, strict=True)
        return {
            "model_sha256": self.model_sha256,
            "bias": round(self.bias, 5),
            "evidence": {
                name: [round(float(number), 5) for number in (centre, scale, weight)]
                for name, centre, scale, weight in columns
            },
            "points": dict(self.points),
            "least_fit": self.least_fit,
        }


@dataclass(frozen=True, slots=True)
class Strictness:
    """A classifier, and the probability above which a word is wrong."""

    classifier: WordClassifier
    above: float


def from_json(read: Mapping[str, Any]) -> WordClassifier:
    """A classifier. Raises KeyError, TypeError or ValueError where it is none, or for other evidence."""
    if tuple(read["evidence"]) != EVIDENCE:
        raise ValueError("weights of other evidence than this release weighs")
    centre, scale, weights = np.array(list(read["evidence"].values()), dtype=np.float64).T
    points = {str(name): float(above) for name, above in read["points"].items()}
    return WordClassifier(
        str(read["model_sha256"]), centre, scale, weights, float(read["bias"]), points, float(read["least_fit"])
    )


@functools.cache
def shipped() -> Sequence[WordClassifier]:
    """Those of this release, one for each model that has one."""
    folder = importlib.resources.files("streamproc.scoring").joinpath("data", "verdicts")
    if not folder.is_dir():
        return ()
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return tuple(from_json(json.loads(file.read_text("utf-8"))) for file in files)


def strictness_of(model_sha256: str | None, point: OperatingPoint) -> Strictness | None:
    """The shipped classifier that was fitted for this model, if there is one, at an operating point."""
    for classifier in shipped():
        if classifier.model_sha256 == model_sha256:
            return Strictness(classifier, classifier.points[point])
    return None

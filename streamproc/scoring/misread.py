"""How likely it is that a word was misread, by a classifier over its evidence that goes with one model.

A logistic regression, and beside it a few hidden units, as some evidence counts only together with other evidence.

It is fitted on readings that experts marked (`streamproc.training.people.fitting`): the probability is that an expert
would mark the word as wrong (6 of 10 or less). A model that it was not fitted for is judged by the CTC margin alone.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.usual import Usual

OperatingPoint = Literal["lenient", "balanced", "strict"]
Floats = NDArray[np.float64]

FARTHEST = 4.0
"""Standard deviations beyond which evidence counts no further: one odd number must not decide."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Hidden units: ``weights`` [evidence, units], ``bias`` and ``out`` [units]."""

    weights: Floats
    bias: Floats
    out: Floats

    @classmethod
    def none(cls) -> Hidden:
        """No units."""
        return cls(np.zeros((len(EVIDENCE), 0)), np.zeros(0), np.zeros(0))


@dataclass(frozen=True, slots=True)
class WordClassifier:
    """Weights over `EVIDENCE`, and what goes with them.

    ``points``: the probability above which a word is wrong, by operating point. ``least_fit``: below this mean
    log-probability a phoneme, relative to the best path, the text was not what was read. ``most_blur``: above this blur
    (`streamproc.scoring.score.blur`) sounds are told worse than in a reading.
    """

    model_sha256: str
    centre: Floats
    scale: Floats
    weights: Floats
    bias: float
    points: Mapping[str, float]
    least_fit: float
    hidden: Hidden = field(default_factory=Hidden.none)
    usual: Usual = field(default_factory=Usual.unknown)
    most_blur: float = math.inf

    def odds(self, evidence: Floats) -> Floats:
        """The logarithm of the odds that each word was misread; ``evidence`` [words, len(EVIDENCE)]."""
        normal = np.clip((evidence - self.centre) / self.scale, -FARTHEST, FARTHEST)
        together = np.tanh(normal @ self.hidden.weights + self.hidden.bias) @ self.hidden.out
        return np.asarray(normal @ self.weights + together + self.bias)

    def probabilities(self, evidence: Floats) -> Floats:
        """That each word was misread; ``evidence`` [words, len(EVIDENCE)]."""
        return np.asarray(1 / (1 + np.exp(-self.odds(evidence))))

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it."""
        columns = np.column_stack([self.centre, self.scale, self.weights, self.hidden.weights])
        return {
            "model_sha256": self.model_sha256,
            "bias": round(self.bias, 5),
            "evidence": {name: _rounded(row) for name, row in zip(EVIDENCE, columns, strict=True)},
            "hidden": {"bias": _rounded(self.hidden.bias), "out": _rounded(self.hidden.out)},
            "usual": self.usual.to_json(),
            "points": dict(self.points),
            "least_fit": self.least_fit,
            **({"most_blur": self.most_blur} if math.isfinite(self.most_blur) else {}),
        }


def _rounded(numbers: Floats) -> list[float]:
    return [round(float(number), 5) for number in numbers]


@dataclass(frozen=True, slots=True)
class Strictness:
    """A classifier, and the probability above which a word is wrong."""

    classifier: WordClassifier
    above: float


def from_json(read: Mapping[str, Any]) -> WordClassifier:
    """A classifier. Raises KeyError, TypeError or ValueError where it is none, or for other evidence."""
    if tuple(read["evidence"]) != EVIDENCE:
        raise ValueError("weights of other evidence than this release weighs")
    centre, scale, weights, *hidden = np.array(list(read["evidence"].values()), dtype=np.float64).T
    points = {str(name): float(above) for name, above in read["points"].items()}
    units = Hidden(
        np.array(hidden).reshape(len(hidden), len(EVIDENCE)).T, np.array(read["hidden"]["bias"], dtype=np.float64),
        np.array(read["hidden"]["out"], dtype=np.float64),
    )  # fmt: skip
    if not units.weights.shape[1] == len(units.bias) == len(units.out):
        raise ValueError("hidden units with and without a weight")
    return WordClassifier(
        str(read["model_sha256"]), centre, scale, weights, float(read["bias"]), points, float(read["least_fit"]),
        units, Usual.from_json(read["usual"]), float(read.get("most_blur", math.inf)),
    )  # fmt: skip


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

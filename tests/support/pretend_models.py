"""Engines that stand in for models: each answers, fails, or is slow as it is told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.routing.lanes import Wanted


class PretendModel:
    """One model's engine."""

    def __init__(self, model: ControlledModel | None) -> None:
        self.name = "pretend"
        self.model = (
            ModelIdentity("configured", "1", "0" * 64)
            if model is None
            else ModelIdentity(model.name, model.version, model.sha256)
        )
        self.at_start: StreamprocError | None = None
        self.error: StreamprocError | None = None
        self.worked = 0.01
        self.answers = asyncio.Event()
        self.answers.set()
        self.has_room = True
        self.starts = self.calls = 0
        self.priorities: list[Priority] = []
        self.closed = False

    async def start(self) -> ModelIdentity:
        self.starts += 1
        if self.at_start is not None:
            raise self.at_start
        return self.model

    async def room(self) -> None:
        return

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        self.calls += 1
        self.priorities.append(priority)
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        logits = [np.zeros((1, 41), np.float32) for _ in clips]
        return Inference(logits, self.model, self.name, 0.0, self.worked)

    async def close(self) -> None:
        self.closed = True


class PretendModels:
    """All that were made, by what was wanted; ``make`` is what a RoutedEngine asks."""

    def __init__(self) -> None:
        self.made: dict[Wanted, PretendModel] = {}
        self.at_start: dict[ControlledModel | None, StreamprocError] = {}
        self.other_weights: set[ControlledModel] = set()
        """Whose servers have others than they are said to have."""

    def make(self, wanted: Wanted) -> PretendModel:
        """A new engine."""
        engine = self.made[wanted] = PretendModel(wanted.model)
        engine.at_start = self.at_start.get(wanted.model)
        if wanted.model in self.other_weights:
            engine.model = replace(engine.model, sha256="f" * 64)
        return engine

    def champion(self, model: ControlledModel | None = None) -> PretendModel:
        """The engine that was made for a champion."""
        return self.made[Wanted(model)]

    def beside(self, model: ControlledModel) -> PretendModel:
        """The engine that was made for a canary or a shadow."""
        return self.made[Wanted(model, champion=False)]

"""What is closed when its ``with`` or ``async with`` is left."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType


class Closing(ABC):
    """Closes itself at the end, off the loop in asynchronous code."""

    @abstractmethod
    def close(self) -> None:
        """End it; this may wait."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

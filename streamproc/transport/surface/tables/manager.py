"""Faust's manager of tables, without the recovery that Faust does: a partition is ours only when its state is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from faust.tables import TableManager as FaustTableManager
from faust.tables.recovery import Recovery

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.surface.tables.table import Table


class TableManager(FaustTableManager):
    """``app.tables``."""

    async def _update_channels(self) -> None:
        """No changelog is read by way of Faust's topics."""
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    @property
    def recovery(self) -> Recovery:
        """What lets the streams flow, for an app of no tables: all there is to recover is recovered."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, _NoTables(self), beacon=self.beacon, loop=self.loop)
        return self._recovery

    def check_neighbours(self, begun: Iterable[Assignment]) -> None:
        """Look at partitions that are ours from now on, before their events are delivered.

        Raises:
            Unsupported: topics share a table, and not all of their partitions of a number are ours.
        """
        for partition in {assignment.tp.partition for assignment in begun}:
            for table in self.values():
                if isinstance(table, Table):
                    table.check_neighbours(partition)

    async def recovered(self, begun: Iterable[Assignment]) -> None:
        """The state of these is there: tell those who asked to be told."""
        names = {name for assignment in begun for name in assignment.states}
        for name, table in self.items():
            if name in names:
                await table.call_recover_callbacks()


class _NoTables(FaustTableManager):
    """What Faust's recovery sees of a manager."""

    def __init__(self, manager: TableManager) -> None:
        super().__init__(manager.app)
        self._manager = manager

    def on_actives_ready(self) -> None:
        self._manager.on_actives_ready()

    def on_standbys_ready(self) -> None:
        self._manager.on_standbys_ready()


def tables_of(app: Any) -> TableManager | None:
    """The app's manager, if it is ours and has tables."""
    manager = app.tables
    return manager if isinstance(manager, TableManager) and len(manager) else None


def late_topics(app: Any) -> dict[str, str]:
    """The topics of what comes too late for windows, with the names of their tables."""
    windowed = ((table, getattr(table, "windows", None)) for table in app.tables.values())
    return {windows.late_topic: table.name for table, windows in windowed if windows is not None}

"""Which worker answers for a key of a table: of this one it is known, of others it is not."""

from __future__ import annotations

from typing import Any

from faust.app.router import Router as FaustRouter
from yarl import URL


class TableRouter(FaustRouter):
    """``app.router``. Faust's assignor tells each worker where the others are; librdkafka's tell nothing."""

    def key_store(self, table_name: str, key: Any) -> URL:
        """This worker, if it has the key.

        Raises:
            KeyError: it has not; whether another has, nobody knows. (Web views answer 503.)
        """
        table: Any = self.app.tables[table_name]
        if key not in table.data:
            raise KeyError(key)
        url: URL = self.app.conf.canonical_url
        return url

    def table_metadata(self, table_name: str) -> Any:
        """This worker, with the partitions of the table's changelog that it has."""
        return {
            url: {topic: found for topic, found in topics.items() if topic == self._topic(table_name)}
            for url, topics in self.tables_metadata().items()
        }

    def tables_metadata(self) -> Any:
        """This worker, with the partitions of all changelogs that it has."""
        found: dict[str, list[int]] = {}
        transport: Any = self.app.transport
        for assignment in transport.ledger.assignments.values():
            for state in assignment.states.values():
                found.setdefault(state.changelog, []).append(state.partition)
        return {str(self.app.conf.canonical_url): found}

    def _topic(self, table_name: str) -> str:
        table: Any = self.app.tables[table_name]
        name: str = table.changelog_topic_name
        return name

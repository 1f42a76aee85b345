"""A table's content as Python sees it: inside an event that event's view of it, outside what is committed."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, MutableMapping, Sequence, ValuesView
from typing import Any

from streamproc.transport.errors import OutsideEvent, SentAfterAck, Unsupported
from streamproc.transport.flight.state.access import TableAccess
from streamproc.transport.flight.state.versions import TableState
from streamproc.transport.surface.delivery import current_delivery, replacing
from streamproc.transport.surface.tables.codec import TableCodec

#: A key that is not there; ``None`` is a value.
ABSENT = object()


class TableData(MutableMapping[Any, Any]):
    """The mapping behind a table.

    Inside an event: its own partition's state, with what the event has written itself. Every value is a copy of the
    reader's own: a change in place is nothing until it is assigned. Outside any event, and in a handler of refusals:
    what is committed, of all partitions that this worker has; and nothing is written.
    """

    def __init__(self, table: Any) -> None:
        """``table``: Faust's, whose name, types and topic count."""
        self._table = table
        self._name: str = table.name
        self.codec = TableCodec(table)

    # -- one key

    def read(self, key: Any) -> Any:
        """Its value, or ABSENT."""
        codec = self.codec
        raw_key = codec.dump_key(key)
        here = self._here()
        # As in raw(), without its call.
        raw = self.raw(raw_key) if here is None or here[1] is None else here[1].read(here[0], raw_key)
        return ABSENT if raw is None else codec.load_value(raw)

    def raw(self, key: bytes) -> bytes | None:
        """A key's value as bytes."""
        here = self._here()
        if here is None:
            found = (state.store.get(key) for state in self._everywhere())
            return next((value for value in found if value is not None), None)
        state, access = here
        return state.get(key) if access is None else access.read(state, key)

    def write(self, key: bytes, value: bytes | None, records: Sequence[tuple[bytes, bytes]] | None = None) -> None:
        """Set or delete a key; ``records``: what the changelog says instead.

        Raises:
            OutsideEvent: no event is worked on, or only another outcome for one is made.
            SentAfterAck: the event is finished.
        """
        here = self._here()
        if here is None:
            raise OutsideEvent(
                f"The table {self._name!r} is only written while an agent works on an event: the change is committed "
                "with the event" + (", and not by on_refused, which replaces what it sends" if replacing.get() else "")
            )
        state, access = here
        if access is not None:
            if records is None:
                access.write(state, key, value)
            else:
                access.log(state, key, value, records)
            return
        delivery = current_delivery.get()
        if delivery is not None and delivery.acked:
            raise SentAfterAck(
                f"A write to the table {self._name!r} came after its event ({delivery.topic}[{delivery.partition}]@"
                f"{delivery.offset}) was acknowledged: write before the ack"
            )
        # Else another delivery or another worker has the event, and what this one writes counts for nothing.

    def __getitem__(self, key: Any) -> Any:
        value = self.read(key)
        if value is ABSENT:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self.write(self.codec.dump_key(key), self.codec.dump_value(value))

    def __delitem__(self, key: Any) -> None:
        raw = self.codec.dump_key(key)
        if self.raw(raw) is None:
            raise KeyError(key)
        self.write(raw, None)

    def __contains__(self, key: object) -> bool:
        return self.raw(self.codec.dump_key(key)) is not None

    # -- all keys

    def __iter__(self) -> Iterator[Any]:
        load = self.codec.load_key
        return (load(key) for key, _ in self._all())

    def __len__(self) -> int:
        here = self._here()
        if here is None:
            return sum(len(state.store) for state in self._everywhere())
        state, access = here
        return len(state) if access is None else access.count(state)

    def items(self) -> ItemsView[Any, Any]:
        """All keys with their values."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """The values of all keys."""
        return _Values(self)

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """All keys with their values, as they are now."""
        load_key, load_value = self.codec.load_key, self.codec.load_value
        return ((load_key(key), load_value(value)) for key, value in self._all())

    def clear(self) -> None:
        """Delete all keys."""
        for key, _ in self._all():
            self.write(key, None)

    def _all(self) -> Iterator[tuple[bytes, bytes]]:
        here = self._here()
        if here is None:
            # At once: partitions come and go while who asked waits for something between two keys.
            return iter([pair for state in self._everywhere() for pair in state.store.items()])
        state, access = here
        return iter(list(state.items())) if access is None else access.read_all(state)

    # -- where that is

    def _here(self) -> tuple[TableState, TableAccess | None] | None:
        """The state of the event that is worked on, and where its reads and writes are noted.

        None: there is no event. Without notes: the event is not this delivery's any more.
        """
        delivery = current_delivery.get()
        if delivery is None or replacing.get():
            return None
        entry = delivery.entry
        assignment = entry.assignment
        state = assignment.states.get(self._name)
        if state is None:
            raise Unsupported(self._table.why_not(assignment.tp))
        if entry.message is not delivery or delivery.acked or not assignment.alive:
            return state, None
        if assignment.tp.topic not in state.users:
            self._table.bind(assignment.tp)
            state.users.add(assignment.tp.topic)
            if state.due is not None and not state.by_clock:
                assignment.span.tables.add(state.checksum)
        if entry.access is not None and entry.joint is None:
            return state, entry.access
        return state, self._table.app.transport.ledger.tables.access(entry, state)

    def _everywhere(self) -> Iterator[TableState]:
        """Each partition once: of other topics that could have used the table, the stores stay as they were."""
        seen: set[int] = set()
        for assignment in self._table.app.transport.ledger.assignments.values():
            state = assignment.states.get(self._name)
            if state is None or state.partition in seen:
                continue
            if self._table.sources and assignment.tp.topic not in self._table.sources:
                continue
            seen.add(state.partition)
            yield state


class _Items(ItemsView[Any, Any]):
    _mapping: TableData

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self._mapping.pairs()


class _Values(ValuesView[Any]):
    _mapping: TableData

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._mapping.pairs())

"""A store in memory holds what was applied to it."""

from __future__ import annotations

from streamproc.transport.flight.state.store import MemoryStore, Store


def test_the_last_write_of_a_key_counts() -> None:
    store: Store = MemoryStore()
    store.apply([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    assert (store.get(b"a"), store.get(b"b"), store.get(b"c")) == (b"3", b"2", None)
    assert dict(store.items()) == {b"a": b"3", b"b": b"2"}
    assert len(store) == 2


def test_what_is_deleted_is_gone_and_may_come_back() -> None:
    store = MemoryStore()
    store.apply([(b"a", b"1"), (b"a", None), (b"never there", None)])
    assert store.get(b"a") is None
    assert len(store) == 0
    store.apply([(b"a", b"")])
    assert store.get(b"a") == b""

"""What a store on disk needs that may not be there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamproc.transport.errors import TransportError
from streamproc.transport.kafka import disk_store


def test_without_rocksdb_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "rocksdict", None)
    disk_store._library.cache_clear()
    with pytest.raises(TransportError, match=r"pip install 'streamproc\[rocksdb\]'"):
        disk_store.DiskStore(tmp_path)
    disk_store._library.cache_clear()

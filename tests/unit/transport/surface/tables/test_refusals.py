"""What no table may be is refused before the app starts, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faust
import pytest
from faust.tables import TableManager as FaustTableManager

from streamproc.transport import Unsupported
from streamproc.transport.surface.checks import check
from streamproc.transport.surface.tables.manager import TableManager
from streamproc.transport.surface.tables.sets import SetTable
from streamproc.transport.surface.tables.table import Table


def new_app(**options: Any) -> Any:
    return faust.App("refusals", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True, **options)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "global": (lambda app: app.GlobalTable("t"), "'t' is global"),
    "global sets": (lambda app: app.SetGlobalTable("t"), "'t' is global"),
    "partitioner": (lambda app: app.Table("t", use_partitioner=True), "'t' has use_partitioner"),
    "windows of sets": (lambda app: app.SetTable("t").tumbling(10), "'t' has windows of sets"),
    "store": (lambda app: app.Table("t", store="aerospike://"), "has the store aerospike://"),
    "other class": (lambda app: app.tables.add(faust.Table(app, name="t")), "must be a subclass of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_carried_is_refused(name: str) -> None:
    make, reason = REFUSED[name]
    app = new_app()
    make(app)
    with pytest.raises(Unsupported, match=reason):
        check(app)


def test_the_apps_store_counts_where_the_table_names_none() -> None:
    app = new_app(store="aerospike://")
    app.Table("t")
    with pytest.raises(Unsupported, match="has the store aerospike://"):
        check(app)


def test_a_manager_of_another_kind_is_refused() -> None:
    class Manager(FaustTableManager):
        """Not ours."""

    app = new_app(TableManager=Manager)
    app.Table("t")
    with pytest.raises(Unsupported, match="TableManager is"):
        check(app)


def test_other_tables_are_ours_and_pass() -> None:
    app = new_app()
    table = app.Table("t", store="memory://", default=int, partitions=3, help="counts")
    sets = app.SetTable("s", store="rocksdb://")
    assert isinstance(table, Table)
    assert isinstance(sets, SetTable)
    assert isinstance(app.tables, TableManager)
    check(app)

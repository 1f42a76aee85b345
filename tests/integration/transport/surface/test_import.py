"""The driver can be used without the rest of streamproc."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: What the driver itself asks for; what these need comes with them.
NEEDED = {"confluent-kafka", "faust-streaming", "pydantic"}
PROGRAM = """
import json, sys
before = set(sys.modules)
import streamproc.transport
from streamproc.transport import *
import streamproc.transport.surface.consumer, streamproc.transport.surface.replies, streamproc.transport.fixup
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_it_imports_no_other_room_and_few_packages() -> None:
    """Only streamproc.transport, and what its three requirements bring."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    modules = json.loads(done.stdout)
    rooms = {".".join(name.split(".")[:2]) for name in modules if name.startswith("streamproc.")}
    assert rooms == {"streamproc.transport"}
    owners = packages_distributions()
    loaded = {
        canonicalize_name(owner)
        for name in {module.split(".")[0] for module in modules} - {"streamproc"}
        for owner in owners.get(name, [])
    }
    assert loaded >= NEEDED
    assert loaded - with_what_they_need(NEEDED) - {"streamproc"} == set()


def with_what_they_need(names: set[str]) -> set[str]:
    """Distributions and, transitively, what they require or can use (extras included)."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = requires(name) or []
        except ImportError:
            continue
        # Of the extras only Faust's own: its optional speed-ups are imported when they are there.
        waiting += [
            canonicalize_name(requirement.name)
            for requirement in map(Requirement, needed)
            if name == "faust-streaming" or "extra" not in str(requirement.marker or "")
        ]
    return found

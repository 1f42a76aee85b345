"""``streamproc``, as a release that has a third major version of results: a schema file and one row more.

``TEST_PRETEND_SCHEMAS`` names the folder that ``prepare`` has made.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from streamproc.contracts import files, generated, majors
from streamproc.contracts.generated import conversions
from streamproc.contracts.generated.events import Result
from streamproc.contracts.upkeep import checks, generate

FOLDER = "TEST_PRETEND_SCHEMAS"
CONTRACT = "reading.result.v3"

TABLE = f"""
["{CONTRACT}"]
compatibility = "FULL_TRANSITIVE"
owner = "reading scoring"
topic = "{CONTRACT}"
key = "learner_id"
retention = "30 days"
ordering = "one learner's results, in the order of their activities"
"""


def prepare(folder: Path) -> None:
    """Make the release's files: its schemas, one more among them, and what the generator makes of that."""
    shutil.copytree(files.schema_folder(), folder, dirs_exist_ok=True)
    schema = files.newest(files.RESULT).schema
    # What is version 1's own field has another name, so that a cast is needed.
    tenant = next(field for field in schema["fields"] if field["name"] == "tenant")
    tenant["name"] = "tenant_id"
    (folder / CONTRACT).mkdir()
    (folder / CONTRACT / "1.avsc").write_text(json.dumps({**schema, "namespace": "streamproc.reading.v3"}))
    with (folder / "compatibility.toml").open("a") as table:
        table.write(TABLE)
    checks.seal(folder)


def add(folder: Path) -> None:
    """Make this process such a release; what is imported later is part of it."""
    files.schema_folder = lambda: folder
    code = folder.parent / "generated"
    if not code.exists():
        code.mkdir()
        for path, source in generate.modules(code).items():
            path.write_text(source)
    generated.__path__.append(str(code))
    from streamproc.contracts.generated import conversions_v3  # type: ignore[attr-defined]

    def up(result: Result) -> Any:
        datum = conversions.result_to_avro(result)
        return conversions_v3.result_from_avro({**datum, "tenant_id": datum["tenant"]})

    def down(result: Any) -> Result:
        datum = conversions_v3.result_to_avro(result)
        return conversions.result_from_avro({**datum, "tenant": datum["tenant_id"]})

    row = majors.Major(3, CONTRACT, conversions_v3.result_from_avro, conversions_v3.result_to_avro, up, down)
    majors.MAJORS[3] = row


if __name__ == "__main__":
    add(Path(os.environ[FOLDER]))
    from streamproc import cli

    cli.main()

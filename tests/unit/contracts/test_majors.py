"""The table of major versions agrees with the schema files, and a row is all that a new one takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import pretend_major
from support.worker_process import environment

from streamproc import settings
from streamproc.contracts import files
from streamproc.contracts.majors import MAJORS, V1, V2, Major, caster
from streamproc.contracts.upkeep.examples import RESULT


def test_every_contract_of_results_is_a_row() -> None:
    others = {files.ACTIVITY, files.CONTROL, *files.OPTIONAL}
    contracts = {contract.name: contract.topic for contract in files.contracts() if contract.name not in others}
    assert {major.contract: major.topic for major in MAJORS.values()} == contracts


@pytest.mark.parametrize("major", MAJORS.values(), ids=lambda major: str(major.number))
def test_every_row_is_written_read_and_set(major: Major[object]) -> None:
    made = major.upcast(RESULT)
    assert major.from_avro(major.to_avro(made)) == made
    assert major.downcast(made) == RESULT
    assert settings.KafkaSettings().topic_of(major) == major.topic


def test_any_version_is_cast_to_any() -> None:
    as_v2 = V2.upcast(RESULT)
    for written, event in ((V1, RESULT), (V2, as_v2)):
        assert (caster(written, V1)(event), caster(written, V2)(event)) == (RESULT, as_v2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema files of a release with a third major version."""
    folder = tmp_path_factory.mktemp("release") / "schemas"
    pretend_major.prepare(folder)
    return folder


def run(folder: Path, *command: str) -> str:
    """What a command of that release prints."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**environment({pretend_major.FOLDER: str(folder)}), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def streamproc(folder: Path, *arguments: str) -> str:
    return run(folder, pretend_major.__file__, *arguments)


def test_a_new_major_has_its_settings(folder: Path) -> None:
    rows = {row["variable"]: row for row in json.loads(streamproc(folder, "settings", "--json"))}
    assert "STREAMPROC_KAFKA__RESULT_V3_TOPIC" in rows
    assert rows["STREAMPROC_KAFKA__RESULT_V3_TOPIC"]["default"] == "reading.result.v3"


def test_a_new_major_is_checked_listed_and_exported(folder: Path, tmp_path: Path) -> None:
    assert "keeps its promise" in streamproc(folder, "schemas", "check")
    assert "version 1: " in streamproc(folder, "schemas", "history", "reading.result.v3")
    assert f"{tmp_path}/reading.result.v3-value/1.avsc" in streamproc(folder, "schemas", "export", str(tmp_path))


SCRIPT = """
import asyncio, sys
from pathlib import Path
from support import pretend_major
pretend_major.add(Path(sys.argv[1]))
from streamproc import client, settings
from streamproc.contracts import majors
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.records import ResultEncoders
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.kafka import topics

class Registry:
    url = "http://nowhere"
    async def id_of(self, subject, text):
        print("asked for", subject)
        return 3

tree = settings.Settings(kafka={"result_majors": [1, 3]})
print("created", sorted(topics.configurations(tree.kafka)))
encoders = ResultEncoders(Registry(), topics.topics_of_contracts(tree.kafka))
asyncio.run(encoders.start())
for record in encoders.encode(RESULT):
    print("encoded", record.topic, record.event_type, len(record.value))
row = majors.MAJORS[3]
print("cast", majors.caster(row, majors.V1)(row.from_avro(row.to_avro(row.upcast(RESULT)))) == RESULT)
client.ResultSubscriber(client.Connection(bootstrap_servers="x:1", registry_url="http://x"), "group", major=3)
"""


def test_a_new_major_is_created_encoded_and_read(folder: Path) -> None:
    said = run(folder, "-c", SCRIPT, str(folder)).splitlines()
    assert any(line.startswith("created") and "'reading.result.v3'" in line for line in said)
    assert "asked for reading.result.v3-value" in said
    encoded = [line.split()[1:3] for line in said if line.startswith("encoded")]
    assert encoded == [
        ["reading.result.v1", "streamproc.reading.Result"],
        ["reading.result.v3", "streamproc.reading.v3.Result"],
    ]
    assert "cast True" in said

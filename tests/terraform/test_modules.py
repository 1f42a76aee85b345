"""Every module's own tests, and what holds for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.module_tables import modules, page
from support.terraform import FOLDER, Terraform, mirrored

ENVIRONMENTS = sorted(path.parent for path in FOLDER.glob("environments/**/versions.tf"))
EXAMPLES = sorted(path.parent for path in FOLDER.glob("examples/**/main.tf"))


def needs_kafka_provider(folder: Path) -> None:
    if "Mongey/kafka" in (folder / "versions.tf").read_text("utf-8") and not mirrored("mongey/kafka"):
        pytest.skip("the provider Mongey/kafka is in no mirror here: make kafka-provider SOURCE=its/checkout")


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_a_module_passes_its_own_tests(tree: Path, tmp_path: Path, module: Path) -> None:
    needs_kafka_provider(module)
    terraform = Terraform(tree / "modules" / module.name, tmp_path)
    terraform.init()
    said = terraform.succeed("test", "-no-color")
    assert ", 0 failed" in said
    assert "Success! 0 passed" not in said


@pytest.mark.parametrize("folder", ENVIRONMENTS + EXAMPLES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_environments_and_examples_are_valid(tree: Path, tmp_path: Path, folder: Path) -> None:
    needs_kafka_provider(folder)
    terraform = Terraform(tree / folder.relative_to(FOLDER), tmp_path)
    terraform.init()
    terraform.succeed("validate", "-no-color")


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_the_tables_of_inputs_are_current(module: Path) -> None:
    assert (module / "README.md").read_text("utf-8") == page(module), "cd tests; python -m support.module_tables"


def test_everything_is_formatted(tmp_path: Path) -> None:
    assert Terraform(FOLDER, tmp_path).run("fmt", "-check", "-recursive").stdout == ""

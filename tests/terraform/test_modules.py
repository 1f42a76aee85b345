"""Every module's own tests, and what holds for all of them."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("bootstrap_servers_iam=b-1.one.kafka.eu-west-1.amazonaws.com:9098", "region=eu-central-1"),
            "region: the brokers are not in 'eu-central-1'",
        ),
        (("bootstrap_servers_iam=", "region=eu-central-1"), "bootstrap_servers_iam: host:port, separated by commas"),
    ],
)
def test_brokers_of_no_or_another_region_are_refused_by_name(
    tree: Path, tmp_path: Path, given: tuple[str, str], said: str
) -> None:
    folder = tree / "environments" / "prod" / "topics"
    needs_kafka_provider(folder)
    (folder / "override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    terraform = Terraform(folder, tmp_path)
    try:
        terraform.init(backend=True)
        assert said in terraform.refused(*given)
    finally:
        (folder / "override.tf").unlink()


def texts(environment: str) -> dict[str, str]:
    """File -> text of an environment's folder and of its topics'."""
    folder = FOLDER / "environments" / environment
    files = [*folder.glob("*"), *folder.glob("topics/*")]
    return {
        str(file.relative_to(folder)): file.read_text("utf-8") for file in files if file.suffix in (".tf", ".example")
    }


def of_any_size(found: dict[str, str], environment: str) -> dict[str, str]:
    """The same of an environment without a name and a size."""
    size = re.compile(r"\b(partitions|min|max)( +)= \d+")
    return {file: size.sub(r"\1\2= …", text.replace(environment, "…")) for file, text in found.items()}


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_environments_differ_in_name_and_size_alone(environment: str) -> None:
    assert of_any_size(texts(environment), environment) == of_any_size(texts("dev"), "dev")


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_both_steps_of_an_environment_have_the_same_partitions(environment: str) -> None:
    found = texts(environment)
    (whole,), (topics,) = (re.findall(r"partitions += (\d+)", found[file]) for file in ("main.tf", "topics/main.tf"))
    assert whole == topics


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_the_tables_of_inputs_are_current(module: Path) -> None:
    assert (module / "README.md").read_text("utf-8") == page(module), "cd tests; python -m support.module_tables"


def test_everything_is_formatted(tmp_path: Path) -> None:
    assert Terraform(FOLDER, tmp_path).run("fmt", "-check", "-recursive").stdout == ""

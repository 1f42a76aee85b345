"""``streamproc release``: one image from environment to environment and back, recorded in git."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamproc.cli.release_repository import Repository, tell
from streamproc.cli.release_watch import watch
from streamproc.deployment import promotion
from streamproc.deployment.promotion import IMAGES, ORDER, Promotion
from streamproc.terminal import example, safe


@click.group()
@click.option(
    "--repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    help="A checkout of the repository that Argo CD reads.",
)
@click.pass_context
def command(ctx: click.Context, repository: Path) -> None:
    """Promote images by digest; each promotion is a commit, and is taken back by another."""
    ctx.obj = Repository(repository)


command.add_command(watch)


@command.command(epilog=example("release set worker sha256:…", 'release set worker sha256:… --reason "2.1"'))
@click.argument("image", type=click.Choice(IMAGES))
@click.argument("digest")
@click.option("--reason", default="A new build.", show_default=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def set(repository: Repository, image: str, digest: str, reason: str, as_json: bool) -> None:  # noqa: A001 - the command's name
    """Begin a release: put a build into dev."""
    one = Promotion(image, digest, "build", ORDER[0])
    tell(one, repository.promote(one, reason), as_json=as_json)


@command.command(epilog=example("release promote worker --from dev --to staging --reason 'soaked for a day'"))
@click.argument("image", type=click.Choice(IMAGES))
@click.option("--from", "source", required=True, type=click.Choice(ORDER), help="Where it runs.")
@click.option("--to", "target", required=True, type=click.Choice(ORDER), help="Where it is to run: the next one.")
@click.option("--reason", required=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def promote(repository: Repository, image: str, source: str, target: str, reason: str, as_json: bool) -> None:
    """Have the next environment run the same image.

    A commit says who did it, when and why. Push the commit to have Argo CD carry it out; `streamproc release watch`
    takes it back if an error budget burns, `streamproc release rollback` at once.
    """
    try:
        promotion.check_order(source, target)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    one = Promotion(image, repository.digest(source, image), source, target)
    tell(one, repository.promote(one, reason), as_json=as_json)


@command.command(epilog=example('release rollback worker --in prod --reason "dead letters of good readings"'))
@click.argument("image", type=click.Choice(IMAGES))
@click.option("--in", "overlay", required=True, type=click.Choice(ORDER), help="Where it runs.")
@click.option("--reason", required=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def rollback(repository: Repository, image: str, overlay: str, reason: str, as_json: bool) -> None:
    """Have an environment run what it ran before.

    That is, before the newest promotion into it. It is a commit too: push it to have Argo CD carry it out.
    """
    one = repository.before(image, overlay)
    tell(one, repository.promote(one, reason), as_json=as_json)


@command.command(epilog=example("release log", "release log --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
@click.pass_obj
def log(repository: Repository, as_json: bool) -> None:
    """Tell what was released, when and by whom.

    Newest first, from the commits that `promote`, `set`, `rollback` and `watch` made.
    """
    rows = repository.promotions()
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        text = "{when}  {image} {digest}  {from} -> {to}  {who}  {commit}".format_map(
            {**row, "commit": row["commit"][:9]}
        )
        click.echo(safe(text))

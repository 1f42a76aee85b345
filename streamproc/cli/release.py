"""``streamproc release``: one image from environment to environment, recorded in git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import click

from streamproc.deployment import promotion
from streamproc.deployment.promotion import IMAGES, ORDER, Promotion
from streamproc.terminal import example, safe

OVERLAYS = Path("terraform/kubernetes/overlays")

_FORMAT = "%H%x1f%aI%x1f%an <%ae>%x1f" + "%x1f".join(
    f"%(trailers:key=Release-{name},valueonly,separator=)" for name in ("Image", "Digest", "From", "To")
)
_FIELDS = ("commit", "when", "who", "image", "digest", "from", "to")


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
    """Promote images by digest; each promotion is a commit, and is taken back by reverting it."""
    ctx.obj = repository


@command.command(epilog=example("release set worker sha256:…", 'release set worker sha256:… --reason "2.1"'))
@click.argument("image", type=click.Choice(IMAGES))
@click.argument("digest")
@click.option("--reason", default="A new build.", show_default=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def set(repository: Path, image: str, digest: str, reason: str, as_json: bool) -> None:  # noqa: A001 - the command's name
    """Begin a release: put a build into dev."""
    _promote(repository, Promotion(image, digest, "build", ORDER[0]), reason, as_json)


@command.command(epilog=example("release promote worker --from dev --to staging --reason 'soaked for a day'"))
@click.argument("image", type=click.Choice(IMAGES))
@click.option("--from", "source", required=True, type=click.Choice(ORDER), help="Where it runs.")
@click.option("--to", "target", required=True, type=click.Choice(ORDER), help="Where it is to run: the next one.")
@click.option("--reason", required=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def promote(repository: Path, image: str, source: str, target: str, reason: str, as_json: bool) -> None:
    """Have the next environment run the same image.

    A commit says who did it, when and why. Push the commit to have Argo CD carry it out; `git revert` it to go back.
    """
    try:
        promotion.check_order(source, target)
        digest = promotion.digest_of(source, _file(repository, source).read_text("utf-8"), image)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _promote(repository, Promotion(image, digest, source, target), reason, as_json)


@command.command(epilog=example("release log", "release log --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
@click.pass_obj
def log(repository: Path, as_json: bool) -> None:
    """Tell what was promoted, when and by whom.

    Newest first, from the commits that `promote` and `set` made.
    """
    told = _git(repository, "log", "--grep=^Release-Digest: ", f"--format={_FORMAT}")
    rows = [dict(zip(_FIELDS, line.split("\x1f"), strict=True)) for line in told.splitlines()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        text = "{when}  {image} {digest}  {from} -> {to}  {who}  {commit}".format_map(
            {**row, "commit": row["commit"][:9]}
        )
        click.echo(safe(text))


def _promote(repository: Path, one: Promotion, reason: str, as_json: bool) -> None:
    file = _file(repository, one.target)
    try:
        before = file.read_text("utf-8")
        after = promotion.with_digest(one.target, before, one.image, one.digest)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if _git(repository, "status", "--porcelain", "--", str(OVERLAYS)):
        raise click.ClickException(f"{OVERLAYS} has changes that are not committed: a promotion is a commit of its own")
    if after == before:
        commit = ""
    else:
        file.write_text(after, "utf-8")
        _git(repository, "commit", "--quiet", "--message", one.message(reason), "--", str(file.relative_to(repository)))
        commit = _git(repository, "rev-parse", "HEAD").strip()
    if as_json:
        click.echo(json.dumps({"image": one.image, "digest": one.digest, "to": one.target, "commit": commit or None}))
    elif commit:
        click.echo(safe(f"{one.subject()}: commit {commit[:9]}; push it, or take it back with git revert"))
    else:
        click.echo(safe(f"{one.target} runs {one.image} {one.digest} already"))


def _file(repository: Path, overlay: str) -> Path:
    file = repository / OVERLAYS / overlay / "kustomization.yaml"
    if not file.is_file():
        raise click.UsageError(f"--repository: {file} is not there")
    return file


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

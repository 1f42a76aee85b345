"""The checkout that Argo CD reads, as the commands of ``streamproc release`` use it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import click

from streamproc.deployment import promotion
from streamproc.deployment.promotion import Promotion
from streamproc.terminal import safe

OVERLAYS = Path("terraform/kubernetes/overlays")

_FIELDS = ("commit", "when", "who", "image", "digest", "from", "to")
_FORMAT = "%H%x1f%aI%x1f%an <%ae>%x1f" + "%x1f".join(
    f"%(trailers:key=Release-{name},valueonly,separator=)" for name in ("Image", "Digest", "From", "To")
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout, in ``folder``. Whatever it cannot do is a message of the command line."""

    folder: Path

    def text(self, overlay: str) -> str:
        """An overlay's kustomization."""
        return self._file(overlay).read_text("utf-8")

    def digest(self, overlay: str, image: str) -> str:
        """Which image an overlay runs."""
        try:
            return promotion.digest_of(overlay, self.text(overlay), image)
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    def promote(self, one: Promotion, reason: str) -> str:
        """Commit it; the commit, or nothing where the overlay runs this image already."""
        file = self._file(one.target)
        try:
            before = file.read_text("utf-8")
            after = promotion.with_digest(one.target, before, one.image, one.digest)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if self.git("status", "--porcelain", "--", str(OVERLAYS)):
            raise click.ClickException(
                f"{OVERLAYS} has changes that are not committed: a promotion is a commit of its own"
            )
        if after == before:
            return ""
        file.write_text(after, "utf-8")
        self.git("commit", "--quiet", "--message", one.message(reason), "--", str(file.relative_to(self.folder)))
        return self.git("rev-parse", "HEAD").strip()

    def promotions(self) -> list[dict[str, str]]:
        """All of them, the newest first: commit, when, who, image, digest, from, to."""
        told = self.git("log", "--grep=^Release-Digest: ", f"--format={_FORMAT}")
        return [dict(zip(_FIELDS, line.split("\x1f"), strict=True)) for line in told.splitlines()]

    def before(self, image: str, overlay: str) -> Promotion:
        """The promotion that takes back the newest one of an image into an overlay.

        What ran before is looked up in the commit before it, so that a change of the other image since is kept.
        """
        now = self.digest(overlay, image)
        newest = next((row for row in self.promotions() if (row["image"], row["to"]) == (image, overlay)), None)
        if newest is None or newest["digest"] != now:
            raise click.ClickException(
                f"{overlay} runs {image} {now}, and no promotion says so: take it back with git revert"
            )
        file = self._file(overlay).relative_to(self.folder).as_posix()
        try:
            old = promotion.digest_of(overlay, self.git("show", f"{newest['commit']}^:./{file}"), image)
        except ValueError:
            raise click.ClickException(
                f"{image} {now} is the first release to {overlay}: there is nothing to go back to"
            ) from None
        return Promotion(image, old, promotion.ROLLBACK, overlay)

    def git(self, *arguments: str) -> str:
        """Run git; what it says."""
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _file(self, overlay: str) -> Path:
        file = self.folder / OVERLAYS / overlay / "kustomization.yaml"
        if not file.is_file():
            raise click.UsageError(f"--repository: {file} is not there")
        return file


def tell(one: Promotion, commit: str, *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        click.echo(json.dumps({"image": one.image, "digest": one.digest, "to": one.target, "commit": commit or None}))
    elif commit:
        click.echo(safe(f"{one.subject()}: commit {commit[:9]}; push it, or take it back with git revert"))
    else:
        click.echo(safe(f"{one.target} runs {one.image} {one.digest} already"))

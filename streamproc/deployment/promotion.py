"""Which image each overlay runs, and how one goes from overlay to overlay: as text, without files or git."""

from __future__ import annotations

import re
from dataclasses import dataclass

ORDER = ("dev", "staging", "prod")
"""The way of a release; previews are no part of it."""

IMAGES = ("worker", "triton")

ROLLBACK = "rollback"
"""Where an image comes from that was taken back to."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NONE = "sha256:" + "0" * 64
"""What stands in an overlay that has never been released to."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One image from one overlay to another."""

    image: str
    digest: str
    source: str
    target: str

    def subject(self) -> str:
        """The first line of its commit."""
        if self.source == ROLLBACK:
            return f"Roll {self.image} in {self.target} back to {self.digest[:19]}"
        return f"Promote {self.image} {self.digest[:19]} from {self.source} to {self.target}"

    def message(self, reason: str) -> str:
        """The commit that is its record: who and when are the commit's own."""
        trailers = {
            "Release-Image": self.image,
            "Release-Digest": self.digest,
            "Release-From": self.source,
            "Release-To": self.target,
        }
        lines = [f"{name}: {value}" for name, value in trailers.items()]
        return "\n".join([self.subject(), "", reason, "", *lines]) + "\n"


def digest_of(overlay: str, text: str, image: str) -> str:
    """The digest of an image in an overlay's kustomization.yaml.

    Raises:
        ValueError: there is no such image, or nothing has ever been released there.
    """
    digest = _found(overlay, text, image)[1]
    if digest == _NONE:
        raise ValueError(f"nothing has been released to {overlay}: its {image} has no digest yet")
    return digest


def with_digest(overlay: str, text: str, image: str, digest: str) -> str:
    """The overlay's text with another digest of an image, and nothing else changed.

    Raises:
        ValueError: there is no such image, or it is no digest.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no digest: sha256: and 64 hexadecimal digits")
    at, found = _found(overlay, text, image)
    return text[:at] + digest + text[at + len(found) :]


def check_order(source: str, target: str) -> None:
    """Refuse a promotion that leaves out an environment.

    Raises:
        ValueError: the target does not come next after the source.
    """
    for name in (source, target):
        if name not in ORDER:
            raise ValueError(f"{name!r} is not one of {', '.join(ORDER)}")
    following = ORDER[ORDER.index(source) + 1] if source != ORDER[-1] else "nothing"
    if target != following:
        raise ValueError(f"after {source} comes {following}, not {target}")


def _found(overlay: str, text: str, image: str) -> tuple[int, str]:
    """Where the digest of an image is, and what it is."""
    entry = re.search(rf"^  - name: streamproc/{image}\n(?:    .*\n)*?    digest: (\S+)$", text, re.MULTILINE)
    if entry is None:
        raise ValueError(f"overlay {overlay}: there is no digest of streamproc/{image} in its kustomization.yaml")
    return entry.start(1), entry[1]

"""Two real Tritons that speak TLS and ask for certificates: wrong ones, expired ones, and ones that are rotated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from chaos.inference.faults import AT_ONCE_S, RATE, background
from chaos.inference.rig import Rig, Verdict
from chaos.inference.servers import MoodyTriton
from streamproc.inference.channel import LOOK_S
from streamproc.localstack.security import make_authority, make_certified_key


class Papers:
    """An authority, a stranger to it, and what they certify, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._authorities = {name: make_authority(self.file(name), name) for name in ("ca", "stranger")}
        for name in ("server", "client"):
            self.certify(name)
        self.certify("wrong", by="stranger")
        self.certify("expired", valid=timedelta(hours=-1))
        self.trust("ca")

    def file(self, name: str) -> Path:
        """A PEM file."""
        return self._folder / f"{name}.pem"

    def certify(self, name: str, by: str = "ca", valid: timedelta = timedelta(days=30)) -> Path:
        """Write a key and its certificate, or replace them at once, as Kubernetes does."""
        scratch = self.file(f"{name}.new")
        make_certified_key(scratch, name, *self._authorities[by], valid=valid)
        scratch.replace(self.file(name))
        return self.file(name)

    def trust(self, *authorities: str) -> None:
        """Write what the worker trusts."""
        scratch = self.file("trusted.new")
        scratch.write_bytes(b"".join(self.file(name).read_bytes() for name in authorities))
        scratch.replace(self.file("trusted"))

    def arguments(self, server: str) -> tuple[str, ...]:
        """A Triton's, that shows this certificate and lets in whom the authority has certified."""
        return (
            "--grpc-use-ssl=true",
            "--grpc-use-ssl-mutual=true",
            f"--grpc-server-cert={self.file(server)}",
            f"--grpc-server-key={self.file(server)}",
            f"--grpc-root-cert={self.file('ca')}",
        )

    @property
    def settings(self) -> dict[str, str]:
        """The worker's."""
        return {
            "STREAMPROC_TRITON__CA_FILE": str(self.file("trusted")),
            "STREAMPROC_TRITON__CERTIFICATE_FILE": str(self.file("client")),
            "STREAMPROC_TRITON__KEY_FILE": str(self.file("client")),
        }


def of_certificates(rig: Rig) -> Iterator[Verdict]:
    """One of two servers comes back with a certificate that is of no use; then the worker's own is rotated."""
    folder = rig.place("papers")
    papers = Papers(folder / "papers")
    parts = [MoodyTriton(folder / name, arguments=papers.arguments("server")) for name in ("a", "b")]
    with contextlib.ExitStack() as ending:
        for part in parts:
            ending.callback(part.stop)
            part.start()
        with rig.session([part.address for part in parts], papers.settings) as session:

            def restart(server: str) -> None:
                parts[0].kill()
                parts[0].arguments = papers.arguments(server)
                parts[0].start()

            for server, words in (("wrong", "STREAMPROC_TRITON__CA_FILE"), ("expired", "certificate has expired")):
                acts = [(2.0, background(lambda server=server: restart(server)))]  # type: ignore[misc]
                verdict = session.prove(f"{server} certificate", 14, RATE, acts)
                verdict.demand(verdict.longest_s <= AT_ONCE_S, f"one took {verdict.longest_s} s")
                verdict.demand(session.logged(words), f"the log does not say {words!r}")
                yield verdict

            def rotate() -> None:
                papers.certify("client")

            def trust_both() -> None:
                papers.trust("stranger", "ca")

            # Two rotations, a bundle of authorities, and then a server of the new one.
            period = LOOK_S + 3
            acts = [
                (1.0, background(lambda: restart("server"))),
                (period, rotate),
                (2 * period, rotate),
                (3 * period, trust_both),
                (4 * period, background(lambda: restart("wrong"))),
            ]
            verdict = session.prove("certificates rotated under load", 5 * period, RATE, acts)
            verdict.demand(verdict.longest_s <= AT_ONCE_S, f"one took {verdict.longest_s} s")
            renewed = session.worker.log_text().count("the certificates have been read again")
            verdict.figures["rotations"] = renewed
            verdict.demand(renewed == 3, f"{renewed} rotations were seen, not 3")
            days = session.worker.metric("streamproc_certificate_expiry_days", certificate="client")
            verdict.demand(29 < days <= 30, f"days to expiry of the worker's certificate: {days}")
            yield verdict

"""The metrics of drift: what the champion says today, beside a stored reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime

from opentelemetry.metrics import CallbackOptions, Observation, get_meter_provider

from streamproc.contracts.generated.events import Result
from streamproc.routing.drift import LEAST, MEASURES, Drift, Profile, drift
from streamproc.routing.reference import ModelProfile
from streamproc.telemetry.catalogue import named


class DriftMetrics:
    """Shown from now on.

    Args:
        reference: SHA-256 -> profile.
        champion: SHA-256 of the model whose drift is shown.
        today: the day, UTC.
    """

    def __init__(
        self,
        reference: Mapping[str, ModelProfile],
        champion: Callable[[], str],
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._reference = reference
        self._champion = champion
        self._today = today
        self._day = today()
        self._profiles: dict[str, Profile] = {}
        meter = get_meter_provider().get_meter("streamproc")
        measured: dict[str, Callable[[Drift], float]] = {
            "streamproc_drift_psi": lambda found: found.psi,
            "streamproc_drift_ks": lambda found: found.ks,
        }
        for gauge, value in measured.items():
            name, unit, meaning = named(gauge)
            meter.create_observable_gauge(name, [self._observed(value)], unit, meaning)

    def note(self, result: Result) -> None:
        """Count a result in."""
        self._roll()
        if result.model.sha256 in self._reference:
            self._profiles.setdefault(result.model.sha256, Profile()).note(result)

    def _observed(self, value: Callable[[Drift], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            found = self._found()
            return [
                Observation(value(found[measure]) if measure in found else 0.0, {"measure": measure})
                for measure in MEASURES
            ]

        return observe

    def _found(self) -> dict[str, Drift]:
        self._roll()
        sha256 = self._champion()
        profile = self._profiles.get(sha256)
        if profile is None:
            return {}
        found = drift(profile, self._reference[sha256].profile)
        return {measure: one for measure, one in found.items() if one.values >= LEAST and one.psi >= one.chance}

    def _roll(self) -> None:
        """A new day begins with nothing."""
        if (today := self._today()) != self._day:
            self._day, self._profiles = today, {}

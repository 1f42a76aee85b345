"""The doctor's checks that need no stack; tests/operate/test_doctor.py has the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.cli.diagnosis import ORDER, diagnose


async def test_a_file_that_a_worker_would_not_start_with_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_SCORING__ACCEPTED_FILE", str(tmp_path / "missing.toml"))
    checks = diagnose()
    found = await anext(checks)
    await checks.aclose()  # type: ignore[attr-defined]  # a generator, as it is written
    assert (found.name, found.state) == (ORDER[0], "fail")
    assert "STREAMPROC_SCORING__ACCEPTED_FILE" in found.detail
    assert found.remedy

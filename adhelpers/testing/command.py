"""``adhelpers conformance NAME``: the suite under pytest, from any directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def run(
    name: str, *, suite_version: int | None, timeout: float | None, json: str | None, options: Sequence[str]
) -> int:
    """Run the suite for a backend that is known to load; `options` are pytest's own.

    Returns
    -------
    status
        0 if the backend conforms, 1 if not, 2 if pytest did not understand the options.
    """
    arguments = [
        str(_HERE / "run.py"),
        # Nothing of the directory where it is typed: neither its settings nor its fixtures, and no traces.
        *("-c", os.devnull, "--rootdir", str(_HERE), "--noconftest", "-p", "no:cacheprovider"),
        *("-p", "adhelpers.testing.plugin", "--adhelpers-backend", name),
        *("-q", "--no-header", "--tb=short"),
    ]
    if suite_version is not None:
        arguments += ["--adhelpers-suite-version", str(suite_version)]
    if timeout is not None:
        arguments += ["--adhelpers-timeout", str(timeout)]
    if json is not None:
        arguments += ["--adhelpers-json", os.path.abspath(json)]
    status = pytest.main([*arguments, *options])
    if status == pytest.ExitCode.USAGE_ERROR:
        return 2
    return 0 if status == pytest.ExitCode.OK else 1

"""The machine and the versions of a measurement."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path


def use_threads(count: int) -> None:
    """Make the frameworks use `count` threads; call it before any is imported. 0 keeps their own defaults."""
    if count:
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = str(count)
    if count == 1:
        single = "--xla_cpu_multi_thread_eigen=false"  # XLA can only be told whether
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {single}".strip()


def describe(frameworks: Iterable[str], threads: int) -> dict[str, str]:
    """Date, machine and versions."""
    distributions = ("adhelpers", "numpy", *frameworks)
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(threads) if threads else "as the frameworks choose",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join([f"Python {platform.python_version()}", *(f"{d} {version(d)}" for d in distributions)]),
        "data": "double precision, on the CPU",
    }


def _processor() -> str:
    """The model, as exactly as the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

"""The report as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from adhelpers.comparison.results import Deviation, Pair, Report, Result


def to_json(report: Report) -> str:
    """Strict JSON: numbers that are not finite are null."""
    data = {
        "agree": report.agree,
        "title": report.title,
        "backends": report.backends,
        "reference": report.reference,
        "results": [_result(result) for result in report.results],
        "pairs": [_pair(pair) for pair in report.pairs],
        "findings": [asdict(finding) for finding in report.findings],
        "notes": report.notes,
    }
    return json.dumps(_finite(data), indent=2, allow_nan=False) + "\n"


def _result(result: Result) -> dict[str, Any]:
    reference = result.from_reference
    return {
        "function": result.function,
        "operation": result.operation,
        "backend": result.backend,
        "status": result.status,
        "against": result.against,
        **_deviation(result.deviation),
        "from_reference": None if reference is None else _deviation(reference),
        "first_seconds": result.first_seconds,
        "seconds": result.seconds,
        "prepare_seconds": result.prepare_seconds,
        "prepared_seconds": result.prepared_seconds,
        "error": result.error,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    names = {"function": pair.function, "operation": pair.operation, "first": pair.first, "second": pair.second}
    return {**names, "agree": pair.agree, **_deviation(pair.deviation)}


def _deviation(deviation: Deviation | None) -> dict[str, Any]:
    if deviation is None:
        return dict.fromkeys(Deviation.__dataclass_fields__)
    return asdict(deviation)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data

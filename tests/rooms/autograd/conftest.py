"""Every test of this room leaves autograd's count of traces as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_trace_is_left_open() -> Iterator[None]:
    trace_stack = pytest.importorskip("autograd.tracer").trace_stack
    top = trace_stack.top
    yield
    assert trace_stack.top == top

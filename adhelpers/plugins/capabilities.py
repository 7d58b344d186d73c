"""`Capability`: what a backend promises."""

from __future__ import annotations

import enum


class Capability(enum.Enum):
    """What a backend promises, whether it does so itself or the core derives it.

    The conformance suite tests each declared capability, and requires an error for each undeclared one.

    Attributes
    ----------
    FORWARD, REVERSE
        Jacobian-vector and vector-Jacobian products. `ADBackend.jvp` alone is enough to declare both.
        `ADBackend.vjp` alone is enough if its pullbacks can be differentiated.
    COMPLEX
        Complex arrays, in the real-linear sense: functions need not be holomorphic.
    NESTING
        Operations inside operations, without confusion of perturbations. If tracers reach `f`, override
        `ADBackend.stop_gradient`.
    FLOAT64, FLOAT32, BFLOAT16
        Arrays of that dtype; with COMPLEX also complex arrays of that precision. Without FLOAT64 the
        conformance suite runs in single precision, and the backend must refuse float64 arrays.
    COMPILE
        Compilation of a prepared operation, by `ADBackend.compile`.
    THREADS
        Operations from several threads at once.
    RULES
        Functions with their own derivative rule, by `ADBackend.apply_rule`.
    """

    FORWARD = "forward"
    REVERSE = "reverse"
    COMPLEX = "complex"
    NESTING = "nesting"
    FLOAT64 = "float64"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    COMPILE = "compile"
    THREADS = "threads"
    RULES = "rules"

"""`Capability`: what a backend promises."""

from __future__ import annotations

import enum


class Capability(enum.Enum):
    """What a backend promises, be it by its own means or by what core derives from them.

    The conformance suite holds a backend to what it declares, and requires an error where it does not.

    Attributes
    ----------
    FORWARD, REVERSE
        Jacobian-vector and vector-Jacobian products. With `ADBackend.jvp` alone both can be declared, and with
        `ADBackend.vjp` too if its pullbacks can be differentiated.
    COMPLEX
        Complex arrays, in the real-linear sense: functions need not be holomorphic.
    NESTING
        Operations inside operations, without confusion of perturbations; needs a `stop_gradient` of its own
        wherever tracers reach `f`.
    FLOAT64, FLOAT32, BFLOAT16
        Arrays of that dtype, and where COMPLEX is declared the complex ones of that precision. Without FLOAT64 the
        conformance suite runs in single precision, and arrays of float64 must be refused.
    COMPILE
        Compiling a function.
    THREADS
        Operations from several threads at once.
    RULES
        Functions that bring their own derivative, by `ADBackend.apply_rule`.
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

"""The promises R1 to R21: what holds on every backend.

The suite, its messages and the documentation take them from here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A promise that holds on every backend.

    Attributes
    ----------
    number
        The number by which it is cited: 7 for ``"R7"``.
    title
        A word or two, in Markdown.
    sentence
        The promise in short, for messages.
    statement
        The promise in full, in Markdown; links are relative to the documentation's first page.
    has_scenarios
        Whether the suite checks it.
    """

    number: int
    title: str
    sentence: str
    statement: str
    has_scenarios: bool = True

    @property
    def name(self) -> str:
        """``"R7"``, say."""
        return f"R{self.number}"


ALL_RULES: tuple[Rule, ...] = (
    Rule(
        1,
        "structure",
        "containers of x, u and f(x) match, and results have exactly their partner's",
        "`x`, `u` and `f(x)` are arrays, or nested dict, list, tuple, namedtuple, OrderedDict, None or "
        "registered nodes. The order of a dict's keys does not matter, and an OrderedDict matches a dict with "
        "the same keys; a tuple matches neither a list nor a namedtuple. `f` gets the real containers, and "
        "results have exactly their partner's. A mismatch is a `StructureMismatchError` that names the path "
        "and both sides",
    ),
    Rule(
        2,
        "leaves",
        "numbers and NumPy arrays become the backend's arrays; what it cannot differentiate is refused",
        "leaves are arrays of the backend. Python floats and complex numbers, and NumPy arrays in any layout, are "
        "lifted. A number takes the dtype of its partner; one in `x` takes that of the first array beside it that is "
        "real, or complex, like the number. Integer, bool and object leaves are a `DTypeError`, in `f(x)` too; "
        "foreign arrays and everything else are a `TypeError`; `args` may hold anything",
    ),
    Rule(
        3,
        "no silent casts",
        "u has exactly its partner's shape, dtype and device: nothing is broadcast or cast",
        "a leaf of `u` has exactly its partner's shape, dtype and device, or else it is a `ShapeMismatchError`, "
        "`DTypeError` or `DeviceMismatchError`",
    ),
    Rule(
        4,
        "results",
        "each result leaf has exactly its partner's shape, dtype and device",
        "a leaf of a result has exactly its partner's shape, dtype and device, 0-d and half precision included. A "
        "dtype that a framework lacks is a `DTypeError`",
    ),
    Rule(
        5,
        "64 bits",
        "never narrowed silently, and no global setting is changed",
        "64-bit numbers are never narrowed silently; no global setting of a framework is changed",
    ),
    Rule(
        6,
        "zeros",
        "what f does not depend on gives exact zeros, never None, and no warning",
        "the derivative of an output by an input on which it does not depend is exact zeros of the right shape and "
        "dtype: never None, and no warning",
    ),
    Rule(
        7,
        "products",
        "the JVP is the real-linear derivative, the VJP its transpose under Re(sum(a * b))",
        "the JVP is the real-linear derivative; the VJP is its transpose under `Re(sum(a * b))`, without conjugation",
    ),
    Rule(
        8,
        "purity",
        "x and u are never changed, and results share no memory with them or with one another",
        "`x` and `u` are never changed, even if `f` works in place; results share memory neither with them "
        "nor with one another",
    ),
    Rule(
        9,
        "calls",
        "f runs once per product, once in a reverse batched Jacobian, once per chunk in a forward one",
        "`f` runs once for each product that a backend implements itself, once in a reverse batched Jacobian, once "
        "a chunk in a forward one; once or twice more when a function is first seen, and twice when it is seen "
        "again. Derived products, loops over vectors, and pullbacks where `pullback_calls_f` says so, run it more "
        "often",
    ),
    Rule(
        10,
        "errors in `f`",
        "pass through unchanged, and leave no trace",
        "pass through as the same object, and nothing is left behind",
    ),
    Rule(
        11,
        "threads",
        "any number of threads may call any operation",
        "any number of threads may call any operation; `f` must not wait for another thread that does",
    ),
    Rule(
        12,
        "nesting",
        "any operation works inside any other, without confusion of perturbations",
        "any operation works inside any other, and inside and around a framework's own transformations, without "
        "confusion of perturbations",
    ),
    Rule(
        13,
        "`u`",
        "constant to an outer derivative, unless differentiate_u=True",
        "is constant to an outer derivative, unless `differentiate_u=True`",
    ),
    Rule(
        14,
        "missing rules",
        "the other mode stands in, or UnsupportedOperationError says that none can",
        "the other mode replaces a missing rule, which is logged once for each function; if neither mode can, the "
        "call raises `UnsupportedOperationError`. `fallback=False` raises at once. Only the framework's own errors "
        "count: a user's `NotImplementedError` passes through",
    ),
    Rule(
        15,
        "context",
        "results stay attached to what f closes over",
        "results stay attached to everything that `f` closes over, Parameters and tracers included; a framework's "
        "modes, such as `no_grad`, change nothing",
    ),
    Rule(
        16,
        "loud",
        "a result is right or it raises: silent errors of a framework are corrected or refused",
        "a result is right, or the call raises: silent errors of a framework are found and corrected, or refused",
    ),
    Rule(
        17,
        "sizes",
        "arrays without elements or dimensions, empty containers, and batches of 0 and 1 work",
        "arrays without elements or dimensions, empty containers, and batches of 0 and 1 work",
    ),
    Rule(
        18,
        "batched",
        "J is the Jacobian of each batch element, (M, N, B), in row-major order",
        "J is `(M, N, B)`, with outputs and inputs in row-major order; `x` and `f(x)` are one array each and share "
        "the batch axis, or else it is a `BatchAxisError`; a function that mixes the batch is a `BatchMixingError`; "
        "complex `x` needs `holomorphic=True`",
    ),
    Rule(
        19,
        "errors",
        "every error says what was received, what was expected, and what to type next",
        "say what was received, what was expected, and what to type next",
    ),
    Rule(
        20,
        "kinks",
        "at points without a derivative the framework's own choice stands",
        "at points without a derivative the framework's own choice stands: [kinks.md](kinks.md)",
        has_scenarios=False,
    ),
    Rule(
        21,
        "rules",
        "a function with its own derivative rule is differentiated by it, in every mode and to any order",
        "a function with its own derivative rule (`custom_rule`, `implicit`) is differentiated by it, in every "
        "mode and to any order, by the operations here and by the framework's own transformations; a derivative "
        "that the rule does not give, by further arguments or by values that the function closes over, is an error",
    ),
)
"""All of them, in order."""

RULES: dict[str, tuple[str, str]] = {
    rule.name: (rule.title.replace("`", ""), rule.sentence) for rule in ALL_RULES if rule.has_scenarios
}
"""The title and the short sentence of each rule."""


def markdown_table() -> str:
    """All promises in full, as a table in Markdown.

    Examples
    --------
    >>> from adhelpers.testing.rules import markdown_table
    >>> print(markdown_table().splitlines()[0])
    | promise | what holds |
    """
    rows = [f"| {rule.name} {rule.title} | {rule.statement} |" for rule in ALL_RULES]
    return "\n".join(["| promise | what holds |", "|---|---|", *rows])

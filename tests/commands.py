"""Functions for the command line to compare, and what its tests share besides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

SHAPE = ("--shape", "3,5")


PAIR = ("--backends", "autograd,finite-difference")
"""Two backends that start quickly."""


FUNCTIONS = """
import adhelpers
from autograd.tracer import getval, isbox

def good(x):
    xp = adhelpers.array_namespace(x)
    return xp.sin(x) * x

def scalar(x):
    return adhelpers.array_namespace(x).sum(x**2)

def batch_first(x):
    return x * adhelpers.array_namespace(x).sum(x, axis=1)[:, None]

def mixing(x):
    return x / adhelpers.array_namespace(x).sum(x)

def constant(x):
    xp = adhelpers.array_namespace(x)
    weights = xp.exp(x) / xp.sum(xp.exp(x), axis=0)
    return xp.sum(weights, axis=0)

def offset(x):
    return 1e6 + good(x)

def detached(x):
    return good(getval(x)) + 0.0 * x

def detached_offset(x):
    return 1e6 + detached(x)

def branching(x):
    return 1.001 * good(x) if isbox(x) else good(x)

def raising(x):
    if isbox(x):
        raise RuntimeError("no boxes, please")
    return good(x)

calls = []

def raising_later(x):
    calls.append(isbox(x))
    if isbox(x) and calls.count(True) > 1:
        raise RuntimeError("once is enough")
    return good(x)

def always_raising(x):
    raise ValueError("never in one\\nline")

def integer(x):
    return 3

def forgetful(x):
    good(x)

def for_lists(x):
    raise AttributeError("lists, please")

@adhelpers.custom_rule(shapes=lambda x: x)
def right_rule(x):
    return x * x

@right_rule.defjvp
def _(x, y, u):
    return 2.0 * x * u

@adhelpers.custom_rule(shapes=lambda x: x)
def wrong_rule(x):
    return x * x

@wrong_rule.defjvp
def _(x, y, u):
    return 2.1 * x * u
"""


Main = Callable[..., tuple[int, str, str]]
"""Runs the command: exit status, standard output and standard error."""
Refused = Callable[..., str]
"""Runs a command that must be refused: the line that says why."""


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "adhelpers", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def row(output: str, *first: str) -> str:
    """The line of a table that begins with these cells."""
    (line,) = [line for line in output.splitlines() if line.split()[: len(first)] == list(first)]
    return line

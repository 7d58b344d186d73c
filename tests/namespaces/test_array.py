"""The namespace of arrays: where nobody has asked before."""

from __future__ import annotations

import subprocess
import sys

RACE = """
import threading, numpy, adhelpers
barrier, errors = threading.Barrier(4), []

def work():
    barrier.wait()
    try:
        adhelpers.jacobian_vector_product(lambda x: x**2, "finite-difference", numpy.ones(3), numpy.ones(3))
    except Exception as error:
        errors.append(error)

threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not errors, errors
"""


def test_the_first_calls_of_a_process_may_come_at_once() -> None:
    """Each of them imports what no thread has imported yet."""
    ended = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

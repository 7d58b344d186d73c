"""Runs a corpus: in processes of its own, with limits of time for each operator, going on where it was left."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

WAITING = 900.0
"""After how many seconds an operator is given up that may wait for something; one that computes has a limit before."""

SETTINGS = {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
"""Of a process that examines: what it runs once, JAX need not compile well."""


def run(
    name: str, operators: Iterable[str], samples: int, results: Path, say: Callable[[str], None], jobs: int = 1
) -> list[dict[str, Any]]:
    """What came of each case of those operators, by so many processes; what the file `results` has is not run again."""
    wanted = list(operators)
    found = read(results)
    done = {line["operator"] for line in found if "sample" not in line}
    left = [operator for operator in wanted if operator not in done]
    with results.open("a", encoding="utf-8") as file, ThreadPoolExecutor(jobs) as threads:
        lock = Lock()

        def keep(line: dict[str, Any]) -> None:
            with lock:
                file.write(json.dumps(line) + "\n")
                file.flush()
                found.append(line)
                if "sample" not in line:
                    left.remove(line["operator"])
                    if len(left) % 50 == 0:
                        say(f"{name}: {len(wanted) - len(left)} of {len(wanted)} operators")

        def examine(some: list[str]) -> None:
            while some:
                for line in _until_it_hangs(name, some, samples):
                    keep(line)
                    if "sample" not in line:
                        some.remove(line["operator"])

        list(threads.map(examine, [left[i::jobs] for i in range(jobs)]))
    return [line for line in found if "sample" in line and line["operator"] in set(wanted)]


def read(results: Path) -> list[dict[str, Any]]:
    """The lines of a file of results."""
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


def _until_it_hangs(name: str, operators: list[str], samples: int) -> Iterator[dict[str, Any]]:
    """The lines of one process; the operator at which it crashes or hangs is done with that."""
    command = [sys.executable, "-W", "ignore", "-m", "corpora.worker", name, str(samples)]
    environment = {**os.environ, **SETTINGS}
    waiting = list(operators)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write("".join(f"{operator}\n" for operator in operators).encode())
        worker.stdin.close()
        for line in _lines(worker):
            if line is None:
                break
            yield line
            if "sample" not in line:
                waiting.remove(line["operator"])
        worker.kill()
    if waiting:
        words = "it takes too long, or ends the process"
        yield {"operator": waiting[0], "sample": -1, "words": words, "outcomes": [["process", "raises", words]]}
        yield {"operator": waiting[0]}


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[dict[str, Any] | None]:
    """Lines as they come; None when an operator has used up its time."""
    assert worker.stdout is not None
    descriptor, pending, begun = worker.stdout.fileno(), b"", monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, begun + WAITING - monotonic())):
                yield None
                return
            received = os.read(descriptor, 1 << 16)
            if not received:
                return
            *whole, pending = (pending + received).split(b"\n")
            for text in whole:
                line = json.loads(text)
                if "sample" not in line:
                    begun = monotonic()
                yield line

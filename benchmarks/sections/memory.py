"""The peak of memory of a large batched Jacobian, each in a fresh process.

As a script, ``python -m benchmarks.sections.memory FRAMEWORK CONTENDER N M B``, it measures one case and prints bytes:
the peak of the process, less the memory that it held after a small case.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import adhelpers
from benchmarks import cells, ours
from benchmarks.native import Native, load
from benchmarks.section import Dots, Section, Settings, Table, Verdict

ABOUT = """\
The peak of memory during a large call, beyond the memory that the process held before, after loading the framework and
one small call. The limit is three results and 300 MB.
"""
SIZES = {"smoke": (8, 8, 64), "quick": (64, 64, 4096), "full": (64, 64, 16384)}
MODES: tuple[Literal["auto", "forward", "reverse"], ...] = ("auto", "forward", "reverse")
OBVIOUS = {"jax": "vmap_jacrev", "torch": "vmap_jacrev", "autograd": "jacobian_of_sum"}
MEGABYTE = 1e6
ROOM = 300 * MEGABYTE


def run(settings: Settings) -> Section:
    """Every mode, and for comparison a formulation by hand."""
    n, m, batch = SIZES[settings.size]
    result = 8.0 * n * m * batch
    section = Section("memory", "Memory", f"{ABOUT}{n} to {m}, B={batch}; the result has {result / MEGABYTE:.0f} MB.\n")
    rows, shares = [], dict[str, dict[str, float]]()
    for native in settings.natives:
        of_ours = {}
        by_hand = OBVIOUS[native.name]
        for contender in (*MODES, *(["prepared"] if ours.PREPARE is not None else []), by_hand):
            settings.progress(f"{native.name}: memory, {contender}")
            try:
                peak = _peak_in_fresh_process(native.name, contender, n, m, batch)
            except subprocess.CalledProcessError as error:  # out of memory, for one
                reason = (error.stderr.splitlines() or [f"exit status {error.returncode}"])[-1]
                rows.append((native.name, f"`{contender}`", f"failed: {reason}", "—", "—"))
                continue
            share = peak / (3 * result + ROOM)
            rows.append(
                (native.name, f"`{contender}`", f"{peak / MEGABYTE:.0f}", f"{peak / result:.2f}", f"{share:.2f}")
            )
            shares.setdefault(native.name, {})["by hand" if contender == by_hand else contender] = share
            if contender != by_hand:
                of_ours[contender] = share
        words = f"{native.name}: peak of memory to three results and 300 MB, every mode"
        worst = max(of_ours, key=lambda contender: of_ours[contender], default="")
        section.verdicts.append(Verdict(words, of_ours.get(worst), 1.0, worst))
    headers = ("framework", "contender", "peak, MB", "peak / result", "peak / limit")
    section.tables.append(Table("Peaks", headers, rows))
    section.pictures.append(Dots("memory", "Memory", "peak / limit", shares))
    return section


def _peak_in_fresh_process(*arguments: object) -> float:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.sections.memory", *map(str, arguments)]
    root = Path(__file__).parents[2]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def peak(framework: str, contender: str, n: int, m: int, batch: int) -> float:
    """Bytes that one large call needs beyond those held before."""
    native = load(framework)
    _call(native, contender, cells.layer_cell(2, 2, 2))
    before = _resident("VmRSS")
    _call(native, contender, cells.layer_cell(n, m, batch))
    return _resident("VmHWM") - before


def _call(native: Native, contender: Any, cell: cells.Cell) -> None:
    f, point = cell.bind(native.xp, native.asarray), native.asarray(cell.batch_of_points())
    if contender in MODES:
        native.finish(adhelpers.batched_jacobian(f, native.backend, point, mode=contender))
    elif contender == "prepared":
        assert ours.PREPARE is not None
        native.finish(ours.PREPARE(adhelpers.batched_jacobian, f, native.backend, point)(point))
    else:
        make = next(make for make in native.eager["jacobian"] if make.__name__ == contender)
        native.finish(make(f, cell)(point))


def _resident(entry: str) -> float:
    """Bytes in memory now (VmRSS), or at most so far (VmHWM)."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))
    import resource  # without /proc only the peak is known, which the small call before has raised little

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.stdout.write(f"{peak(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))}\n")

"""Whose error it is: a framework's word, or a user's that reads alike."""

from __future__ import annotations

import contextlib
import sys
import types

import numpy as np
import optree
import pytest

from adhelpers.extend import raised_by_library


def caught(call: object, kind: type[BaseException] = Exception) -> BaseException:
    with pytest.raises(kind) as raised:
        call()  # type: ignore[operator]
    return raised.value


def raising() -> None:
    msg = "not implemented"
    raise NotImplementedError(msg)


def test_a_raise_of_the_users_is_the_users() -> None:
    assert not raised_by_library(caught(raising), "numpy")


def test_a_raise_inside_the_package_is_the_packages() -> None:
    assert raised_by_library(caught(lambda: np.linalg.inv(np.ones((2, 3)))), "numpy")
    assert raised_by_library(caught(lambda: np.concatenate([])), "numpy")


def test_compiled_code_has_no_frame_but_was_called() -> None:
    """The user's last instruction is a call then, and no raise."""
    assert raised_by_library(caught(lambda: optree.tree_unflatten(None, [])), "optree")
    assert raised_by_library(caught(lambda: np.add(1)), "numpy")


def test_what_a_user_raises_inside_the_package_is_the_users() -> None:
    """As a callback that it calls."""
    assert not raised_by_library(caught(lambda: np.apply_along_axis(lambda row: raising(), 0, np.ones(2))), "numpy")


def test_an_error_that_is_raised_again_is_whose_it_was() -> None:
    def again() -> None:
        try:
            raising()
        except NotImplementedError:
            raise

    assert not raised_by_library(caught(again), "numpy")


def test_an_error_that_was_never_raised_is_nobodys() -> None:
    assert not raised_by_library(ValueError("made by hand"), "numpy")


def test_a_package_that_is_not_there_raises_nothing() -> None:
    assert not raised_by_library(caught(raising), "no_such_package_anywhere")


def test_a_script_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin may begin as one file, beside the functions that it differentiates."""
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert not raised_by_library(caught(raising), "__main__")


def test_a_folder_of_a_similar_name_is_another() -> None:
    """``numpy_like`` begins as ``numpy`` does."""
    numpy_folder = np.__file__.rpartition("__init__")[0].rstrip("/\\")
    scope: dict[str, object] = {}
    exec(compile("def f():\n    raise ValueError", f"{numpy_folder}_like/module.py", "exec"), scope)
    assert "numpy" in sys.modules
    assert not raised_by_library(caught(scope["f"]), "numpy")
    exec(compile("def f():\n    raise ValueError", f"{numpy_folder}/module.py", "exec"), scope)
    assert raised_by_library(caught(scope["f"]), "numpy")


def test_a_frame_that_passes_an_error_on_did_not_raise_it() -> None:
    """Compiled code leaves no frame of its own; the last one may be in a ``with``, a ``finally`` or an ``except``."""

    def within() -> None:
        with contextlib.nullcontext():
            np.add(1)

    def finally_() -> None:
        try:
            np.add(1)
        finally:
            len("x")

    def again() -> None:
        try:
            np.add(1)
        except TypeError:
            raise

    for call in (within, finally_, again):
        error = caught(call, TypeError)
        # As a framework does that strips its own frames: the entry is made anew, of the frame as it is now.
        frame = error.__traceback__.tb_next
        while frame.tb_next is not None:
            frame = frame.tb_next
        made = types.TracebackType(None, frame.tb_frame, frame.tb_frame.f_lasti, frame.tb_lineno)
        assert raised_by_library(error.with_traceback(made), "numpy")

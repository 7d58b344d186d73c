"""Run where only the wheel and NumPy are installed: the package is whole, and its entry points load."""

import importlib.metadata
import importlib.resources
from pathlib import Path

import pytest

import adhelpers

assert "site-packages" in Path(adhelpers.__file__).parts
for package in ("adhelpers", "adhelpers_plugins"):
    assert importlib.resources.files(package).joinpath("py.typed").is_file()
found = {entry_point.name: entry_point.load() for entry_point in importlib.metadata.entry_points(group="adhelpers")}
assert set(found) == {"jax", "torch", "autograd", "finite-difference"}
assert not adhelpers.plugins.lookup.current().failures
with pytest.raises(adhelpers.BackendLoadError, match=r"pip install 'adhelpers\[jax\]'"):
    adhelpers.backend("jax")

"""Files of JAX in which its functions stand, by the ends of their paths."""

from __future__ import annotations

import os

BETALN = os.path.join("jax", "_src", "third_party", "scipy", "betaln.py")
FRESNEL = os.path.join("jax", "_src", "third_party", "scipy", "special.py")
NUMPY = os.path.join("jax", "_src", "numpy", "lax_numpy.py")
UFUNCS = os.path.join("jax", "_src", "numpy", "ufuncs.py")
SPECIAL = os.path.join("jax", "_src", "scipy", "special.py")
INDEX_TRICKS = os.path.join("jax", "_src", "numpy", "index_tricks.py")
SETS = os.path.join("jax", "_src", "numpy", "setops.py")
DERIVATIVES = os.path.join("jax", "_src", "interpreters", "ad.py")

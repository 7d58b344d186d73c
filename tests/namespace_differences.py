"""Where the array namespaces of PyTorch and JAX part from NumPy's functions and their derivatives, and why.

The cases are those of `namespace_cases`, by framework and reason: what raises, and what is another convention.
"""

DIFFERENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {
        "it raises: the last vectors of the complete basis have no derivative": ("linalg.qr-4x2_1",),
        "it raises: an operator of tensors, not the namespace": (
            "remainder-4",
            "__getitem__-2x3_3",
            "__getitem__-2x3c3",
        ),
        "it raises: an operator of NumPy's arrays, not the namespace": ("__matmul__-2x2",),
        "it averages the triangles in the derivative; autograd and NumPy read the lower one": (
            "linalg.cholesky-3x3_2",
            "linalg.cholesky-2x3x3c",
            "linalg.eigvalsh-2x3x3",
            "linalg.eigvalsh-3x3",
            "linalg.eigvalsh-3x3c",
            "linalg.eigh-3x3_0",
            "linalg.eigh-2x3x3",
            "linalg.eigh-2x1x2x2",
            "linalg.eigh-3x3c",
            "linalg.eigh-2x2x2c",
        ),
        "singular vectors have other signs": ("linalg.svd-2x4_0", "linalg.svd-2x2x3", "linalg.svd-2x4_2"),
    },
    "jax": {
        "it raises: JAX has no rule for eigenvectors of matrices that are not Hermitian": (
            "linalg.eig-3x3",
            "linalg.eig-2x2x2",
            "linalg.eig-3x3c",
            "linalg.eig-2x1x2x2c",
        ),
        "it raises: JAX has no rule for full matrices": ("linalg.svd-2x4_1", "linalg.svd-2x4_2", "linalg.svd-4x2_1"),
        "it averages the triangles first; autograd and NumPy read the lower one": (
            "linalg.cholesky-3x3_2",
            "linalg.cholesky-2x3x3c",
            "linalg.eigvalsh-3x3",
            "linalg.eigvalsh-2x3x3",
            "linalg.eigvalsh-3x3c",
            "linalg.eigh-3x3_0",
            "linalg.eigh-2x3x3",
            "linalg.eigh-2x1x2x2",
            "linalg.eigh-3x3c",
            "linalg.eigh-2x2x2c",
        ),
    },
}

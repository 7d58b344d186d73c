from adhelpers.testing import Conformance


class TestMLX(Conformance):
    backend = "mlx"

from adhelpers.testing import Conformance


class TestDual(Conformance):
    backend = "dual"

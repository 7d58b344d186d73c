from adhelpers.testing import Conformance


class TestSkeleton(Conformance):
    backend = "skeleton"
    suite_version = 2  # a new release of adhelpers adds no test

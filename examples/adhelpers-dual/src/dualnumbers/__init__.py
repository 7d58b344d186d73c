"""Forward-mode differentiation of NumPy programs by dual numbers.

A dual number is an array (the primal) together with the derivative of each of its elements in one direction
(the tangent). NumPy's own functions act on it through the protocols that NumPy has for this purpose.

Examples
--------
>>> import numpy as np
>>> import dualnumbers
>>> outputs, tangents = dualnumbers.jvp(lambda x: (np.sin(x),), [np.zeros(2)], [np.asarray([1.0, 2.0])])
>>> tangents
(array([1., 2.]),)
"""

from dualnumbers import namespace
from dualnumbers.dual import Dual, MissingRuleError, value
from dualnumbers.forward import jvp

__all__ = ["Dual", "MissingRuleError", "jvp", "namespace", "value"]

"""The special functions of JAX, with corrections for those whose derivatives are wrong."""

from jax.nn import softplus as softplus
from jax.scipy.special import erf as erf
from jax.scipy.special import erfc as erfc
from jax.scipy.special import erfinv as erfinv
from jax.scipy.special import expit as expit
from jax.scipy.special import log_softmax as log_softmax
from jax.scipy.special import logit as logit
from jax.scipy.special import logsumexp as logsumexp
from jax.scipy.special import softmax as softmax
from jax.scipy.special import xlogy as xlogy

from adhelpers_plugins.jax.functions.bessel import i0 as i0
from adhelpers_plugins.jax.functions.bessel import i1 as i1
from adhelpers_plugins.jax.functions.gamma import digamma as digamma
from adhelpers_plugins.jax.functions.gamma import gammaln as gammaln
from adhelpers_plugins.jax.functions.gamma import polygamma as polygamma

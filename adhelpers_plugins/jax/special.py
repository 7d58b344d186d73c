"""The special functions of JAX."""

from jax.nn import softplus as softplus
from jax.scipy.special import digamma as digamma
from jax.scipy.special import erf as erf
from jax.scipy.special import erfc as erfc
from jax.scipy.special import erfinv as erfinv
from jax.scipy.special import expit as expit
from jax.scipy.special import gammaln as gammaln
from jax.scipy.special import i0 as i0
from jax.scipy.special import i1 as i1
from jax.scipy.special import log_softmax as log_softmax
from jax.scipy.special import logit as logit
from jax.scipy.special import logsumexp as logsumexp
from jax.scipy.special import polygamma as polygamma
from jax.scipy.special import softmax as softmax
from jax.scipy.special import xlogy as xlogy

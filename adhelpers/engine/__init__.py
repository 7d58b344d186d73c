"""How derivatives come about: sweeps, missing rules, second order, and what is remembered of a function."""

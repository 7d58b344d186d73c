"""The computation of derivatives: sweeps, missing rules, second order, and the journal."""

"""Factorisations, inverses, determinants and norms of matrices: most of the standard's chapter on linear algebra."""

"""The public operations, with one declaration each."""

"""The traces that put right rules in place of wrong ones."""

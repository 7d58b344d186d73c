"""The contract of a plugin, and how plugins are found: the hook, discovery, and the look-up of backends."""

"""What a plugin is held to, and how it is found: the contract, the hook, discovery, and the look-up of backends."""

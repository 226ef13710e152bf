"""What things cost: each a ratio against a named baseline that ran in the same minutes on the same machine."""

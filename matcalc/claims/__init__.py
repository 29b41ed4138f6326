"""A person's claim against the derivation: decided by numbers, explained by algebra."""

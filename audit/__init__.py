"""The ground floor: what happened, in order, and proof that nobody altered it."""

"""Every write of the registry: one function, one transaction, one audit entry."""

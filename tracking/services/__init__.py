"""Every write of the tracking floor: one function, one transaction, one audit entry."""

"""What the log must tell of the rows that a decision rests on; `reconciliation` asks it."""

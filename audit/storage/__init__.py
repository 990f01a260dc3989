"""What is kept of the log beside its tables' own rules: tree, keys, guard, folder."""

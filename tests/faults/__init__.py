"""What happens when processes are killed and disks are full, with real processes."""

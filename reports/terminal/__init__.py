"""What the table format consists of."""

"""What the format for comments consists of."""

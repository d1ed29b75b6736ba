"""What accelerators cost: prices, and later what of the money was idle."""

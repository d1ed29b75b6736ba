"""CPU, memory and scratch space."""

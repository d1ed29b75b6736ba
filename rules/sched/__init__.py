"""Places for pods: labels, taints and sizes of nodes."""

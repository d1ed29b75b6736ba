"""Supply chain: images, code and models."""

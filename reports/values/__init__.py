"""What the formats for programs consist of."""

"""What the tests share: loopback servers and readers of what they received."""

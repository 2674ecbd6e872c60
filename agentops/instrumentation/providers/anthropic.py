"""What is known of the anthropic package."""

"""What is known of the openai package."""

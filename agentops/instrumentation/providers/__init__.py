"""What is known of each vendor: where to hook, how to read. Makes no spans."""

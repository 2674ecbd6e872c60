"""What does the program want? Code, environment, file and defaults, read into one frozen configuration."""

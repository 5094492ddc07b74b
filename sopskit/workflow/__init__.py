"""What a command does to files: read, verify, change, write whole."""

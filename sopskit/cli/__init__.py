"""The command line: arguments to types, one call, print."""

"""What we know about a member: actions, event time, windows, features."""

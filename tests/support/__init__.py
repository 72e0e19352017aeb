"""Helpers shared by tests that need processes and brokers."""

"""Policies and brokers to run Tierstream with."""

"""Histories: files of past actions, where they come from, and the clock they are replayed by."""

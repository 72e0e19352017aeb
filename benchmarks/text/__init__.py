"""Sentiment and quality of real reviews, learned online, beside a batch model on the same words."""

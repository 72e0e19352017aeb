"""Recommendations beside popularity and the member's own repeat list, on real baskets."""

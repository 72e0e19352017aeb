"""What we decide: points, ledger, tiers, benefits."""

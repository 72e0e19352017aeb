"""A reference ledger, written for clarity and for nothing else: everything anew from the whole history at every step.

Nothing is stored, merged, indexed or cut short, and nothing of the engine is used but the policy's fields and the draw
of hold-out groups. What is refused is found out here too, not taken from the engine.
"""

"""Sources of scores: one file an idea, one contract (``base.py``), each with its paper or derivation."""

"""Inviting friends: who brought whom, and what that earns. How it is paid is bot/transfers.py."""

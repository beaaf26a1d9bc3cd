"""Reaching followers: which way a message takes, what WeChat's refusals mean for the next one, and what is allowed.

``service`` decides and sends, ``hearing`` takes note of WeChat's events; the rest are rules without a store.
"""

"""Offers: what an item costs this moment for whoever qualifies, and what is given once it is paid.

``quoting`` turns a wish into a price with its lines; ``delivery`` gives and takes back what an order buys. A new
kind of offer is a module of its own; ``bot/shop.py`` hands it to both.
"""

"""The account's menu: what may be in it, how the phone shows it, what differs from the live one, and pushing it."""

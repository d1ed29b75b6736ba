"""The rules, one module each, by topic. A new rule is one new file; nothing else is edited."""

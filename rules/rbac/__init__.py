"""Access to the API: roles and who is bound to them."""

"""How two stores are: what each of them said, what that makes of the pair, and what to do about it."""

"""Real files made from numbers: what a first start keeps safe where there is no application yet."""

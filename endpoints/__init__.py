"""Where clients connect: the writer and reader endpoints, and the sessions routed through them."""

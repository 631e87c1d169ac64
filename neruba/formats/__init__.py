"""How the console writes dates: the same everywhere, with the zone."""

"""The world of the demo: pure data and a generator, the same every time."""

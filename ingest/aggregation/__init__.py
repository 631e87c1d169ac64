"""From events to a quantity. Pure: no Django, no clock.

`state` is what is kept of many events, `functions` what a meter makes of it, `meter` reads one
event as a meter does, `spans` finds who counts an instant.
"""

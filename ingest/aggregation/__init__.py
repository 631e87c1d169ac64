"""From events to a quantity. Pure: no Django, no clock.

`state` is what is kept of many events, `meter` reads one event as a meter does, `spans` finds who
counts an instant. Each aggregation is a file of its own; `registry` names them all, `base` says
what one must tell, and `rounding` is what a meter may do with the result.
"""

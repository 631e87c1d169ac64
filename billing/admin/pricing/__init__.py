"""The form in which an operator writes the next version of a plan.

A field of the form is named by the JSON pointer of what it holds, so that a fault stands at its
field without a table between the two. What fields a price has, its model is asked.
"""

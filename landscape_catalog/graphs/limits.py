"""How many networks a stack may have; free of torch, because jobs are sized accordingly."""

# A stack of one network rounds differently from a stack of several.
SMALLEST_STACK, LARGEST_STACK = 2, 8

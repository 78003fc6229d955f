"""Campaigns: many random inputs of one kind, each of which has to end well.

    python -m tests.campaigns [--seed 0] [--share 1.0] [NAME ...]

Well is: the right result, or a refusal in words. Everything is drawn from the seed and a case's
number, so a case that ends badly can be repeated alone: `--case NAME:NUMBER`.
"""

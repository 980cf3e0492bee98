"""Mixed sequences: real tables, what is measured on what was made of them, rules of single tables, prediction tasks.

Here tables and their columns have names; the package `tsynth` knows none of them.
"""

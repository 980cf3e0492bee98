"""The protocol of papers on synthetic windows, named as such so that figures compare, each beside a corrected form.

Windows of 24 rows, stride 1, min-max scaled, five repeats. The published judges are nearly blind and their scores
noisy, so these do not count as fidelity and are no part of the standard suite.
"""

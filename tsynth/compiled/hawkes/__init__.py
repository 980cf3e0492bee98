"""Loops of Hawkes processes: sampling, likelihoods and what else goes over events one by one."""

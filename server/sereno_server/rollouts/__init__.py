"""Rollouts: one playbook on many devices, a plan each, ring after ring, stopping by itself; and schedules of them."""

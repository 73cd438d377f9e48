"""Grants made in advance: drafted here, signed by people, judged by each device alone."""

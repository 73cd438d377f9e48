"""The pages, one file each; pages.py lists them."""

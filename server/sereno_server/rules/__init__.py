"""Rules: conditions of a device that are plainly wrong, stated one by one. No accuracy is claimed for them."""

"""What devices send, one file a kind of body. Each stores within the transaction that moves the high-water mark."""

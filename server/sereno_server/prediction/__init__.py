"""What will go wrong, and when: pure functions over arrays, and the process that feeds them."""

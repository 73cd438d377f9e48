"""What people wish of a device's policy. The device takes what makes it stricter; the rest it only shows its owner."""

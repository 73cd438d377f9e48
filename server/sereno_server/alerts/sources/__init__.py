"""What can raise an alert. A source is one file with one function: what is so in this situation."""

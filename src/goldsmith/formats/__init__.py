"""What an image file is, read from its own bytes before any program opens it."""

"""What a build hands over: image files, and a sealed manifest of what they are and whence they come."""

"""Make another format of an image: refused if unsafe, written aside, compared, then named."""

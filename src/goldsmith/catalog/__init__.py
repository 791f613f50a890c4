"""Images and what is known about them, in the words of the Image API, whatever keeps them.

Each backend is one module here and one line in this table; ``entry`` holds the contract that they share.
"""

BACKENDS = {
    "local": "goldsmith.catalog.local",  # an index in SQLite, the bytes in files named by their digest
}

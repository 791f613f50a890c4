"""Images and what is known about them, in the words of the Image API, whatever keeps them.

Each backend is one module here and one line in this table; ``contract`` is what they share.
"""

BACKENDS = {
    "local": "goldsmith.catalog.local",  # an index in SQLite, the bytes in files named by their digest
    "glance": "goldsmith.catalog.glance",  # the Image API v2 of an OpenStack cloud
}

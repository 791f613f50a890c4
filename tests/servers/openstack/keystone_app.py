"""Keystone for gunicorn, whose own arguments Keystone would take for its own and end."""

import sys

sys.argv = sys.argv[:1]

from keystone.wsgi.api import application  # noqa: E402, F401

"""Barbican for gunicorn, by the pipeline of this folder: its own entry reads one in /etc alone."""

from pathlib import Path

from paste import deploy

application = deploy.loadapp(f"config:{Path(__file__).with_name('barbican-paste.ini')}")

"""Channels, and how versions get into them: gates, events, retention; over the embedded catalog and over Glance."""

"""The machine Goldsmith runs on: programs, libvirt, files, network."""

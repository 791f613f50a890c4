#!/bin/bash
# Prints the path of a Python that is new enough (3.11), or nothing and exits 1.
for name in python3 python3.13 python3.12 python3.11; do
    found=$("$name" -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
    [ -n "$found" ] && echo "$found" && exit 0
done
exit 1

#!/bin/sh
# chkconfig: 2345 02 98
# description: Grows the root partition into a larger disk, and starts the guest once more so that its kernel sees it.
[ "${1-}" = start ] || exit 0
root=$(df -P / | awk 'NR == 2 { print $1 }')
disk=$(echo "$root" | sed 's/[0-9]*$//')
size=$(blockdev --getsize64 "$disk") || exit 0
seen=/var/lib/misc/goldsmith-growroot
[ "$(cat $seen 2>/dev/null)" != "$size" ] || exit 0 # grown to this size before: no second try, no endless restarts
growpart "$disk" "${root#"$disk"}" >/dev/null 2>&1 || exit 0 # there is no room, or nothing can be done
echo "$size" > $seen
sync
reboot

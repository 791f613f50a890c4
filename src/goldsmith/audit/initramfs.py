"""Opens an initramfs inside the appliance: archives in front of each other, packed in one of many ways."""

import re

from goldsmith.audit.appliance import Appliance
from goldsmith.audit.bootmenu import Item, locate
from goldsmith.audit.facts import Initramfs
from goldsmith.audit.tree import Tree

WANTED = ("virtio", "growroot", "growpart")  # only file names with one of these words are brought out
_SAFE = re.compile(r"/[A-Za-z0-9/_.+-]+")  # goes into a script
# An initramfs is a row of cpio archives; those in front (microcode) are plain, the last is packed. Each plain one
# ends on a block of 512 bytes, and cpio tells how many blocks it has read. No single quotes may stand here.
_SCRIPT = """f={path}; s=0; : > /tmp/names;
for turn in 1 2 3 4 5 6 7 8; do
 m=$(tail -c +$((s*512+1)) $f | od -An -tx1 -N6 | tr -dc 0-9a-f); c=;
 case $m in
  30373037303[12]) n=$(tail -c +$((s*512+1)) $f | cpio -it 2>&1 >>/tmp/names | sed -n "s/ block.*//p");
   [ "$n" -gt 0 ] 2>/dev/null || break; s=$((s+n)); continue;;
  1f8b*) c="gzip -dc";; fd377a585a00) c="xz -dc";; 28b52ffd*) c="zstd -dc";; 425a68*) c="bzip2 -dc";;
  894c5a4f*) c="lzop -dc";; 5d0000*) c="xz -dc --format=lzma";; 02214c18*|04224d18*) c="lz4 -dc";;
  "") break;; *) echo "magic $m"; break;;
 esac;
 command -v ${{c%% *}} >/dev/null || echo "without ${{c%% *}}";
 tail -c +$((s*512+1)) $f | timeout 240 $c 2>/dev/null | cpio -it -C 65536 --quiet 2>/dev/null >>/tmp/names;
 break;
done;
echo "files $(wc -l < /tmp/names)"; grep -E "{wanted}" /tmp/names | head -n 2000; true""".replace("\n", "")


def open_initramfs(appliance: Appliance, tree: Tree, default: Item | None) -> Initramfs | None:
    """Return what matters in the initramfs of the default entry, None when the menu names none that exists."""
    paths = [path for initrd in (default.initrds if default else ()) if (path := locate(tree, initrd))]
    if not paths:
        return None
    path = paths[-1]
    if not _SAFE.fullmatch(path):
        return Initramfs(path, reason="its name holds unusual characters")
    said = appliance.shell(_SCRIPT.format(path=f"/sysroot{path}", wanted="|".join(WANTED)))
    return read_listing(path, said.splitlines())


def read_listing(path: str, lines: list[str]) -> Initramfs:
    """Return the answer of the script as a value."""
    if not any(line.startswith("files ") for line in lines):
        return Initramfs(path, reason="the appliance gave no list of its files")
    head = lines.index(next(line for line in lines if line.startswith("files ")))
    for line in lines[:head]:
        word, _, what = line.partition(" ")
        if word == "without":
            return Initramfs(path, reason=f"the appliance has no {what}, with which it is packed")
        if word == "magic":
            return Initramfs(
                path, reason=f"it is packed in a way that is not known here (it begins with {what})"
            )
    if lines[head] == "files 0":
        return Initramfs(path, reason="it is no archive, or a broken one")
    names = (line.rpartition("/")[2] for line in lines[head + 1 :])
    return Initramfs(path, frozenset(re.sub(r"\.ko(\.\w+)?$", "", name) for name in names))

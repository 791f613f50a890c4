#!/bin/bash
# Installs the system packages that Goldsmith needs; says nothing when all are there.
# Debian and Ubuntu (apt), Fedora, RHEL and CentOS (dnf); as root or through sudo. Where neither can be had it
# prints the one command to run and exits 3. OS_RELEASE and BOOT say where to look; the tests set them.
# With the argument `test`, what only the tests need comes too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
OS_RELEASE=${OS_RELEASE:-/etc/os-release}
BOOT=${BOOT:-/boot}

# What both families call the same.
COMMON=(gcc cpio rpm zstd xorriso swtpm swtpm-tools squashfs-tools openssh-server libguestfs-xfs)
# --no-install-recommends leaves out much, so what is needed is named: libc6-dev for gcc, ipxe-qemu for virtio-net,
# isc-dhcp-client for the appliance's network, dnsmasq-base for libvirt's.
APT=(libc6-dev pkg-config libvirt-dev qemu-system-x86 qemu-utils ovmf ipxe-qemu libvirt-daemon-system libvirt-clients
    virtinst libosinfo-bin libguestfs-tools isc-dhcp-client dnsmasq-base iproute2 mmdebstrap uidmap openssh-client
    wimtools rpm db5.3-util) # the last two: rpm databases of the tests' phony guests
# A token for keys, oscap, readers of hives, and a browser for pages (Ubuntu packages none: its test is skipped there).
TEST_APT=(softhsm2 openscap-scanner libhivex-bin)
BROWSER_APT=(chromium fonts-dejavu-core)
TEST_DNF=(softhsm)
# By path where the packages were renamed between releases.
DNF=(pkgconf-pkg-config libvirt-devel qemu-kvm /usr/bin/qemu-img edk2-ovmf libvirt-daemon-kvm
    libvirt-daemon-config-network /usr/bin/virsh /usr/bin/virt-install /usr/bin/osinfo-detect /usr/bin/guestfish
    /usr/bin/virt-sysprep /usr/bin/virt-inspector iproute openssh-clients wimlib-utils /usr/bin/rpmbuild)

stop() {
    printf '%s\n' "$@" >&2
    exit 3
}

release() { # release ID: one value of os-release
    sed -n "s/^$1=//p" "$OS_RELEASE" 2>/dev/null | tr -d \"
}

python_packages() { # the distribution's Python with its headers, unless another one comes first on PATH
    local python
    python=$("$here/python.sh") || python=
    case "$1 $python" in
        apt\ ) # none that is new enough
            case "$(release VERSION_CODENAME)" in
                jammy) echo python3.11 python3.11-venv python3.11-dev ;;
                *) echo python3 python3-venv python3-dev ;;
            esac ;;
        dnf\ )
            case "$(release PLATFORM_ID)" in
                platform:el*) echo python3.12 python3.12-devel ;;
                *) echo python3 python3-devel ;;
            esac ;;
        apt\ /usr/bin/*) echo "$(basename "$python")-venv" "$(basename "$python")-dev" ;;
        dnf\ /usr/bin/*) echo "$(basename "$python")-devel" ;;
    esac
}

kernel_package() { # libguestfs builds its appliance from a kernel of the host; containers have none
    compgen -G "$BOOT/vmlinuz-*" >/dev/null && return
    case "$1 $(release ID)" in
        apt\ ubuntu) echo linux-image-generic ;;
        apt\ *) echo linux-image-amd64 ;;
        dnf\ *) echo kernel-core ;;
    esac
}

missing_apt() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null || true)
    for name; do
        grep -qx "installed $name" <<<"$installed" || echo "$name"
    done
}

missing_dnf() {
    for name; do
        rpm -q --whatprovides "$name" >/dev/null 2>&1 || echo "$name"
    done
}

dnf_options() { # libvirt-devel lives in a repository that RHEL and its kin leave off
    case "$(release ID)" in
        rhel) echo "--enablerepo=codeready-builder-for-rhel-*" ;;
        centos | rocky | almalinux) echo "--enablerepo=crb" ;;
    esac
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    read -ra needed <<<"${COMMON[*]} ${APT[*]} $(python_packages apt | tr '\n' ' ') $(kernel_package apt)"
    [ "${1:-}" = test ] && needed+=("${TEST_APT[@]}")
    [ "${1:-}" = test ] && [ "$(release ID)" != ubuntu ] && needed+=("${BROWSER_APT[@]}")
    mapfile -t missing < <(missing_apt "${needed[@]}")
    update="apt-get update -qq"
    install="DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300"
elif command -v dnf >/dev/null && command -v rpm >/dev/null; then
    read -ra needed <<<"${COMMON[*]} ${DNF[*]} $(python_packages dnf | tr '\n' ' ') $(kernel_package dnf)"
    [ "${1:-}" = test ] && needed+=("${TEST_DNF[@]}")
    mapfile -t missing < <(missing_dnf "${needed[@]}")
    update=true
    options=$(dnf_options)
    install="dnf install -q -y --setopt=install_weak_deps=False${options:+ $options}"
else
    stop "this host has neither apt nor dnf, so its packages cannot be installed from here" \
        "  fix: install the tools that 'goldsmith doctor' lists, Python 3.11 and libvirt's headers, then run make again"
fi

[ ${#missing[@]} -eq 0 ] && exit 0
work="$update; $install ${missing[*]}"

if [ "$(id -u)" -eq 0 ]; then
    as_root=(sh -c)
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=(sudo sh -c)
else
    stop "system packages are missing, and this user is neither root nor allowed to use sudo" \
        "  fix: as root run: $work"
fi

echo "set-up: installing ${#missing[@]} system packages: ${missing[*]}"
log=$(mktemp "${TMPDIR:-/tmp}/goldsmith-packages-XXXXXX.log")
if ! "${as_root[@]}" "$work" >"$log" 2>&1; then
    tail -n 20 "$log" | sed 's/^/  | /' >&2
    stop "the packages could not be installed; all output is in $log" "  fix: as root run: $work"
fi
rm -f "$log"

# Update a guest, and install what its medium lacks: registered for as long as that takes, or from its own repositories.
# Environment: CONTENT_ORIGIN (rhsm, system), CONTENT_UPDATE (yes), CONTENT_PACKAGES, and RHSM_* for the registration.
# Progress goes to descriptor 3 where it is open, else to stderr. However it ends, the guest is unregistered.
set -euf
umask 022
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
if ! (: >&3) 2>/dev/null; then exec 3>&2; fi
cause=
registration=none
conf=/etc/rhsm/rhsm.conf

step() { echo "GOLDSMITH-STEP $*" >&3; }
fail() { cause=$*; exit 1; }

reason() {
    case $1 in
    *ertificate* | *SSL*) echo "the server's certificate is not accepted; is the guest's clock right?" ;;
    *expired*) echo "the activation key, or its subscription, has expired" ;;
    *"available for attaching"*) echo "the activation key's subscriptions have expired, or are all in use" ;;
    *"ctivation key"*) echo "the activation key is not one of this organization" ;;
    *"nvalid username or password"* | *"nvalid "[Cc]redentials*) echo "wrong username or password" ;;
    *rganization*) echo "there is no such organization, or the user is in several and none is named" ;;
    *nvironment*) echo "there is no such environment" ;;
    *nable\ to\ reach* | *etwork\ error* | *onnect* | *resolve* | *unreachable*) echo "the server cannot be reached" ;;
    *) echo "subscription-manager refused" ;;
    esac
}

register() {
    set -- --name=goldsmith-build
    [ -z "${RHSM_ORG-}" ] || set -- "$@" --org="$RHSM_ORG"
    [ -z "${RHSM_ACTIVATION_KEY-}" ] || set -- "$@" --activationkey="$RHSM_ACTIVATION_KEY"
    [ -z "${RHSM_USERNAME-}" ] || set -- "$@" --username="$RHSM_USERNAME" --password="$RHSM_PASSWORD"
    [ -z "${RHSM_AUTO_ATTACH-}" ] || set -- "$@" --auto-attach
    [ -z "${RHSM_ENVIRONMENT-}" ] || set -- "$@" --environment="$RHSM_ENVIRONMENT"
    [ -z "${RHSM_SERVERURL-}" ] || set -- "$@" --serverurl="$RHSM_SERVERURL"
    [ -z "${RHSM_BASEURL-}" ] || set -- "$@" --baseurl="$RHSM_BASEURL"
    [ -z "${RHSM_RELEASE-}" ] || set -- "$@" --release="$RHSM_RELEASE"
    [ ! -e $conf ] || cp -a $conf $conf.goldsmith
    registration=tried
    code=0
    # What it says may repeat the credentials: it is looked at, and neither shown nor kept.
    said=$(subscription-manager register "$@" 2>&1 </dev/null) || code=$?
    unset RHSM_ACTIVATION_KEY RHSM_PASSWORD
    case $code:$said in
    0:*) ;;
    # Registered all the same: whether content comes is seen when it is asked for.
    *"find available subscriptions for all your installed products"*) step "not all products are covered" ;;
    *) fail "registration: $(reason "$said") (exit status $code)" ;;
    esac
    registration=done
}

unregister() {
    for attempt in 1 2 3; do
        subscription-manager unregister >/dev/null 2>&1 && return 0
        [ $registration = done ] || return 0 # it had not come so far
        sleep $attempt
    done
    return 1
}

leave() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM
    set +e
    if [ $registration != none ]; then
        step "unregistering"
        # In this order: an unregistered system can disable nothing, and clean alone leaves it known to the server.
        subscription-manager repos --disable='*' >/dev/null 2>&1
        unregister || { cause="unregister: the guest is still registered${cause:+, after $cause}"; status=1; }
        subscription-manager clean >/dev/null 2>&1
        # Its log has the activation key in the address of the request.
        find /var/log/rhsm -type f -exec shred -u {} \; 2>/dev/null
        [ ! -e $conf.goldsmith ] || mv -f $conf.goldsmith $conf
    fi
    yum clean all >/dev/null 2>&1
    rm -rf /var/cache/yum /var/cache/dnf
    # Last, since the one who reads it ends the guest.
    [ $status -eq 0 ] || echo "GOLDSMITH-FAILED ${cause:-content: exit status $status}" >&3
    exit $status
}

trap leave EXIT
trap 'exit 143' HUP INT TERM
if [ "$CONTENT_ORIGIN" = rhsm ]; then
    step "registering"
    register
    for repo in ${RHSM_REPOS-}; do
        subscription-manager repos --enable="$repo" >&3 2>&1 || fail "repository: $repo cannot be enabled"
    done
fi
if [ "${CONTENT_UPDATE-}" = yes ]; then
    step "updating"
    yum -y update >&3 2>&1 || fail "update: yum ended with exit status $?"
fi
for package in ${CONTENT_PACKAGES-}; do # one by one: yum passes over a missing one among several
    step "installing $package"
    yum -y install "$package" >&3 2>&1 || fail "package: $package cannot be installed (exit status $?)"
done

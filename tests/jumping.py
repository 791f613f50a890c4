"""A wall clock that jumps when it is told to, for a process and all that it starts; the monotonic one goes on.

libfaketime would be the tool, but its clock_nanosleep makes Python's time.sleep fail and hang.
"""

import shutil
import subprocess
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long wrong_by(void) {
    char text[32] = {0};
    const char *path = getenv("WRONG_BY");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atol(text);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += wrong_by();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (kept) *kept = exact.tv_sec;
    return exact.tv_sec;
}
"""
HOUR, DAY = 3600, 86_400


class JumpingClock:
    """``folder`` keeps the library and the file that says how wrong the clock is."""

    def __init__(self, folder: Path) -> None:
        self._wrong_by = folder / "wrong-by"
        self._library = folder / "jumping.so"
        source = folder / "jumping.c"
        source.write_text(SOURCE)
        gcc = shutil.which("gcc", path="/usr/bin:/bin") or "gcc"
        command = [gcc, "-shared", "-fPIC", "-O1", "-o", self._library, source]
        subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin"})
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Be wrong by so much from now on."""
        self._wrong_by.write_text(str(seconds))

    @property
    def env(self) -> dict[str, str]:
        """Return what a process needs to live by this clock."""
        return {"LD_PRELOAD": str(self._library), "WRONG_BY": str(self._wrong_by)}

"""What a figure must be read with: the machine it was taken on."""
import os
import platform
import time


def first_line(path, key):
    """The value of the first line "key : value", or None."""
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, colon, value = line.partition(":")
                if colon and name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return None


def usable_cpus():
    return len(os.sched_getaffinity(0))


def memory_text(kib):
    return f"{int(kib.split()[0]) / (1 << 20):.1f} GiB" if kib else "unknown"


def distribution():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def virtual():
    flags = first_line("/proc/cpuinfo", "flags")
    if flags is None:
        return "unknown"
    return "yes" if "hypervisor" in flags.split() else "no"


def governor():
    try:
        path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "not visible"


def describe():
    """Ordered (name, value) pairs."""
    return [
        ("processor", first_line("/proc/cpuinfo", "model name") or platform.machine()),
        ("usable CPUs", f"{usable_cpus()} of {os.cpu_count()}"),
        ("virtual machine", virtual()),
        ("frequency governor", governor()),
        ("memory", memory_text(first_line("/proc/meminfo", "MemTotal"))),
        ("kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("system", distribution()),
        ("load before", "{:.2f} (1 minute)".format(os.getloadavg()[0])),
        ("taken", time.strftime("%Y-%m-%d %H:%M %Z")),
    ]

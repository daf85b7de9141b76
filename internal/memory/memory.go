package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// Available returns the bytes that this process can take before the system or its
// control group ends it, and what says so. On Linux it is the least of
//
//   - MemAvailable of /proc/meminfo: what is free, and the caches that can be;
//   - for the process's memory control group and each above it, of version 1 or 2,
//     its limit less what it uses, apart from file pages not used of late.
//
// On other systems it is what the system counts as free or free to be taken, where that is known.
// ok is false where nothing says, as without /proc.
func Available() (bytes int64, source string, ok bool) {
	if runtime.GOOS != "linux" {
		return availableElsewhere()
	}
	return available(os.DirFS("/"))
}

// Resident returns the bytes of memory that this process holds, and the most that it has
// held; 0 where nothing says, as of the most where the system is not Linux.
func Resident() (now, most int64) {
	if runtime.GOOS != "linux" {
		return residentElsewhere(), 0
	}
	return resident(os.DirFS("/"))
}

// resident is Resident of a file system.
func resident(root fs.FS) (now, most int64) {
	now, _ = field(root, "proc/self/status", "VmRSS:")
	most, _ = field(root, "proc/self/status", "VmHWM:")
	return now * 1024, most * 1024
}

// available is Available of a file system.
func available(root fs.FS) (least int64, source string, ok bool) {
	take := func(n int64, from string) {
		if n = max(n, 0); !ok || n < least {
			least, source, ok = n, from, true
		}
	}
	if n, found := field(root, "proc/meminfo", "MemAvailable:"); found {
		take(n*1024, "MemAvailable of the system")
	}
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return least, source, ok
	}
	for line := range strings.Lines(string(groups)) {
		// "0::/path" of version 2, "9:memory:/path" of version 1.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, limit, usage, inactive := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case contains(parts[1], "memory"):
			mount, limit, usage, inactive = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		default:
			continue
		}
		// In a container the path may be that of the host, which is not here, and
		// the group's files lie at the mount itself: the walk up ends there.
		for group := path.Join("/", parts[2]); ; group = path.Dir(group) {
			dir := path.Join(mount, group)
			if most, found := number(root, path.Join(dir, limit)); found {
				if used, found := number(root, path.Join(dir, usage)); found {
					// A group that does not say what of its memory is cache counts all as used.
					cache, _ := field(root, path.Join(dir, "memory.stat"), inactive)
					take(most-used+cache, fmt.Sprintf("the limit of control group %s", group))
				}
			}
			if group == "/" {
				break
			}
		}
	}
	return least, source, ok
}

func contains(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// number reads a file of one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// field reads the number that follows a word at the start of a line.
func field(root fs.FS, name, word string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) >= 2 && f[0] == word {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

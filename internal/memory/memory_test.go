package memory

import (
	"os"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

func files(m map[string]string) fstest.MapFS {
	f := fstest.MapFS{}
	for name, text := range m {
		f[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return f
}

func TestAvailable(t *testing.T) {
	const meminfo = "MemTotal:       16000000 kB\nMemFree:  1000 kB\nMemAvailable:    8000000 kB\n"
	for name, c := range map[string]struct {
		files  map[string]string
		want   int64
		source string
	}{
		"no group": {map[string]string{"proc/meminfo": meminfo}, 8000000 * 1024, "MemAvailable of the system"},
		"version 2, limit of a parent": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n",
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "700\n",
			"sys/fs/cgroup/a/memory.stat": "anon 600\ninactive_file 50\n",
		}, 350, "the limit of control group /a"},
		"version 2, container": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/../host/path\n",
			"sys/fs/cgroup/memory.max": "4096\n", "sys/fs/cgroup/memory.current": "96\n",
		}, 4000, "the limit of control group /"},
		"version 1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "12:cpu,cpuacct:/x\n9:memory:/x\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "100", "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "90",
			"sys/fs/cgroup/memory/x/memory.stat": "inactive_file 1\ntotal_inactive_file 7\n",
		}, 17, "the limit of control group /x"},
		"version 1 without a limit": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "9:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "sys/fs/cgroup/memory/memory.usage_in_bytes": "90",
		}, 8000000 * 1024, "MemAvailable of the system"},
		"over the limit": {map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "100", "sys/fs/cgroup/memory.current": "200",
		}, 0, "the limit of control group /"},
	} {
		got, source, ok := available(files(c.files))
		require.True(t, ok, name)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.source, source, name)
	}
	for name, text := range map[string]string{"empty": "", "no number": "MemAvailable: lots kB\n", "cut": "MemAvailable:\n"} {
		_, _, ok := available(files(map[string]string{"proc/meminfo": text, "proc/self/cgroup": "rubbish\n"}))
		require.False(t, ok, name)
	}
}

func TestResident(t *testing.T) {
	now, most := resident(files(map[string]string{"proc/self/status": "VmSize:\t 99 kB\nVmHWM:\t      21 kB\nVmRSS:\t      14 kB\n"}))
	require.Equal(t, int64(14*1024), now)
	require.Equal(t, int64(21*1024), most)
	now, most = resident(files(nil))
	require.Zero(t, now)
	require.Zero(t, most)
	if runtime.GOOS == "linux" {
		now, most = Resident()
		require.Greater(t, now, int64(1<<20))
		require.GreaterOrEqual(t, most, now)
		require.Less(t, most, int64(1<<40))
	}
}

func TestHere(t *testing.T) {
	n, source, ok := Available()
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		require.True(t, ok)
	}
	if ok {
		require.NotEmpty(t, source)
		require.GreaterOrEqual(t, n, int64(0))
		require.Less(t, n, int64(1)<<50)
	}
}

// TestElsewhere holds what other systems are asked by, which Linux answers too, to /proc.
func TestElsewhere(t *testing.T) {
	n, source, ok := availableElsewhere()
	if !ok {
		needs.System(t, "a system that says how much memory is free")
	}
	require.Contains(t, source, runtime.GOOS)
	require.Greater(t, n, int64(0))
	now := residentElsewhere()
	require.Greater(t, now, int64(1<<20))
	if runtime.GOOS != "linux" {
		return
	}
	all, found := field(os.DirFS("/"), "proc/meminfo", "MemTotal:")
	require.True(t, found)
	require.LessOrEqual(t, n, all*1024)
	_, most := Resident()
	require.LessOrEqual(t, now, most)
}

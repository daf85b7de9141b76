package kernel

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

func TestMake(t *testing.T) {
	require.Empty(t, Make[float32](0))
	for _, n := range []int{1, 1000, 3 << 20} {
		x := Make[float64](n)
		require.Len(t, x, n)
		for i := range x {
			if x[i] != 0 {
				require.Failf(t, "not zero", "entry %d of %d", i, n)
			}
			x[i] = 1 // all of it is writable
		}
	}
}

// TestHugePages: the system took the advice for the inside of a large slice.
func TestHugePages(t *testing.T) {
	if text, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"); err != nil || strings.Contains(string(text), "[never]") {
		needs.System(t, "huge pages on demand")
	}
	x := Make[float32](4 << 20)
	flags := mappingFlags(t, uintptr(unsafe.Pointer(&x[len(x)/2])))
	require.Contains(t, flags, " hg ", "hg is the advice of huge pages")
	x[0] = 1 // alive until here
}

// mappingFlags returns the line VmFlags of the mapping that holds the address.
func mappingFlags(t *testing.T, address uintptr) string {
	f, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer f.Close()
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &lo, &hi); n == 2 {
			inside = lo <= address && address < hi
		}
		if flags, is := strings.CutPrefix(lines.Text(), "VmFlags:"); is && inside {
			return flags + " "
		}
	}
	require.Fail(t, "no mapping holds the address")
	return ""
}

// TestWholePages: what is advised is whole pages inside the slice, all of them.
func TestWholePages(t *testing.T) {
	for _, at := range []uintptr{0, 8, hugePage - 8, hugePage, 5*hugePage + 24} {
		for _, size := range []uintptr{hugeFrom, hugeFrom + 8, 9*hugePage - 40} {
			lo, hi := wholePages(at, size)
			require.Greater(t, hi, lo)
			require.LessOrEqual(t, hi, size)
			require.Zero(t, (at+lo)%hugePage)
			require.Zero(t, (at+hi)%hugePage)
			require.Less(t, lo, uintptr(hugePage))
			require.Less(t, size-hi, uintptr(hugePage))
		}
	}
}

package memory

// What a program with all of Fenchel holds before it has any data, measured of fenchel
// train on a set of 30 users (linux/amd64, Go 1.26.8) by /proc/self/status: 21 to 23 MiB
// of RssFile, the pages of its file that are touched, and 7 MiB of RssAnon, of which the
// heap of tables that packages make as they start is 3. Both with some room.
const (
	Binary  = 24 << 20 // not under the limit of the Go runtime
	Runtime = 8 << 20
)

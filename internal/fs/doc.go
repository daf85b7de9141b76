// Package fs writes files and folders that appear whole or not at all.
//
// What is written goes to a new name beside its place, is flushed to the disk, and is then
// renamed: whoever reads the place finds the old content or the new one, also after a power
// failure or a kill. An error leaves the old content, and what was begun is removed; what a
// killed process left behind is removed by [Clean]. [WriteFile] and [WriteBytes] write a file,
// [NewDir] a folder that must not exist yet.
package fs

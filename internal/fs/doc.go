// Package fs writes files and folders that appear whole or not at all.
package fs

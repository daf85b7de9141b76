// Package memory says how much memory a process may still take.
package memory

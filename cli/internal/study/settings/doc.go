// Package settings has what the configurations of the studies do alike: they write
// their defaults out, and they report all faults at once.
package settings

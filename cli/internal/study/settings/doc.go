// Package settings has what the configurations of the studies do alike: they write
// their defaults out, and they report all faults at once.
//
// [Or] takes the defaults where a list is empty. [Faults] collects what is wrong with a
// configuration, field by field, and is one error at the end, so that whoever has three
// mistakes in a command line reads of all three.
package settings

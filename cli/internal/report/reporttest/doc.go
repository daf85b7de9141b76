// Package reporttest holds a report's page against its JSON.
package reporttest

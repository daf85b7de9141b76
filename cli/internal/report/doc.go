// Package report writes what was measured as one HTML file that needs no network
// and no script, and as JSON beside it.
//
// A report is a list of sections, a section a list of blocks: text, tables,
// figures of package plot, verdicts, and theory cards. The page follows the
// reader's colour scheme, and reads at a phone's width: tables scroll inside
// their own frame, figures shrink.
package report

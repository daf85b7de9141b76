// Package lists writes tables of any length to a file, row by row: memory does not grow with
// their number.
//
// [Write] is for rankings, a [Row] for each place of each ranking, and [WriteTable] for
// any columns. The ending of the path chooses the form: CSV, JSON lines or Parquet. [Endings] lists them, and
// [Check] refuses another before anything is computed. The file appears whole, at the
// end, or not at all.
package lists

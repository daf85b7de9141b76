// Package needs is how a test says what it needs and the repository has not: data beside
// it, a program, something of the system. Where it is missing the test is skipped, in words
// of one form, which begin with "needs".
//
// Two environment variables are for scripts. FENCHEL_SKIPS names a file to which each such
// skip is appended, as a line of kind, what is missing and the test, with tabs between:
// what is printed of skips only "go test -v" shows. FENCHEL_DATA=required makes missing data
// a failure: it is for machines that have them. Only tests import the package.
package needs

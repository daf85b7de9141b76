// Package lists writes rankings to a file, row by row: memory does not grow with their number.
package lists

// Package words puts numbers into sentences.
package words

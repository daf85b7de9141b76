// Package words puts numbers into sentences: [Count] returns "1 row", "2 rows" and
// "3 classes". Messages of packages that count things use it, so that none of them says
// "1 rows". It knows regular nouns of English alone.
package words

package data

import "strings"

// MovieLens (Harper & Konstan 2015), from GroupLens, which publishes an MD5
// beside each archive.
func init() {
	const (
		base    = "https://files.grouplens.org/datasets/movielens/"
		licence = "research use; no redistribution without permission, no commercial use without permission; cite Harper & Konstan 2015"
	)
	for _, set := range []struct{ name, home, doc, entries string }{
		{"ml-100k", "100k", "MovieLens-100k: 100,000 ratings, 943 users, 1682 films, 1997-1998", "u.data u.user u.item README"},
		{"ml-1m", "1m", "MovieLens-1M: 1,000,209 ratings, 6040 users, 3706 rated films, 2000-2003", "ratings.dat users.dat movies.dat README"},
		{"ml-20m", "20m", "MovieLens-20M: 20,000,263 ratings, 138,493 users, 26,744 rated films, 1995-2015", "ratings.csv movies.csv README.txt"},
		{"ml-25m", "25m", "MovieLens-25M: 25,000,095 ratings, 162,541 users, 59,047 rated films, 1995-2019", "ratings.csv movies.csv README.txt"},
		{"ml-32m", "32m", "MovieLens-32M: 32,000,204 ratings, 200,948 users, to 2023", "ratings.csv movies.csv README.txt"},
	} {
		var entries []string
		for file := range strings.FieldsSeq(set.entries) { // the README carries the terms
			entries = append(entries, set.name+"/"+file)
		}
		RegisterPublic(Public{
			Name: set.name, Doc: set.doc, Licence: licence,
			Home:    "https://grouplens.org/datasets/movielens/" + set.home + "/",
			URL:     base + set.name + ".zip",
			MD5URL:  base + set.name + ".zip.md5",
			Entries: entries,
		})
	}
}

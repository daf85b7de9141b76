package data

// MovieLens (Harper & Konstan 2015), from GroupLens, which publishes an MD5
// beside each archive.
func init() {
	const (
		base    = "https://files.grouplens.org/datasets/movielens/"
		licence = "research use; no redistribution without permission, no commercial use without permission; cite Harper & Konstan 2015"
	)
	for _, set := range []struct{ name, home, doc, entry, readme string }{
		{"ml-100k", "100k", "MovieLens-100k: 100,000 ratings, 943 users, 1682 films, 1997-1998", "ml-100k/u.data", "ml-100k/README"},
		{"ml-1m", "1m", "MovieLens-1M: 1,000,209 ratings, 6040 users, 3706 rated films, 2000-2003", "ml-1m/ratings.dat", "ml-1m/README"},
		{"ml-20m", "20m", "MovieLens-20M: 20,000,263 ratings, 138,493 users, 26,744 rated films, 1995-2015", "ml-20m/ratings.csv", "ml-20m/README.txt"},
		{"ml-25m", "25m", "MovieLens-25M: 25,000,095 ratings, 162,541 users, 59,047 rated films, 1995-2019", "ml-25m/ratings.csv", "ml-25m/README.txt"},
		{"ml-32m", "32m", "MovieLens-32M: 32,000,204 ratings, 200,948 users, to 2023", "ml-32m/ratings.csv", "ml-32m/README.txt"},
	} {
		RegisterPublic(Public{
			Name: set.name, Doc: set.doc, Licence: licence,
			Home:    "https://grouplens.org/datasets/movielens/" + set.home + "/",
			URL:     base + set.name + ".zip",
			MD5URL:  base + set.name + ".zip.md5",
			Entries: []string{set.entry, set.readme}, // the README carries the terms
		})
	}
}

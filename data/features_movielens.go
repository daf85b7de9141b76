package data

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// MovieLens: users.dat and movies.dat of 1M and 10M between "::", u.user and u.item of
// 100k between bars, all in ISO-8859-1, and movies.csv of those since.
func init() {
	RegisterFeatures(FeatureFormat{
		Name:    "movielens-users",
		Doc:     "users.dat: `id::gender::age::occupation::zip`, no header",
		Example: "1::F::1::10::48067\n2::M::56::16::70072\n",
		Users:   "users.dat",
		Sniff:   func(lines [][]byte) bool { return bytes.Count(lines[0], []byte("::")) == 4 },
		Read: func(in *Input, out *FeatureTable) error {
			return readMovieLens(in, out, "::", []FeatureColumn{{Name: "id"}, {"gender", Token}, {"age", Token}, {"occupation", Token}, {"zip", Token}}, nil)
		},
	})
	RegisterFeatures(FeatureFormat{
		Name:    "movielens-movies",
		Doc:     "movies.dat: `id::title (year)::genre|genre`, no header",
		Example: "1::Toy Story (1995)::Animation|Children's|Comedy\n2::M\xe9nage (Tenue de soir\xe9e) (1986)::Comedy\n",
		Items:   "movies.dat",
		Sniff:   func(lines [][]byte) bool { return bytes.Count(lines[0], []byte("::")) == 2 },
		Read: func(in *Input, out *FeatureTable) error {
			return readMovieLens(in, out, "::", []FeatureColumn{{Name: "id"}, {"title", TokenSeq}, {"year", Token}, {"genre", TokenSeq + "|"}}, func(cells [][]byte) ([][]byte, error) {
				if len(cells) < 3 {
					return nil, fmt.Errorf("%s between %q, want an id, a title and genres", words.Count(len(cells), "column"), "::")
				}
				last := len(cells) - 1 // a title may hold the separator
				return titled(cells[0], bytes.Join(cells[1:last], []byte("::")), cells[last]), nil
			})
		},
	})
	RegisterFeatures(FeatureFormat{
		Name:    "movielens-uuser",
		Doc:     "u.user: `id|age|gender|occupation|zip`, no header",
		Example: "1|24|M|technician|85711\n2|53|F|other|94043\n",
		Users:   "u.user",
		Sniff:   func(lines [][]byte) bool { return bytes.Count(lines[0], []byte("|")) == 4 && delimiter(lines[0]) == 0 },
		Read: func(in *Input, out *FeatureTable) error {
			return readMovieLens(in, out, "|", []FeatureColumn{{Name: "id"}, {"age", Float}, {"gender", Token}, {"occupation", Token}, {"zip", Token}}, nil)
		},
	})
	RegisterFeatures(FeatureFormat{
		Name:    "movielens-uitem",
		Doc:     "u.item: `id|title (year)|release|video|address|` and 19 flags of genres, no header",
		Example: "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n",
		Items:   "u.item",
		Sniff:   func(lines [][]byte) bool { return bytes.Count(lines[0], []byte("|")) == 4+len(uGenres) },
		Read: func(in *Input, out *FeatureTable) error {
			return readMovieLens(in, out, "|", []FeatureColumn{{Name: "id"}, {"title", TokenSeq}, {"year", Token}, {"genre", TokenSeq + "|"}}, func(cells [][]byte) ([][]byte, error) {
				if len(cells) != 5+len(uGenres) {
					return nil, fmt.Errorf("%s between bars, want %d", words.Count(len(cells), "column"), 5+len(uGenres))
				}
				var genres []string
				for k, flag := range cells[5:] {
					switch string(flag) {
					case "0":
					case "1":
						genres = append(genres, uGenres[k])
					default:
						return nil, fmt.Errorf("the flag of %s is %q, want 0 or 1", uGenres[k], shorten(flag))
					}
				}
				return titled(cells[0], cells[1], []byte(strings.Join(genres, "|"))), nil
			})
		},
	})
	RegisterFeatures(FeatureFormat{
		Name:    "movielens-csv",
		Doc:     "movies.csv: header `movieId,title,genres`, titles `title (year)`, genres between bars",
		Example: "movieId,title,genres\n1,Toy Story (1995),Adventure|Animation|Children\n3,\"American President, The (1995)\",(no genres listed)\n",
		Items:   "movies.csv",
		Sniff:   func(lines [][]byte) bool { return isMoviesHeader(lines[0]) },
		Read: func(in *Input, out *FeatureTable) error {
			return readFeatureCSV(in, out, func(header []string) error {
				if text := strings.Join(header, ","); !isMoviesHeader([]byte(text)) {
					return fmt.Errorf("the header is %q, want movieId,title,genres", shorten([]byte(text)))
				}
				return out.Columns([]FeatureColumn{{Name: header[0]}, {"title", TokenSeq}, {"year", Token}, {"genre", TokenSeq + "|"}})
			}, func(line int, cells [][]byte) error {
				if string(cells[2]) == "(no genres listed)" {
					cells[2] = cells[2][:0]
				}
				return out.Add(line, titled(cells[0], cells[1], cells[2]))
			})
		},
	})
}

// uGenres are the genres of u.item, in the order of its flags: u.genre of MovieLens-100k.
var uGenres = []string{"unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
	"Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"}

func isMoviesHeader(line []byte) bool { return string(bytes.TrimSpace(line)) == "movieId,title,genres" }

// readMovieLens reads rows between sep, of which cells, unless it is nil, makes those of
// the columns. A line that is no UTF-8 is in ISO-8859-1.
func readMovieLens(in *Input, out *FeatureTable, sep string, columns []FeatureColumn, cells func([][]byte) ([][]byte, error)) error {
	if err := out.Columns(columns); err != nil {
		return err
	}
	for in.Next() {
		line := in.Line()
		if !utf8.Valid(line) {
			line = fromLatin1(line)
		}
		row := bytes.Split(line, []byte(sep))
		if cells != nil {
			var err error
			if row, err = cells(row); err != nil {
				return in.Errorf("%w", err)
			}
		}
		if err := out.Add(in.line, row); err != nil {
			return err
		}
	}
	return in.Err()
}

// fromLatin1 returns a text of ISO-8859-1, whose bytes are the first characters of
// Unicode, as UTF-8.
func fromLatin1(text []byte) (out []byte) {
	for _, b := range text {
		out = utf8.AppendRune(out, rune(b))
	}
	return out
}

// titled returns the cells of a film: its id, the words of its title, the year in
// brackets at the title's end, if there is one, and genres.
func titled(id, title, genres []byte) [][]byte {
	title = bytes.TrimSpace(title)
	var year []byte
	if n := len(title); n >= 6 && title[n-1] == ')' && title[n-6] == '(' && len(bytes.Trim(title[n-5:n-1], "0123456789")) == 0 {
		title, year = title[:n-6], title[n-5:n-1]
	}
	return [][]byte{id, title, year, genres}
}

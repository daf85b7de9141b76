package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/lists"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

func init() { commands = append(commands, newPredict) }

func newPredict(s streams) *cobra.Command {
	var (
		c        runSource
		users    wantedUsers
		items    rankedItems
		k        = 10
		withSeen bool
		asJSON   bool
		path     string
	)
	cmd := &cobra.Command{
		Use:   "predict RUN --users ID,ID,…",
		Short: "Print the best items of users, or of whoever has a history",
		Long: `predict loads the model of a run folder and prints, for each user, the items that
it ranks highest by the run's loss, with what they are ranked by. Users and items are
named by the ids of the data set's files. Items that the data set knows of a user, in any split, are left
out unless --with-seen, and items without a training pair, of which the model learned
nothing, unless --items all; how many those are, and how many of the users have no
training pair, the first few by name, is said on standard error.

--users cuts its text at commas, and leaves out blanks around an id. --user takes an
id as it is, and so does each line of a file named by --users-from. --history ranks for
somebody whom the data set does not know, by the items that he or she had, the oldest
first: ids with commas between, or nothing for somebody new, of whom models that read
histories, such as pool, alone can say something. Other models fold the person in: a row is
found as training would have found it, the items staying as they are. It may be repeated; the
lines of the first say history:1 for a user, those of the second history:2. The text is read as a line of CSV: an
id that holds a comma or a quote goes between double quotes, as in '"a, b",c'.

--out writes to a file as many rankings as there are users, in memory that does not grow with
them: as CSV with a header, JSON lines or Parquet, with the columns user, rank, item and score
and ids as they are.

--features ranks for somebody whom the data set does not know by features: those of users
that the model reads, as the file of features has them, with commas between, as in
"age=25,gender=F"; what is left out is not known. A list is between blanks, or between what
separates it there (data describe shows types), and a value that holds a comma goes between
double quotes with its name, as in '"town=Ulm, Donau",age=25'.
It takes a model that reads features, such as tower, and may be repeated (features:1,
features:2). Where --history is given too, the first of each are of the same person, and
so on: there are as many of the two then, and the lines say history:1.

The output has one line per user and item: user, rank, item and score between tabs.
In ids a backslash is printed as two, and what is not printable, tabs and line ends
among it, as the escape that a Go string has for it, such as \t. JSON has ids as they
are.

The score is the product of encodings over the temperature, plus the bias. Where the
loss does not give the higher score the higher probability, it is of the same
probability and rises with it: the absolute score under spherical, and under taylor
the score on the rising side of its polynomial. Candidates with several decisions
(tree, classes, adaptive) have log-probabilities for scores.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := users.check(); err != nil {
				return err
			}
			if err := items.validate(); err != nil {
				return err
			}
			if cmd.Flags().Changed("out") {
				if err := users.checkOut(path, asJSON); err != nil {
					return err
				}
			}
			return runPredict(cmd.Context(), s, args[0], c, items, users, k, withSeen, asJSON, path)
		},
	}
	c.addFlags(cmd)
	items.addFlag(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&users.lists, "users", nil, "ids of users with commas between; may be repeated")
	f.StringArrayVar(&users.ids, "user", nil, "id of one user, whatever it holds; may be repeated")
	f.StringVar(&users.file, "users-from", "", "file of ids of users, one on each line; - is standard input")
	f.BoolVar(&users.all, "all-users", false, "rank for every user of the data set")
	f.StringArrayVar(&users.features, "features", nil, "features of somebody unknown, as in age=25,gender=F; may be repeated")
	f.StringArrayVar(&users.histories, "history", nil, "ids of the items of somebody unknown, the oldest first, with commas between; may be repeated")
	must(cmd.RegisterFlagCompletionFunc("users-from", completeFile))
	addWhole(f, &k, "k", 1, metric.MaxCutoff, "items of a user")
	f.BoolVar(&withSeen, "with-seen", false, "rank the items too that the data set knows of the user")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&path, "out", "", "file to write the rankings to in place of printing them, whose ending says the form: "+strings.Join(lists.Endings(), ", "))
	must(cmd.RegisterFlagCompletionFunc("out", completeFile))
	return cmd
}

// wantedUsers are the users that a command line names.
type wantedUsers struct {
	lists, ids []string
	file       string
	all        bool
	histories  []string // of people whom the set does not know
	features   []string // of such people
}

func (w wantedUsers) check() error {
	named := len(w.ids) > 0 || w.file != "" || strings.Join(w.lists, "") != ""
	switch {
	case w.all && named:
		return usagef("--all-users: leave out the flags that name users")
	case !w.all && !named && len(w.histories)+len(w.features) == 0:
		return usagef("--users: name at least one user, as in --users 1,2,3, or take one of --user, --users-from, --all-users, --history, --features")
	case len(w.features) > 0 && len(w.histories) > 0 && len(w.features) != len(w.histories):
		return usagef("--features: %d of them and %d of --history; give one of each for each person, or one flag alone", len(w.features), len(w.histories))
	}
	return nil
}

// checkOut is check of rankings that go to a file.
func (w wantedUsers) checkOut(path string, asJSON bool) error {
	if err := lists.Check(path); err != nil {
		return usagef("--out: %v", err)
	}
	switch {
	case asJSON:
		return usagef("--json: what goes to --out has the form of its ending")
	case len(w.histories)+len(w.features) > 0:
		return usagef("--out: it takes users of the data set, not --history or --features")
	}
	return nil
}

// unknown is what people whom the set does not know are called in the output.
func (w wantedUsers) unknown() string {
	if len(w.histories) == 0 {
		return "features"
	}
	return "history"
}

// queries returns what is said of each of the people whom the set does not know.
func (w wantedUsers) queries(set *data.Dataset) ([]data.Query, error) {
	all := make([]data.Query, max(len(w.histories), len(w.features)))
	histories, err := w.items(set)
	if err != nil {
		return nil, err
	}
	for i, items := range histories {
		all[i].History = items
	}
	for i, text := range w.features {
		all[i].Features = map[string]string{}
		parts, err := cells(text)
		if err != nil {
			return nil, fmt.Errorf("--features: %w", err)
		}
		for _, part := range parts {
			name, value, ok := strings.Cut(part, "=")
			if name = strings.TrimSpace(name); !ok || name == "" || strings.TrimSpace(value) == "" {
				return nil, fmt.Errorf("--features: %q is not name=value, as in age=25,gender=F; a value that holds a comma goes between double quotes with its name, as in \"town=Ulm, Donau\",age=25", part)
			}
			if _, twice := all[i].Features[name]; twice {
				return nil, fmt.Errorf("--features: %q is there twice in %q", name, text)
			}
			all[i].Features[name] = value
		}
	}
	return all, nil
}

// cells cuts a text at commas, as a line of CSV: what holds a comma or begins with a quote
// goes between double quotes, and quotes within are doubled. Blanks around a cell are left out.
func cells(text string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	all, err := r.Read()
	if err == nil {
		if _, more := r.Read(); more != io.EOF {
			err = errors.New("it has several lines")
		}
	}
	if of, ok := errors.AsType[*csv.ParseError](err); ok {
		err = of.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w; it is read as a line of CSV: what holds a comma or a quote goes between double quotes, and quotes within are doubled", text, err)
	}
	for i, cell := range all {
		all[i] = strings.TrimSpace(cell)
	}
	return all, nil
}

// items returns the items of each history.
func (w wantedUsers) items(set *data.Dataset) (all [][]int32, err error) {
	for _, text := range w.histories {
		items := []int32{}
		if strings.TrimSpace(text) != "" {
			ids, err := cells(text)
			if err != nil {
				return nil, fmt.Errorf("--history: %w", err)
			}
			for _, id := range ids {
				i, err := set.ItemIndex(id)
				if err != nil {
					if len(ids) > 1 {
						err = fmt.Errorf("%w; --history cuts at commas: an id that holds one goes between double quotes, as in \"a, b\",c", err)
					}
					return nil, fmt.Errorf("--history: %w", err)
				}
				items = append(items, int32(i))
			}
		}
		all = append(all, items)
	}
	return all, nil
}

// rows returns the rows of the users in set, in the order of their naming.
func (w wantedUsers) rows(s streams, set *data.Dataset) (rows []int, err error) {
	if w.all {
		for u := range set.Users {
			rows = append(rows, u)
		}
		return rows, nil
	}
	for _, list := range w.lists {
		for id := range strings.SplitSeq(list, ",") {
			u, err := set.UserIndex(strings.TrimSpace(id))
			if err != nil {
				if strings.ContainsAny(list, `,"`) {
					err = fmt.Errorf("%w; --users cuts at commas; name an id that holds one by --user ID, or in a file by --users-from", err)
				}
				return nil, fmt.Errorf("--users: %w", err)
			}
			rows = append(rows, u)
		}
	}
	for _, id := range w.ids {
		u, err := set.UserIndex(id)
		if err != nil {
			return nil, fmt.Errorf("--user: %w", err)
		}
		rows = append(rows, u)
	}
	if w.file == "" {
		return rows, nil
	}
	var text []byte
	if w.file == "-" {
		text, err = io.ReadAll(s.in)
	} else {
		text, err = os.ReadFile(w.file)
	}
	if err != nil {
		return nil, fmt.Errorf("--users-from: %w", err)
	}
	before := len(rows)
	line := 0
	for id := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		line++
		if id = strings.TrimSuffix(strings.TrimSuffix(id, "\n"), "\r"); id == "" {
			continue
		}
		u, err := set.UserIndex(id)
		if err != nil {
			return nil, fmt.Errorf("--users-from: %s:%d: %w", w.file, line, err)
		}
		rows = append(rows, u)
	}
	if len(rows) == before {
		return nil, fmt.Errorf("--users-from: %s names no user", w.file)
	}
	return rows, nil
}

func runPredict(ctx context.Context, s streams, folder string, c runSource, items rankedItems, users wantedUsers, k int, withSeen, asJSON bool, path string) error {
	trained, set, err := c.open(s, folder)
	if err != nil {
		return err
	}
	items.of(trained)
	rows, err := users.rows(s, set)
	if err != nil {
		return err
	}
	queries, err := users.queries(set)
	if err != nil {
		return err
	}
	if path != "" {
		return predictTo(ctx, s, path, trained, set, rows, k, withSeen)
	}
	tops, err := trained.Predict(ctx, set, rows, k, withSeen)
	if err != nil {
		return err
	}
	leftOut, err := trained.LeftOut(set)
	if err != nil {
		return err
	}
	reads, err := trained.Reads()
	if err != nil {
		return err
	}
	all := predictions(set, rows, tops, len(leftOut))
	if len(queries) > 0 {
		answer := trained.PredictQueries
		if len(users.features) == 0 && !slices.Contains(reads, "history") {
			answer = func(ctx context.Context, set *data.Dataset, queries []data.Query, k int, withSeen bool) ([]models.Top, error) {
				return folded(ctx, trained, set, queries, k, withSeen)
			}
		}
		tops, err := answer(ctx, set, queries, k, withSeen)
		if of, ok := errors.AsType[*data.QueryError](err); ok {
			return fmt.Errorf("%s:%d: %w", users.unknown(), of.Query+1, of.Err)
		}
		if err != nil {
			return err
		}
		for i, top := range tops {
			p := newPrediction(set, fmt.Sprintf("%s:%d", users.unknown(), i+1), 0, len(leftOut), top)
			p.known, p.nobody = len(queries[i].History)+len(queries[i].Features), true
			all = append(all, p)
		}
	}
	for i, u := range rows { // a model knows a user by what it reads
		for _, f := range set.UserFields {
			if slices.Contains(reads, f.Name) && f.Len(u) > 0 && (f.Lo != nil || f.One(u) >= 0) {
				all[i].known++
			}
		}
		if slices.Contains(reads, "history") {
			all[i].known += len(set.Train.ItemsOf(u)) + len(set.Valid.ItemsOf(u)) + len(set.Test.ItemsOf(u))
			if set.Known != nil {
				all[i].known += len(set.Known.ItemsOf(u))
			}
		}
	}
	printPredictionNotes(s.err, trained.Items, all, len(leftOut))
	if !asJSON {
		printPredictions(s.out, all)
		return nil
	}
	for _, p := range all {
		for _, id := range append([]string{p.User}, itemsOf(p)...) {
			if !utf8.ValidString(id) {
				return fmt.Errorf("no JSON text can hold the id %q, which is not UTF-8; leave out --json", id)
			}
		}
	}
	return printJSON(s.out, all)
}

func itemsOf(p prediction) (ids []string) {
	for _, item := range p.Items {
		ids = append(ids, item.Item)
	}
	return ids
}

// A prediction is the ranking of one user.
type prediction struct {
	User          string       `json:"user"`
	TrainingPairs int          `json:"training_pairs"` // 0: the model learned nothing of the user
	LeftOut       int          `json:"left_out_items"` // by eval.items: without a training pair, unless cold ones are ranked alone
	Items         []rankedItem `json:"items"`

	known  int  // items of the history, and features, by which the model knows the user
	nobody bool // who has them is in no file
}

type rankedItem struct {
	Item  string  `json:"item"`
	Score float32 `json:"score"`
}

func predictions(set *data.Dataset, users []int, tops []models.Top, leftOut int) []prediction {
	all := make([]prediction, len(users))
	for i, u := range users {
		all[i] = newPrediction(set, set.UserName(u), len(set.Train.ItemsOf(u)), leftOut, tops[i])
	}
	return all
}

func newPrediction(set *data.Dataset, user string, pairs, leftOut int, top models.Top) prediction {
	p := prediction{User: user, TrainingPairs: pairs, LeftOut: leftOut, Items: []rankedItem{}}
	for r, id := range top.IDs {
		p.Items = append(p.Items, rankedItem{set.ItemName(int(id)), top.Scores[r]})
	}
	return p
}

// printPredictionNotes says what the rankings do not show.
func printPredictionNotes(w io.Writer, items string, all []prediction, leftOut int) {
	if leftOut > 0 {
		fmt.Fprintln(w, leftOutNote(items, leftOut))
	}
	var unknown, empty, full []string
	seen := map[string]bool{}
	for _, p := range all {
		name := strconv.Quote(p.User)
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case p.nobody && p.known == 0:
			empty = append(empty, p.User)
		case p.TrainingPairs == 0 && p.known == 0:
			unknown = append(unknown, name)
		}
		if len(p.Items) == 0 {
			full = append(full, name)
		}
	}
	if len(empty) > 0 {
		fmt.Fprintf(w, "nothing is known of who has no history, and the ranking is no prediction: %s\n", first(empty))
	}
	switch n := len(unknown); {
	case n == 0:
	case n == 1:
		fmt.Fprintf(w, "user %s has no training pair: the model learned nothing of this user, and the ranking is no prediction\n", unknown[0])
	default:
		fmt.Fprintf(w, "%d users have no training pair: the model learned nothing of them, and their rankings are no predictions: %s\n", n, first(unknown))
	}
	if len(full) > 0 {
		fmt.Fprintf(w, "no item is left to rank for %s: what is known of them is left out (--with-seen ranks it), and so are items without a training pair (--items all ranks them)\n", first(full))
	}
}

// first names the first few.
func first(names []string) string {
	text := strings.Join(names[:min(len(names), namedUsers)], ", ")
	if more := len(names) - namedUsers; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// namedUsers is how many users a note names.
const namedUsers = 5

func printPredictions(w io.Writer, all []prediction) {
	for _, p := range all {
		for r, item := range p.Items {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", data.EscapeID(p.User), r+1, data.EscapeID(item.Item), strconv.FormatFloat(float64(item.Score), 'g', 6, 32))
		}
	}
}

package compare

import (
	"fmt"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// ByModelTables are the losses under each model, and how far the models agree; none of one
// model. brief leaves out what a terminal has no room for, or has in another table.
func (r *Result) ByModelTables(brief bool) []report.Table {
	b := r.ByModel
	if b == nil {
		return nil
	}
	metric := r.Metrics[0] + " " + r.Reported
	losses := report.Table{Title: "Losses under each model", Head: []string{"loss"}}
	for _, model := range b.Models {
		losses.Head = append(losses.Head, model+" "+metric, "rank")
		if !brief {
			losses.Head = append(losses.Head, "− baseline [95 %]")
		}
	}
	for l, entry := range b.Losses {
		cells := []report.Cell{report.Words(entry)}
		for m := range b.Models {
			value, rank, against := report.Absent, report.Absent, report.Absent
			if i := b.Rows[l][m]; i >= 0 && r.Rows[i].Done > 0 {
				row := &r.Rows[i]
				value = row.reported(r.Reported)[0].cell(4)
				switch {
				case row.Baseline == i:
					against = report.Words("baseline")
				case len(row.Against) > 0:
					against = row.Against[0].cell()
				case row.NotJudged != "" || r.Rows[row.Baseline].NotJudged != "":
					against = report.Words("not judged")
				}
			}
			if k := b.Ranks[l][m]; k > 0 {
				rank = report.Whole(k)
				if !b.Judged[l][m] {
					rank = report.Shown("("+rank.String()+")", float64(k))
				}
			}
			cells = append(cells, value, rank)
			if !brief {
				cells = append(cells, against)
			}
		}
		losses.Rows = append(losses.Rows, cells)
	}
	references := r.References // the same whatever the model
	if brief {
		references = nil // a terminal has them in the table of runs
	}
	for _, ref := range references {
		values := ref.reported(r.Reported)
		if len(values) == 0 {
			continue
		}
		losses.Mark = append(losses.Mark, len(losses.Rows))
		cells := []report.Cell{report.Words(ref.Name)}
		for range b.Models {
			cells = append(cells, report.Fixed(values[0].Value, 4), report.Absent)
			if !brief {
				cells = append(cells, report.Absent)
			}
		}
		losses.Rows = append(losses.Rows, cells)
	}
	losses.Note = brackets
	if len(losses.Mark) > 0 {
		losses.Note += " The last rows are rankings without trained vectors, which no model changes."
	}
	if brief && len(b.Losses) < 2 { // there is no order to agree on
		return []report.Table{losses}
	}

	agree := report.Table{Title: "How far models rank the losses alike", Head: []string{"models", "losses", "Kendall's tau [95 %]", "by chance", "told apart under both", "in the same order", "reversed"}}
	for _, a := range b.Agreements {
		tau := fmt.Sprintf("%.2f", float64(a.Tau))
		if a.Low.Finite() {
			tau += fmt.Sprintf(" [%.2f, %.2f]", float64(a.Low), float64(a.High))
		}
		agree.Rows = append(agree.Rows, []report.Cell{report.Words(a.A + " and " + a.B), report.Whole(a.Losses), report.Interval(tau, a.Tau, a.Low, a.High), report.Digits(a.Chance, 2),
			report.Whole(a.Same + len(a.Reversed)), report.Whole(a.Same), report.Whole(len(a.Reversed))})
	}
	notes := r.ByModelNotes() // of ranks first, and the answer last
	agree.Note = strings.Join(notes[1:len(notes)-1], "\n")
	if brief {
		return []report.Table{losses, agree}
	}
	trained := report.Table{Title: "How each model was trained", Head: []string{"model"}}
	for _, c := range b.Trained {
		cells := []report.Cell{report.Words(c.Model)}
		for k, s := range c.Settings {
			if k+1 >= len(trained.Head) {
				trained.Head = append(trained.Head, s.Name)
			}
			cells = append(cells, report.Words(s.Value))
		}
		trained.Rows = append(trained.Rows, cells)
	}
	for i, cells := range trained.Rows { // a model none of whose runs was done has no settings
		for len(cells) < len(trained.Head) {
			cells = append(cells, report.Absent)
		}
		trained.Rows[i] = cells
	}
	return []report.Table{losses, agree, trained}
}

// brackets says what they mean in ranks.
const brackets = "A rank in brackets is of a loss that is not judged: it still rises, and a longer budget may give it another."

// ByModelNotes say what the tables by model mean; none of one model.
func (r *Result) ByModelNotes() []string {
	if r.ByModel == nil {
		return nil
	}
	interval := "The interval of τ is by the bootstrap over users; "
	counted := "users, by the bootstrap, and seeds"
	if r.first().Pooled {
		interval, counted = "", "seeds, since the metric is of all users together"
	}
	return []string{
		brackets,
		"Each model is trained as it usually is unless a flag says otherwise, and all are measured on the same examples, by the same split, candidates and mask.",
		"Kendall's τ of the losses that are judged under both models is 1 where they are in the same order and −1 where they are in the opposite one. " + interval +
			"by chance is the share of all orders that agree so far or further.",
		fmt.Sprintf("Two losses are told apart where a t-test that counts %s leaves %g %% to chance, of all pairs under all models together (Holm).", counted, 100*apartLevel),
		r.ByModel.Answer,
	}
}

// Command text learns from running text which word comes next, measures that by perplexity
// beside counts of words and of pairs of words, and shows which words it finds alike.
//
//	text                     sentences, generated
//	text SOURCE [WORD ...]   a file, or a folder of train, valid and test files; the words are
//	                         what something is to follow
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	// What is left out is what is usual of the model: each word is asked for by the four before
	// it, scores are products, and what is measured is perplexity.
	cfg := train.Config{Model: train.ModelConfig{Name: "ngram"}, Train: train.TrainConfig{Epochs: 4}}
	var set *data.Dataset
	var words []string
	var err error
	if len(args) > 0 {
		cfg.Data = train.DataConfig{Source: args[0], Format: "text"}
		words = args[1:]
		set, err = data.Load(cfg.Data.Config())
	} else {
		cfg.Model = train.ModelConfig{Name: "ngram:drop=0", Dim: 16}
		cfg.Train = train.TrainConfig{Epochs: 5, Batch: 128, Optimizer: "adam:lr=0.01,mode=dense"}
		words = []string{"the", "dog", "chases"}
		set, err = data.FromText(data.Text{Name: "sentences", Train: []string{sentences(2000)}}, "")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d tokens, %d words\n", set.Name, set.Histories.Len(), set.Items)

	res, err := train.Run(ctx, cfg, set, func(e train.Event) {
		if e, ok := e.(*train.EpochDone); ok {
			fmt.Fprintf(out, "epoch %d: loss %.3f, %v\n", e.Epoch, e.Loss, e.Valid)
		}
	})
	if err != nil {
		return err
	}
	trained := res.Trained
	e, err := trained.Evaluation(set, "test", trained.Plan.Metrics)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-10s  %v\n", "ngram", res.Test)
	unigram, err := baseline.NewUnigram(set)
	if err != nil {
		return err
	}
	bigram, err := baseline.NewKneserNey(set)
	if err != nil {
		return err
	}
	for _, other := range []struct {
		name   string
		scorer models.Scorer
	}{{"words", unigram}, {"kneserney", bigram}} {
		scores, err := train.Evaluate(ctx, other.scorer, e)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-10s  %v\n", other.name, scores)
	}

	var history []int32
	for _, word := range words {
		i, err := set.ItemIndex(word)
		if err != nil {
			return err
		}
		history = append(history, int32(i))
	}
	if len(history) == 0 {
		history = set.Histories.Of(0)[:1]
	}
	next, err := trained.PredictHistories(ctx, set, [][]int32{history}, 5, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "after %s: %s\n", names(set, history), names(set, next[0].IDs))
	last := history[len(history)-1]
	alike, err := trained.Similar(set, []int{int(last)}, 3)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "like %s:", set.ItemName(int(last)))
	for _, x := range alike[0] {
		fmt.Fprintf(out, " %s", x.ID)
	}
	fmt.Fprintln(out)
	return nil
}

func names(set *data.Dataset, words []int32) string {
	var all []string
	for _, i := range words {
		all = append(all, set.ItemName(int(i)))
	}
	return strings.Join(all, " ")
}

// sentences returns so many lines of one grammar: animals chase, and people read or eat. What
// may follow a verb depends on who does it, which is two words before.
func sentences(n int) string {
	rng := rand.New(rand.NewPCG(1, 1))
	of := func(words string) string {
		all := strings.Fields(words)
		return all[rng.IntN(len(all))]
	}
	var b strings.Builder
	for range n {
		switch rng.IntN(3) {
		case 0:
			fmt.Fprintf(&b, "the %s %s the %s\n", of("dog wolf fox"), of("chases sees hears"), of("cat hare mouse"))
		case 1:
			fmt.Fprintf(&b, "the %s %s a %s\n", of("woman man child"), of("sees hears finds"), of("dog wolf fox bird"))
		default:
			fmt.Fprintf(&b, "the %s %s the %s %s\n", of("woman man child"), of("reads writes"), of("old new long"), of("book letter"))
		}
	}
	return b.String()
}

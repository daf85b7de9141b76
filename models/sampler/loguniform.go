package sampler

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

func init() {
	Register(Spec{
		Name:   "log-uniform",
		Doc:    "Zipf-like, decreasing with the rank of a class",
		Source: "q_r = log((r+2)/(r+1)) / log(C+1); TensorFlow log_uniform_candidate_sampler, unique=False",
		Params: []Param{rankParam},
		Props:  Exact | FullSupport,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw; rank=count keeps 8 bytes a class",
		Bytes:  ranksBytes,
		New: func(c Config, v Values) (Proposal, error) {
			return newLogUniform(c, v)
		},
	})
}

// rankParam says what ranks the classes of a log-uniform sampler.
var rankParam = Param{
	Name:          "rank",
	Doc:           "what ranks the classes: count, the most frequent first, or id, of classes that are numbered by falling frequency already",
	Choices:       Enum("count", "id"),
	DefaultString: "count",
}

// logUniform is q_r = log((r+2)/(r+1)) / log(C+1) of the class of rank r.
type logUniform struct {
	c     int
	log1C float64 // log(C+1)

	// id[r] is the class of rank r, rank its inverse; nil where rank is id.
	id, rank []int32
}

// ranksBytes is the size of a log-uniform's ranks.
func ranksBytes(c Config, v Values) Footprint {
	if v.String("rank") == "id" {
		return Footprint{}
	}
	return Footprint{Kept: 8 * int64(c.C)}
}

func newLogUniform(c Config, v Values) (*logUniform, error) {
	l := &logUniform{c: c.C, log1C: math.Log(float64(c.C) + 1)}
	if v.String("rank") == "id" {
		return l, nil
	}
	if err := needCounts(c); err != nil {
		return nil, fmt.Errorf("rank=count %w; rank=id takes classes that are numbered by falling frequency", err)
	}
	l.id, l.rank = make([]int32, c.C), make([]int32, c.C)
	for i := range l.id {
		l.id[i] = int32(i)
	}
	slices.SortFunc(l.id, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.Counts[b], c.Counts[a]), cmp.Compare(a, b))
	})
	for r, i := range l.id {
		l.rank[i] = int32(r)
	}
	return l, nil
}

func (l *logUniform) Scratch(int) (int, int) { return 0, 0 }

func (l *logUniform) At(*RowState) error { return nil }

// one draws by inversion: P(⌊e^{u·log(C+1)}⌋ − 1 ≤ r) = log(r+2)/log(C+1).
func (l *logUniform) one(st *RowState) int32 {
	r := int(math.Exp(st.Rand.Float64()*l.log1C)) - 1
	r = min(max(r, 0), l.c-1) // rounding of exp near its ends
	st.Ops++
	if l.id != nil {
		return l.id[r]
	}
	return int32(r)
}

// logQ returns log q of class i.
func (l *logUniform) logQ(i int32) float64 {
	if l.rank != nil {
		i = l.rank[i]
	}
	return math.Log(math.Log1p(1/(float64(i)+1)) / l.log1C)
}

func (l *logUniform) Draw(ids []int32, logQ []float64, st *RowState) error {
	for j := range ids {
		ids[j] = l.one(st)
		logQ[j] = l.logQ(ids[j])
	}
	return nil
}

func (l *logUniform) LogQ(logQ []float64, ids []int32, _ *RowState) {
	for j := range logQ {
		i := int32(j)
		if ids != nil {
			i = ids[j]
		}
		logQ[j] = l.logQ(i)
	}
}

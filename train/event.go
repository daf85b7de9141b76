package train

// An Observer receives what happens in a run, in order, from the goroutine that
// runs it. It must not keep or modify what an event points to. A nil Observer is
// none.
type Observer func(Event)

// An Event is one of *Started, *Stepped, *EpochDone and *Finished.
type Event interface{ event() }

// Started is the first event of a run.
type Started struct {
	Plan         *Plan  // what runs
	Config       Config // the Plan's
	Users, Items int    // of the dataset
	Pairs        int    // interactions of the train set
	Parameters   int    // trained numbers
	Steps        int    // of an epoch
	Epoch, Step  int    // where the run starts: 0, 0 unless it is resumed

	// Before is what computed the steps before where the run starts, as [Plan.Kernel] names
	// it, if that is not what computes from here on: the bits are not those of a run that either
	// would have made alone. "" where they are.
	Before string

	Trained *Recommender // what is trained: between events its weights are those of the moment
}

// Stepped follows each step.
type Stepped struct {
	Epoch, Step int     // from 0
	Loss        float64 // mean over the step's rows; the objective with als
	GradNorm    float64 // of the whole gradient, before clipping; 0 with als
}

// EpochDone follows each epoch.
type EpochDone struct {
	Epoch    int     `json:"epoch"`               // from 1
	Loss     float64 `json:"loss"`                // mean over the epoch's rows, each before its step; the objective with als, 0 with fit
	GradNorm float64 `json:"grad_norm,omitempty"` // mean over the steps of the norm of the whole gradient, before clipping; 0 with als
	Clipped  float64 `json:"clipped,omitempty"`   // share of the steps whose gradient was longer than train.clip
	Seconds  float64 `json:"seconds"`             // training alone
	Valid    *Scores `json:"valid,omitempty"`     // nil where this epoch is not evaluated
	Best     bool    `json:"best,omitempty"`      // the best value of the monitored metric so far
	Scalars  []Value `json:"scalars,omitempty"`   // parameters of the head or the loss that are trained, such as a temperature, after the epoch
}

// Finished is the last event of a run that reached its Result.
type Finished struct{ Result *Result }

func (*Started) event()   {}
func (*Stepped) event()   {}
func (*EpochDone) event() {}
func (*Finished) event()  {}

package cli

import (
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Values of --ranks.
const (
	ranksAuto = "auto"
	ranksOff  = "off"
)

// A launcher starts one program several times, as MPI programs are started: each of
// these processes would train the same model beside the others.
type launcher struct {
	// size is the variable that says how many processes it started. It counts where
	// only, if that is not "", is set too: SLURM_NTASKS alone is also set for a batch
	// script, which is one process.
	size, only string
}

var launchers = []launcher{
	{size: "OMPI_COMM_WORLD_SIZE"},            // Open MPI's mpirun
	{size: "PMI_SIZE"},                        // MPICH's and Intel MPI's mpirun, srun with PMI-1 and PMI-2
	{size: "SLURM_NTASKS", only: "PMIX_RANK"}, // srun with PMIx
	{size: "PALS_SIZE"},                       // HPE Cray's
}

// launched returns an error where a launcher started this process as one of several.
func launched() error {
	for _, l := range launchers {
		text := os.Getenv(l.size)
		if text == "" || l.only != "" && os.Getenv(l.only) == "" {
			continue
		}
		switch n, err := strconv.Atoi(text); {
		case err != nil || n < 1:
			return usagef("%s=%q is no number of processes, so whether a launcher started several is not known; --%s %s runs this one alone", l.size, text, ranksFlag, ranksOff)
		case n > 1:
			return usagef("a launcher started %d processes (%s=%d), and each would train for itself; start one, or have each run alone with --%s %s and a folder of its own",
				n, l.size, n, ranksFlag, ranksOff)
		}
	}
	return nil
}

const ranksFlag = "ranks"

// refuseRanks adds --ranks to a command that trains: unless that is off, the command
// is refused, before it does anything, in a process that is one of several.
func refuseRanks(cmd *cobra.Command) {
	choices := []string{ranksAuto, ranksOff}
	ranks := cmd.Flags().String(ranksFlag, ranksAuto, "what to do as one of several processes of a launcher such as mpirun: "+ranksAuto+", end with an error; "+ranksOff+", run alone")
	must(cmd.RegisterFlagCompletionFunc(ranksFlag, complete(func() []string { return choices })))
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(choices, *ranks) {
			return usagef("--%s: unknown value %q%s", ranksFlag, *ranks, registry.Offer(*ranks, choices))
		}
		if *ranks == ranksAuto {
			if err := launched(); err != nil {
				return err
			}
		}
		return run(cmd, args)
	}
}

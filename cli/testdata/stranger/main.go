// Command stranger has all commands of fenchel over what this module registers.
package main

import (
	"os"

	"github.com/fenchel-ml/fenchel/cli"
)

func main() { os.Exit(cli.Main()) }

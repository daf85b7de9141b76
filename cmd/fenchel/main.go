// Command fenchel is package cli over the losses, models and data of this module.
package main

import (
	"os"

	"github.com/fenchel-ml/fenchel/cli"
)

func main() { os.Exit(cli.Main()) }

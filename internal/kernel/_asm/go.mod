// The generator of internal/kernel's assembly. It is a module of its own so
// that the framework does not depend on avo. avo v0.6.0 pins a golang.org/x/tools
// that does not build with Go 1.26; v0.40.0 does.
module github.com/fenchel-ml/fenchel/internal/kernel/_asm

go 1.26

require (
	github.com/mmcloughlin/avo v0.6.0
	golang.org/x/tools v0.40.0 // indirect
)

require (
	golang.org/x/mod v0.31.0 // indirect
	golang.org/x/sync v0.19.0 // indirect
)

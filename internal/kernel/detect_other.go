//go:build (!amd64 && !arm64) || purego

package kernel

func detect() []path { return []path{pathGo} }

// Package configs holds presets: committed configurations, by data set and loss, with the
// figures that a full training of each gave beside it. The command
//
//	fenchel train --preset ml-1m/softmax --data FOLDER
//
// trains one. A preset is a file SET/LOSS.yaml, which says everything but where the data
// are, and SET/LOSS.json, its figures, which
//
//	go run ./bench/presets -write SET/LOSS
//
// writes; adding one is adding the first file and running that.
package configs

module sley/bench/downloads/go

go 1.19

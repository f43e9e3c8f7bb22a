module sley/bench/peers/go

go 1.19

// The cpu-io load in Go: a goroutine per client. The load is described in bench/cpu_io/cpu_io.h;
// computing is by the thread's processor time, as there, so a goroutine stays on its thread while it
// computes. Go preempts it all the same: the signal comes after 10 ms, and the thread is another
// one's only when the goroutine lets go of it.
//
// The wait is time.Sleep(). Nothing is tuned but GOMAXPROCS. Where requests wait for nothing a client
// gives way after each, as those of sley and asyncio do there: it would have the processor for itself
// until it is preempted.
//
// Who issues a request when, and how the run is checked, is that of bench/cpu_io/clients.c, which says
// why.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

type load struct {
	cpu, io               int64 // ns per request
	requests, concurrency int
	workers               int
}

const clockThreadCPU = 3

func threadTime() int64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPU, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano()
}

func splitmix(state uint64) uint64 {
	z := state + 0x9E3779B97F4A7C15
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

func (l *load) wait(index int) time.Duration {
	fraction := float64(splitmix(uint64(index))>>11) / float64(uint64(1)<<53)
	return time.Duration(float64(l.io) * (0.5 + fraction))
}

var sink uint64

func multiply(value uint64, rounds int64) uint64 {
	for i := int64(0); i < rounds; i++ {
		value = value*6364136223846793005 + 1442695040888963407
	}
	return value
}

const stretch = 512

func compute(cpu int64) {
	if cpu <= 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	value, rounds, spent := uint64(1), int64(stretch), int64(0)
	for begin := threadTime(); spent < cpu; {
		before := spent
		value = multiply(value, rounds)
		spent = threadTime() - begin
		took := spent - before
		if took < 1 {
			took = 1
		}
		next := rounds * ((cpu - spent) / 2) / took
		if next < stretch/4 {
			next = stretch / 4
		} else if next > 4*rounds {
			next = 4 * rounds
		}
		rounds = next
	}
	if value == 0 {
		sink++
	}
}

// What happened: as struct cpu_io_result.
type result struct {
	start, last, elapsed int64
	taken, done          atomic.Int64
	latency              []int64
}

// next stamps the answer to a client's request, and is the issue of its next one at the same moment;
// false: there is none.
func (l *load) next(r *result, index int, begin int64) (int, int64, bool) {
	before := now()
	number := int(r.taken.Add(1)) - 1
	if number == l.requests-1 {
		r.last = before
	}
	answered := now()
	r.latency[index] = answered - begin
	if int(r.done.Add(1)) == l.requests {
		r.elapsed = now() - r.start
	}
	return number, answered, number < l.requests
}

func (l *load) client(r *result, index int) {
	begin, more := r.start, true
	for more {
		if l.io > 0 {
			time.Sleep(l.wait(index))
		}
		compute(l.cpu)
		index, begin, more = l.next(r, index, begin)
		if l.io == 0 {
			runtime.Gosched()
		}
	}
}

// run makes all clients, which wait at the gate, and lets them go when the last one has come.
func (l *load) run() *result {
	r := &result{latency: make([]int64, l.requests)}
	gate := make(chan struct{})
	var coming, clients sync.WaitGroup
	coming.Add(l.concurrency)
	clients.Add(l.concurrency)
	for i := 0; i < l.concurrency; i++ {
		go func(index int) {
			defer clients.Done()
			coming.Done()
			<-gate
			l.client(r, index)
		}(i)
	}
	coming.Wait()
	r.taken.Store(int64(l.concurrency))
	r.start = now()
	r.last = r.start
	close(gate)
	clients.Wait()
	return r
}

// doubt says why what the run has left behind cannot be true, or nothing.
func (l *load) doubt(r *result) string {
	var sum int64
	for i, latency := range r.latency {
		if latency <= 0 || latency < int64(l.wait(i))+l.cpu-l.cpu/1000 {
			return fmt.Sprintf("request %d was answered too early, after %d ns", i, latency)
		}
		sum += latency
	}
	clients := int64(l.concurrency)
	if sum < clients*(r.last-r.start) || sum > clients*r.elapsed {
		return fmt.Sprintf("the latencies, %d ns in all, are not those of %d clients", sum, clients)
	}
	return ""
}

func parseLoad(arguments []string) (l load) {
	numbers := map[string]int{}
	for i := 0; i < len(arguments); i += 2 {
		switch arguments[i] {
		case "--cpu-us", "--io-us", "--requests", "--concurrency", "--workers":
		default:
			usage("what is " + arguments[i] + "?")
		}
		if i+1 == len(arguments) {
			usage("a number is missing after " + arguments[i])
		}
		number, err := strconv.Atoi(arguments[i+1])
		if err != nil || number < 0 {
			usage(arguments[i] + " takes a number")
		}
		numbers[arguments[i]] = number
	}
	l = load{int64(numbers["--cpu-us"]) * 1000, int64(numbers["--io-us"]) * 1000,
		numbers["--requests"], numbers["--concurrency"], numbers["--workers"]}
	if l.requests < 1 || l.concurrency < 1 || l.workers < 1 {
		usage("--requests, --concurrency and --workers must be above 0")
	}
	if l.concurrency > l.requests {
		l.concurrency = l.requests
	}
	return l
}

// percentile of sorted samples: the smallest that at least this part of them do not exceed.
func percentileOf(samples []int64, part float64) float64 {
	rank := int(part*float64(len(samples)) + 0.999999)
	if rank < 1 {
		rank = 1
	}
	return float64(samples[rank-1]) / 1e3
}

func runCPUIO(arguments []string) {
	l := parseLoad(arguments)
	runtime.GOMAXPROCS(l.workers)
	done := l.run()
	if doubt := l.doubt(done); doubt != "" {
		fail(exitFailed, "%s", doubt)
	}
	latency := done.latency
	sort.Slice(latency, func(i, j int) bool { return latency[i] < latency[j] })
	line, _ := json.Marshal(map[string]any{
		"bench": "cpu-io", "design": "go", "cpu_us": l.cpu / 1000, "io_us": l.io / 1000,
		"requests": l.requests, "concurrency": l.concurrency, "workers": l.workers,
		"requests_per_s": float64(l.requests) * 1e9 / float64(done.elapsed),
		"p50_us":         percentileOf(latency, 0.5), "p99_us": percentileOf(latency, 0.99),
		"max_us": percentileOf(latency, 1), "cpu_s": float64(cpu()) / 1e9,
	})
	fmt.Fprintln(os.Stdout, string(line))
}

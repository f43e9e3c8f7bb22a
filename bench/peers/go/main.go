// The rows of sley-bench in Go.
//
// Go is the system that has made a task per connection and a task per item of work common: stacks
// that grow (from 2 KiB, so a waiting goroutine is small), a work-stealing scheduler with a queue
// per processor, preemption, a poller inside. GOMAXPROCS is the number of workers. The garbage
// collector keeps its settings: hardly anyone changes them, and what it does in these rows is part
// of what goroutines cost. The runtime does not pin its threads, so neither do we.
//
// switch: runtime.Gosched(), two goroutines per worker. A yield puts the goroutine into the global
// queue, under a lock; goroutines that hand over by a channel stay in the processor's own queue,
// but that is not a yield.
//
// spawn: the results go into a slice, a WaitGroup joins. There are no join handles in Go: one waits
// for all.
//
// skynet: the program as it is known, with one change: the children's channel has room for all of
// them, so that no child has to wait to hand over its sum.
//
// memory: all wait on one unbuffered channel, which keeps them in a queue in their order and wakes
// them one by one, as the row says. close() would wake them with a single call; a channel for each
// would cost another 96 bytes.
//
// timer: time.Sleep().
//
// wake: a goroutine that is locked to its thread sleeps there in a system call and then sends on a
// channel. While it sleeps the thread is outside the scheduler, as a foreign one is, and Go's own
// threads have nothing to do. It returns into the scheduler with the call, which is less than what
// a thread from C would have to pay.
//
// All six rows are offered.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Exit statuses.
const exitFailed, exitUsage, exitDeclined = 1, 2, 3

type setup struct {
	workers int
	quick   bool
}

// size is full, or quick with --quick.
func (s setup) size(full, quick int) int {
	if s.quick {
		return quick
	}
	return full
}

func fail(status int, format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "go: "+format+"\n", arguments...)
	os.Exit(status)
}

func metric(name string, value float64) {
	fmt.Printf("%s %.9g\n", name, value)
}

func check(value int64) {
	fmt.Printf("check %d\n", value)
}

// Clocks, in ns. time.Since() of a time that has a monotonic reading looks at that clock only.
var start = time.Now()

func now() int64 {
	return int64(time.Since(start))
}

func perItem(begin int64, count int) float64 {
	return float64(now()-begin) / float64(count)
}

func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(exitFailed, "no CPU time: %v", err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// memory is resident memory and page tables, in bytes.
func memory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(exitFailed, "no memory figures: %v", err)
	}
	var kib int64
	for _, line := range bytes.Split(status, []byte("\n")) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		if string(key) == "VmRSS" || string(key) == "VmPTE" {
			n, _ := strconv.ParseInt(string(bytes.Fields(value)[0]), 10, 64)
			kib += n
		}
	}
	return kib * 1024
}

// percentile sorts.
func percentile(samples []int64, percent int) float64 {
	sort.Slice(samples, func(i, k int) bool { return samples[i] < samples[k] })
	return float64(samples[(len(samples)*percent+99)/100-1])
}

func runSwitch(s setup) {
	yields := s.size(5000000, 500000)
	var finished sync.WaitGroup
	var made atomic.Int64
	begin := now()
	for i := 0; i < 2*s.workers; i++ {
		finished.Add(1)
		go func() {
			defer finished.Done()
			for k := 0; k < yields; k++ {
				runtime.Gosched()
			}
			made.Add(int64(yields))
		}()
	}
	finished.Wait()
	metric("ns_per_switch", perItem(begin, 2*yields))
	check(made.Load())
}

func spawn(batches, batch int) (ns float64, sum int64) {
	results := make([]int32, batch)
	for i := range results { // so that no timed loop faults it in
		results[i] = -1
	}
	var finished sync.WaitGroup
	begin := now()
	for i := 0; i < batches; i++ {
		finished.Add(batch)
		for k := range results {
			go func(result *int32) {
				*result = 1
				finished.Done()
			}(&results[k])
		}
		finished.Wait()
		for k := range results {
			sum += int64(results[k])
			results[k] = -1
		}
	}
	return perItem(begin, batches*batch), sum
}

// The two shapes of the row, each in a process of its own: what the first leaves behind (a heap,
// dead goroutines to use again) is not for the second.
func runSpawn(s setup) {
	var total int64
	for _, shape := range []string{"batches", "flat"} {
		arguments := append([]string{"spawn-" + shape}, os.Args[2:]...)
		child := exec.Command("/proc/self/exe", arguments...)
		child.Stderr = os.Stderr
		output, err := child.Output()
		var name string
		var value float64
		var sum int64
		if err == nil {
			_, err = fmt.Sscanf(string(output), "%s %g\ncheck %d\n", &name, &value, &sum)
		}
		if err != nil {
			fail(exitFailed, "spawn, %s: %v", shape, err)
		}
		metric(name, value)
		total += sum
	}
	check(total)
}

func runShape(name string, batches, batch int) {
	ns, sum := spawn(batches, batch)
	metric(name, ns)
	check(sum)
}

func runSpawnBatches(s setup) { runShape("ns_per_task", s.size(1000, 100), 1000) }
func runSpawnFlat(s setup)    { runShape("ns_per_task_flat", 1, s.size(1000000, 100000)) }

func skynet(out chan<- int64, first, size int64) {
	if size == 1 {
		out <- first
		return
	}
	const children = 10
	sums := make(chan int64, children)
	for i := int64(0); i < children; i++ {
		go skynet(sums, first+i*size/children, size/children)
	}
	var sum int64
	for i := 0; i < children; i++ {
		sum += <-sums
	}
	out <- sum
}

func runSkynet(s setup) {
	out := make(chan int64, 1)
	begin := now()
	skynet(out, 0, 1000000)
	sum := <-out
	metric("ms", float64(now()-begin)/1e6)
	check(sum)
}

func runMemory(s setup) {
	count := s.size(1000000, 20000)
	var waiting, woken atomic.Int64
	var finished sync.WaitGroup
	ready, wake := make(chan struct{}, 1), make(chan struct{})
	before, begin := memory(), now()
	finished.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			if waiting.Add(1) == int64(count) {
				ready <- struct{}{}
			}
			<-wake
			woken.Add(1)
			finished.Done()
		}()
	}
	<-ready
	create := perItem(begin, count)
	bytes := float64(memory()-before) / float64(count)
	begin = now()
	for i := 0; i < count; i++ {
		wake <- struct{}{}
	}
	finished.Wait()
	metric("bytes_per_task", bytes)
	metric("ns_to_create", create)
	metric("ns_to_wake", perItem(begin, count))
	check(woken.Load())
}

// splitmix64
func random(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func runTimer(s setup) {
	count := s.size(1000000, 20000)
	times := make([]int64, count) // in: how long to sleep; out: how late it was
	seed := uint64(1)
	for i := range times {
		times[i] = int64(random(&seed) % uint64(count*1000))
	}
	var finished sync.WaitGroup
	begin := cpu()
	finished.Add(count)
	for i := range times {
		go func(duration *int64) {
			deadline := now() + *duration
			time.Sleep(time.Duration(*duration))
			*duration = now() - deadline
			finished.Done()
		}(&times[i])
	}
	finished.Wait()
	used := cpu() - begin
	late := percentile(times, 99)
	if times[0] < 0 {
		fail(exitFailed, "a goroutine woke %d ns too early", -times[0])
	}
	metric("cpu_s", float64(used)/1e9*(1e6/float64(count)))
	metric("late_p99_us", late/1e3)
	check(int64(count))
}

// pinToSecond leaves the calling thread the second of the processors that the process may use.
func pinToSecond() {
	var set, one [1024 / 8]byte // CPU masks as the kernel wants them
	size := unsafe.Sizeof(set)
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, size, uintptr(unsafe.Pointer(&set)))
	found := 0
	for i := 0; i < 8*len(set) && found < 2; i++ {
		if set[i/8]&(1<<(i%8)) != 0 {
			one = [len(one)]byte{}
			one[i/8] = 1 << (i % 8)
			found++
		}
	}
	mask := uintptr(unsafe.Pointer(&one))
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, size, mask)
	if errno != 0 {
		fail(exitFailed, "cannot place a thread: %v", errno)
	}
}

// waker sleeps in the kernel until a millisecond after the sleeper said that it will sleep.
func waker(asleep <-chan int64, wake chan<- int64) {
	runtime.LockOSThread()
	pinToSecond()
	for since := range asleep {
		for left := since + 1e6 - now(); left > 0; left = since + 1e6 - now() {
			pause := syscall.NsecToTimespec(left)
			if err := syscall.Nanosleep(&pause, nil); err != nil && !errors.Is(err, syscall.EINTR) {
				fail(exitFailed, "cannot sleep: %v", err)
			}
		}
		wake <- now()
	}
}

func runWake(s setup) {
	count := s.size(1000, 100)
	asleep, wake := make(chan int64), make(chan int64)
	late := make([]int64, 0, count)
	go waker(asleep, wake)
	for i := 0; i < count; i++ {
		asleep <- now()
		sent := <-wake
		late = append(late, now()-sent)
	}
	metric("us_p50", percentile(late, 50)/1e3)
	metric("us_p99", percentile(late, 99)/1e3)
	check(int64(len(late)))
}

var rows = []struct {
	name string
	run  func(setup)
	part bool // of another row, and not to be listed
}{
	{name: "switch", run: runSwitch},
	{name: "spawn", run: runSpawn},
	{name: "spawn-batches", run: runSpawnBatches, part: true},
	{name: "spawn-flat", run: runSpawnFlat, part: true},
	{name: "skynet", run: runSkynet},
	{name: "memory", run: runMemory},
	{name: "timer", run: runTimer},
	{name: "wake", run: runWake},
}

func usage(what string) {
	fail(exitUsage, "%s; usage: ROW --workers N [--quick] | list", what)
}

func list() {
	for _, row := range rows {
		if !row.part {
			fmt.Println(row.name)
		}
	}
}

func parse(arguments []string) (s setup) {
	for i := 0; i < len(arguments); i++ {
		switch {
		case arguments[i] == "--quick":
			s.quick = true
		case arguments[i] == "--workers" && i+1 < len(arguments):
			i++
			s.workers, _ = strconv.Atoi(arguments[i])
		default:
			usage("what is " + arguments[i] + "?")
		}
	}
	if s.workers < 1 || s.workers > 1024 {
		usage("--workers takes a number from 1 to 1024")
	}
	return s
}

func main() {
	if len(os.Args) < 2 {
		usage("which row?")
	}
	if len(os.Args) == 2 && os.Args[1] == "list" {
		list()
		return
	}
	s := parse(os.Args[2:])
	runtime.GOMAXPROCS(s.workers)
	for _, row := range rows {
		if row.name == os.Args[1] {
			row.run(s)
			return
		}
	}
	fail(exitDeclined, "%s: no such row here", os.Args[1])
}

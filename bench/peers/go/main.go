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
// fork: a goroutine for one of the two calls in each node, its result through a channel with room for
// it. ratio_to_c is against the plain function in Go.
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
// datagram: net.UDPConn. The sender is a process: a thread of this one would have to be scheduled by
// what is measured. The time of sending is in the datagram.
//
// channel: chan uint64, unbuffered and with room for 128.
//
// across: the same with each goroutine locked to a thread of its own and that one to a processor of
// its own, on two processors whatever the number of workers: a handover is then one between threads.
//
// select: the statement, with four cases.
//
// generator: a goroutine that sends on an unbuffered channel and closes it, and `range` over that; the
// language has no generators in this version (iter.Pull is younger). With room in the channel the
// producer would run ahead of who asks, which a generator does not.
//
// scope: a WaitGroup per scope, and a goroutine for each of its ten children. errgroup, which also
// hands on an error and a cancel as a scope does, is not in the standard library, and is made of this.
//
// cancel: context.WithCancel for the whole and one below it for each family of a thousand; each
// goroutine receives from its context's Done(), each family waits for its own by a WaitGroup. It is
// the one way to stop goroutines: by their leave.
//
// mutex: sync.Mutex. semaphore: a channel with room for the permits, as the language's own
// documentation has it; there is none in the standard library.
//
// nqueens, uts: a goroutine for each safe place and for each child, as fork.
//
// parallel_for: a goroutine for each of four pieces per processor, and a WaitGroup. sort: a goroutine
// for the smaller part.
//
// file: 64 goroutines, os.WriteFile() to a temporary name and os.Rename(): each call blocks a thread
// of its own for as long as it takes.
//
// stall: goroutines that compute a number of steps that took as long before. The runtime takes the
// processor from one that has had it for 10 ms, by a signal.
//
// Servers are in serve.go, HTTP and names in http.go. Not offered: offload. A goroutine may block, and
// nothing of the language's own runs a function in another process.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
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
	skynet(out, 0, int64(s.size(1000000, 100000)))
	sum := <-out
	metric("ms", float64(now()-begin)/1e6)
	check(sum)
}

func plainFib(n int64) int64 {
	if n < 2 {
		return n
	}
	return plainFib(n-1) + plainFib(n-2)
}

func fib(n int64) int64 {
	if n < 2 {
		return n
	}
	left := make(chan int64, 1)
	go func() { left <- fib(n - 1) }()
	right := fib(n - 2)
	return <-left + right
}

func runFork(s setup) {
	n := int64(s.size(37, 30))
	begin := now()
	plain := plainFib(n)
	between := now()
	forked := fib(n)
	end := now()
	metric("ns_per_fork", float64(end-between)/float64(plainFib(n+1)-1))
	metric("ratio_to_c", float64(end-between)/float64(between-begin))
	if forked != plain {
		fail(1, "fib(%d) is %d, not %d", n, forked, plain)
	}
	check(forked)
}

type board struct {
	size, row int32
	queen     [14]int8 // column, by row
}

func (b *board) isSafe(column int32) bool {
	for row := int32(0); row < b.row; row++ {
		apart, rows := int32(b.queen[row])-column, b.row-row
		if apart == 0 || apart == rows || apart == -rows {
			return false
		}
	}
	return true
}

func (b board) put(column int32) board {
	b.queen[b.row] = int8(column)
	b.row++
	return b
}

func plainQueens(b board) int64 {
	if b.row == b.size {
		return 1
	}
	sum := int64(0)
	for column := int32(0); column < b.size; column++ {
		if b.isSafe(column) {
			sum += plainQueens(b.put(column))
		}
	}
	return sum
}

func queens(b board) int64 {
	if b.row == b.size {
		return 1
	}
	var found [13]int64
	var calls sync.WaitGroup
	for column := int32(0); column < b.size; column++ {
		if b.isSafe(column) {
			result, next := &found[column], b.put(column)
			calls.Add(1)
			go func() {
				*result = queens(next)
				calls.Done()
			}()
		}
	}
	calls.Wait()
	sum := int64(0)
	for _, part := range found {
		sum += part
	}
	return sum
}

func runQueens(s setup) {
	empty := board{size: int32(s.size(13, 10))}
	begin := now()
	plain := plainQueens(empty)
	between := now()
	forked := queens(empty)
	end := now()
	metric("ms", float64(end-between)/1e6)
	metric("ratio_to_c", float64(end-between)/float64(between-begin))
	if forked != plain {
		fail(1, "%d boards, not %d", forked, plain)
	}
	check(forked)
}

// As number_of() and children_of() of bench/bench_uts.c.
type node struct {
	state uint64
	depth int
}

func draw(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func childOf(parent uint64, depth, child int) node {
	state := parent + uint64(child)
	for i := 0; i < 8; i++ {
		draw(&state)
		state ^= state >> 27
	}
	return node{draw(&state), depth}
}

func (n node) children() (count int) {
	if n.depth == 0 {
		return 0
	}
	for state := n.state; count < 100 && draw(&state)%5 != 0; {
		count++
	}
	return count
}

func plainCount(n node) int64 {
	sum := int64(1)
	for i, count := 0, n.children(); i < count; i++ {
		sum += plainCount(childOf(n.state, n.depth-1, i))
	}
	return sum
}

func count(n node) int64 {
	children := n.children()
	if children == 0 {
		return 1
	}
	below := make(chan int64, children)
	for i := 0; i < children; i++ {
		child := childOf(n.state, n.depth-1, i)
		go func() { below <- count(child) }()
	}
	sum := int64(1)
	for i := 0; i < children; i++ {
		sum += <-below
	}
	return sum
}

func runUts(s setup) {
	root := childOf(2, s.size(10, 7), 0)
	begin := now()
	plain := plainCount(root)
	between := now()
	forked := count(root)
	end := now()
	metric("ns_per_node", float64(end-between)/float64(forked))
	metric("ratio_to_c", float64(end-between)/float64(between-begin))
	if forked != plain {
		fail(1, "%d nodes, not %d", forked, plain)
	}
	check(forked)
}

type loop struct {
	body    func(l *loop, begin, end int)
	a, b, c []float64
}

func triad(l *loop, begin, end int) {
	a, b, c := l.a[begin:end], l.b[begin:end], l.c[begin:end]
	for i := range a {
		a[i] = b[i] + 3*c[i]
	}
}

func recur(l *loop, begin, end int) {
	for i := begin; i < end; i++ {
		x := l.b[i]
		for step := 0; step < 100; step++ {
			x = x*0.5 + 1
		}
		l.a[i] = x
	}
}

// How many results are as they must be; zeroes them.
func (l *loop) take(expected float64) (right int64) {
	for i, x := range l.a {
		if x > expected-1e-9 && x < expected+1e-9 {
			right++
		}
		l.a[i] = 0
	}
	return right
}

func (l *loop) divided(workers int) {
	var pieces sync.WaitGroup
	count := 4 * workers
	for i := 0; i < count; i++ {
		begin, end := i*len(l.a)/count, (i+1)*len(l.a)/count
		pieces.Add(1)
		go func() {
			l.body(l, begin, end)
			pieces.Done()
		}()
	}
	pieces.Wait()
}

func runLoop(s setup, body func(l *loop, begin, end int), size int, expected float64, kind string) int64 {
	l := &loop{body, make([]float64, size), make([]float64, size), make([]float64, size)}
	for i := range l.a {
		l.a[i], l.b[i], l.c[i] = 1, 1, 1
	}
	begin := now()
	l.body(l, 0, size)
	plain := now() - begin
	if l.take(expected) != int64(size) {
		fail(1, "the plain loop is wrong")
	}
	begin = now()
	l.divided(s.workers)
	ns := now() - begin
	metric("ns_per_item_"+kind, float64(ns)/float64(size))
	metric("ratio_"+kind, float64(ns)/float64(plain))
	return l.take(expected)
}

func runParallelFor(s setup) {
	right := runLoop(s, triad, s.size(16<<20, 2<<20), 4, "memory")
	check(right + runLoop(s, recur, s.size(2000000, 100000), 2, "compute"))
}

func insert(a []uint32) {
	for i := 1; i < len(a); i++ {
		value, j := a[i], i
		for ; j > 0 && a[j-1] > value; j-- {
			a[j] = a[j-1]
		}
		a[j] = value
	}
}

func partition(a []uint32) int {
	low, pivot, high := a[0], a[len(a)/2], a[len(a)-1]
	if low > high {
		low, high = high, low
	}
	if pivot < low {
		pivot = low
	} else if pivot > high {
		pivot = high
	}
	for i, j := 0, len(a)-1; ; i, j = i+1, j-1 {
		for a[i] < pivot {
			i++
		}
		for a[j] > pivot {
			j--
		}
		if i >= j {
			if j+1 < len(a) {
				return j + 1
			}
			return len(a) - 1
		}
		a[i], a[j] = a[j], a[i]
	}
}

// The smaller part of what is partitioned, and the other one.
func divide(a []uint32) ([]uint32, []uint32) {
	before := partition(a)
	if before < len(a)-before {
		return a[:before], a[before:]
	}
	return a[before:], a[:before]
}

func plainSort(a []uint32) {
	if len(a) <= 32 {
		insert(a)
		return
	}
	smaller, larger := divide(a)
	plainSort(smaller)
	plainSort(larger)
}

func forkedSort(a []uint32) {
	if len(a) <= 32 {
		insert(a)
		return
	}
	smaller, larger := divide(a)
	var other sync.WaitGroup
	other.Add(1)
	go func() {
		forkedSort(smaller)
		other.Done()
	}()
	forkedSort(larger)
	other.Wait()
}

func runSort(s setup) {
	plain := make([]uint32, s.size(10000000, 500000))
	state := uint64(1)
	for i := range plain {
		plain[i] = uint32(draw(&state))
	}
	forked := append([]uint32(nil), plain...)
	begin := now()
	plainSort(plain)
	between := now()
	forkedSort(forked)
	end := now()
	right := int64(1)
	for i := 1; i < len(forked); i++ {
		if forked[i-1] <= forked[i] && forked[i] == plain[i] {
			right++
		}
	}
	metric("ms", float64(end-between)/1e6)
	metric("ratio_to_c", float64(end-between)/float64(between-begin))
	check(right)
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

func runStall(s setup) {
	compute, hogs := int64(s.size(1e9, 1e8)), 2*s.workers
	const trial = 20e6
	state, steps := uint64(1), int64(0)
	for begin := now(); now()-begin < trial; steps += 10000 {
		for i := 0; i < 10000; i++ {
			random(&state)
		}
	}
	steps = steps * compute / trial
	var finished sync.WaitGroup
	var ended int64
	finished.Add(hogs)
	late := []int64{}
	done := make(chan bool)
	go func() {
		for atomic.LoadInt64(&ended) < int64(hogs) {
			deadline := now() + 1e6
			time.Sleep(time.Millisecond)
			late = append(late, now()-deadline)
		}
		close(done)
	}()
	for i := 0; i < hogs; i++ {
		go func(state uint64) {
			for i := int64(0); i < steps; i++ {
				random(&state)
			}
			if state != 0 {
				atomic.AddInt64(&ended, 1)
			}
			finished.Done()
		}(uint64(i + 1))
	}
	finished.Wait()
	<-done
	metric("late_p50_us", percentile(late, 50)/1e3)
	metric("late_p99_us", percentile(late, 99)/1e3)
	metric("late_max_us", percentile(late, 100)/1e3)
	check(ended)
}

// pinTo leaves the calling thread one of the first two processors that the process may use: 0 or 1.
func pinTo(index int) {
	var set, one [1024 / 8]byte // CPU masks as the kernel wants them
	size := unsafe.Sizeof(set)
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, size, uintptr(unsafe.Pointer(&set)))
	found := 0
	for i := 0; i < 8*len(set) && found <= index; i++ {
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
	pinTo(1)
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

// sendDatagrams is the process that sends, each a millisecond after it was told that the receiver
// sleeps: to the port in the environment.
func sendDatagrams(s setup) {
	runtime.LockOSThread()
	pinTo(1)
	sender, err := net.Dial("udp4", "127.0.0.1:"+os.Getenv(datagramPort))
	message := make([]byte, 100)
	if err == nil {
		_, err = sender.Write([]byte("here"))
	}
	for i := s.size(1000, 100); i > 0 && err == nil; i-- {
		if _, err = sender.Read(message); err == nil {
			pause := syscall.NsecToTimespec(1e6)
			for syscall.Nanosleep(&pause, &pause) == syscall.EINTR {
			}
			_, err = sender.Write(strconv.AppendInt(nil, time.Now().UnixNano(), 10))
		}
	}
	if err != nil {
		fail(exitFailed, "the sender: %v", err)
	}
}

const datagramPort = "SLEY_BENCH_DATAGRAM_PORT"

func runDatagram(s setup) {
	count := s.size(1000, 100)
	late := make([]int64, 0, count)
	message := make([]byte, 100)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	child := exec.Command("/proc/self/exe", append([]string{"datagram-sender"}, os.Args[2:]...)...)
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d", datagramPort, conn.LocalAddr().(*net.UDPAddr).Port))
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		fail(exitFailed, "%v", err)
	}
	_, sender, err := conn.ReadFromUDPAddrPort(message)
	for i := 0; i < count && err == nil; i++ {
		var size int
		if _, err = conn.WriteToUDPAddrPort([]byte("asleep"), sender); err == nil {
			size, _, err = conn.ReadFromUDPAddrPort(message)
		}
		received := time.Now().UnixNano()
		sent, _ := strconv.ParseInt(string(message[:size]), 10, 64)
		late = append(late, received-sent)
	}
	if err == nil {
		err = child.Wait()
	}
	if err != nil {
		fail(exitFailed, "datagrams: %v", err)
	}
	metric("us_p50", percentile(late, 50)/1e3)
	metric("us_p99", percentile(late, 99)/1e3)
	check(int64(len(late)))
}

// An item and its answer.
func pingPong(rounds int, begin func(cpu int)) (ns float64, done int64) {
	there, back, end := make(chan uint64), make(chan uint64), make(chan bool)
	go func() {
		begin(1)
		for i := 0; i < rounds; i++ {
			back <- <-there
		}
		end <- true
	}()
	go func() {
		begin(0)
		since := now()
		for i := uint64(0); i < uint64(rounds); i++ {
			there <- i
			if <-back == i {
				done++
			}
		}
		ns = perItem(since, rounds)
		end <- true
	}()
	<-end
	<-end
	return ns, done
}

func buffered(items int, begin func(cpu int)) (ns float64, done int64) {
	line, end := make(chan uint64, 128), make(chan bool)
	go func() {
		begin(1)
		for i := uint64(0); i < uint64(items); i++ {
			line <- i
		}
		end <- true
	}()
	go func() {
		begin(0)
		since := now()
		for i := uint64(0); i < uint64(items); i++ {
			if <-line == i {
				done++
			}
		}
		ns = perItem(since, items)
		end <- true
	}()
	<-end
	<-end
	return ns, done
}

func reportChannel(rounds, items int, begin func(cpu int)) {
	trip, trips := pingPong(rounds, begin)
	item, all := buffered(items, begin)
	metric("ns_per_round_trip", trip)
	metric("ns_per_item", item)
	check(trips + all)
}

func runChannel(s setup) {
	reportChannel(s.size(1000000, 100000), s.size(10000000, 1000000), func(int) {})
}

// Locked threads end with their goroutines.
func runAcross(s setup) {
	runtime.GOMAXPROCS(2)
	reportChannel(s.size(20000, 2000), s.size(10000000, 1000000), func(cpu int) {
		runtime.LockOSThread()
		pinTo(cpu)
	})
}

func runSelect(s setup) {
	count := s.size(500000, 50000)
	var stall [4]chan uint64
	for i := range stall {
		stall[i] = make(chan uint64)
		go func(out chan<- uint64) {
			for k := uint64(0); k < uint64(count); k++ {
				out <- k
			}
		}(stall[i])
	}
	var sum uint64
	begin := now()
	for i := 0; i < 4*count; i++ {
		select {
		case item := <-stall[0]:
			sum += item
		case item := <-stall[1]:
			sum += item
		case item := <-stall[2]:
			sum += item
		case item := <-stall[3]:
			sum += item
		}
	}
	metric("ns_per_item", perItem(begin, 4*count))
	if sum != 4*uint64(count)*uint64(count-1)/2 {
		fail(exitFailed, "the items come to %d", sum)
	}
	check(int64(4 * count))
}

// generate starts a goroutine that yields the numbers from 1 to count.
func generate(count int) <-chan uint64 {
	values := make(chan uint64)
	go func() {
		for n := uint64(1); n <= uint64(count); n++ {
			values <- n
		}
		close(values)
	}()
	return values
}

func runGenerator(s setup) {
	count := s.size(5000000, 500000)
	var finished sync.WaitGroup
	var taken atomic.Int64
	begin := now()
	for i := 0; i < s.workers; i++ {
		finished.Add(1)
		go func() {
			defer finished.Done()
			var sum uint64
			for n := range generate(count) {
				sum += n
			}
			if sum != uint64(count)*uint64(count+1)/2 {
				fail(exitFailed, "the values come to %d", sum)
			}
			taken.Add(int64(count))
		}()
	}
	finished.Wait()
	metric("ns_per_item", perItem(begin, count))
	check(taken.Load())
}

func runScope(s setup) {
	const children = 10
	count := s.size(100000, 10000)
	var ran atomic.Int64
	begin := now()
	for i := 0; i < count; i++ {
		var scope sync.WaitGroup
		scope.Add(children)
		for k := 0; k < children; k++ {
			go func() {
				ran.Add(1)
				scope.Done()
			}()
		}
		scope.Wait()
	}
	metric("ns_per_child", perItem(begin, count*children))
	check(ran.Load())
}

// tree is of goroutines that wait until they are told to stop: families of waiting ones, each with a
// parent, which waits for them.
type tree struct {
	leaves       int
	parked, told atomic.Int64
	ready        chan struct{} // closed when all leaves are parked
}

const family = 1000

func (t *tree) leaf(ctx context.Context) {
	if t.parked.Add(1) == int64(t.leaves) {
		close(t.ready)
	}
	<-ctx.Done()
	if ctx.Err() == context.Canceled {
		t.told.Add(1)
	}
}

func (t *tree) parent(above context.Context) {
	ctx, cancel := context.WithCancel(above)
	defer cancel()
	var children sync.WaitGroup
	children.Add(family)
	for i := 0; i < family; i++ {
		go func() {
			t.leaf(ctx)
			children.Done()
		}()
	}
	children.Wait()
}

func runCancel(s setup) {
	t := &tree{leaves: s.size(100000, 20000), ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	var parents sync.WaitGroup
	for i := 0; i < t.leaves/family; i++ {
		parents.Add(1)
		go func() {
			t.parent(ctx)
			parents.Done()
		}()
	}
	<-t.ready
	begin := now()
	cancel()
	parents.Wait()
	metric("ms", float64(now()-begin)/1e6*(100000/float64(t.leaves)))
	check(t.told.Load())
}

// eight runs a goroutine for each of the eight tasks of a row; ns for each of their operations.
func eight(operations int, task func()) float64 {
	var finished sync.WaitGroup
	begin := now()
	for i := 0; i < 8; i++ {
		finished.Add(1)
		go func() {
			task()
			finished.Done()
		}()
	}
	finished.Wait()
	return perItem(begin, 8*operations)
}

func runMutex(s setup) {
	count := s.size(1000000, 100000)
	var mutex sync.Mutex
	var counted int64
	metric("ns_per_op", eight(count, func() {
		for i := 0; i < count; i++ {
			mutex.Lock()
			counted++
			mutex.Unlock()
		}
	}))
	check(counted)
}

func runSemaphore(s setup) {
	count := s.size(100000, 20000)
	permits := make(chan struct{}, 4)
	var taken atomic.Int64
	metric("ns_per_op", eight(count, func() {
		for i := 0; i < count; i++ {
			permits <- struct{}{}
			runtime.Gosched()
			<-permits
		}
		taken.Add(int64(count))
	}))
	check(taken.Load())
}

func runFile(s setup) {
	count := int64(s.size(10000, 1000))
	where := os.Getenv("SLEY_BENCH_DIRECTORY")
	if where == "" {
		where = "/dev/shm"
	}
	directory, err := os.MkdirTemp(where, "peer-")
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	data := make([]byte, 1000)
	var next atomic.Int64
	var finished sync.WaitGroup
	begin := now()
	for i := 0; i < 64; i++ {
		finished.Add(1)
		go func() {
			for n := next.Add(1) - 1; n < count; n = next.Add(1) - 1 {
				temporary := fmt.Sprintf("%s/.%d.part", directory, n)
				err := os.WriteFile(temporary, data, 0666)
				if err == nil {
					err = os.Rename(temporary, fmt.Sprintf("%s/%d", directory, n))
				}
				if err != nil {
					fail(exitFailed, "%v", err)
				}
			}
			finished.Done()
		}()
	}
	finished.Wait()
	metric("us_per_file", perItem(begin, int(count))/1e3)
	whole := int64(0)
	for n := int64(0); n < count; n++ {
		status, err := os.Stat(fmt.Sprintf("%s/%d", directory, n))
		if err == nil && status.Size() == 1000 {
			whole++
		}
	}
	if err := os.RemoveAll(directory); err != nil {
		fail(exitFailed, "%v", err)
	}
	check(whole)
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
	{name: "stall", run: runStall},
	{name: "wake", run: runWake},
	{name: "datagram", run: runDatagram},
	{name: "datagram-sender", run: sendDatagrams, part: true},
	{name: "channel", run: runChannel},
	{name: "across", run: runAcross},
	{name: "select", run: runSelect},
	{name: "mutex", run: runMutex},
	{name: "semaphore", run: runSemaphore},
	{name: "generator", run: runGenerator},
	{name: "scope", run: runScope},
	{name: "cancel", run: runCancel},
	{name: "file", run: runFile},
	{name: "fork", run: runFork},
	{name: "nqueens", run: runQueens},
	{name: "uts", run: runUts},
	{name: "parallel_for", run: runParallelFor},
	{name: "sort", run: runSort},
	{name: "echo", run: runEcho},
	{name: "idle_connections", run: runIdleConnections},
	{name: "http_server", run: runHTTPServer},
	{name: "http_client", run: runHTTPClient},
	{name: "dns", run: runDNS},
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
	if os.Args[1] == "cpu-io" {
		runCPUIO(os.Args[2:])
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

// The rows in which Go is a server that sley-bench-load keeps busy.
//
// echo, idle_connections: a goroutine per connection with a buffer of its own, read and write: that
// is what a server looks like in Go. What waits in a read has its buffer: the language has no call
// that waits without one.
//
// With fewer workers than processors the server keeps to so many processors, as that of every peer;
// threads inherit that from the one that makes them, and the runtime has some before main() begins.
// So the program keeps itself there and then starts once more.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

const loadCPU = "SLEY_BENCH_LOAD_CPU" // in the second start: the load's processor

// A mask of processors as the kernel wants it.
type cpuSet [1024 / 8]byte

func (set *cpuSet) call(number uintptr) {
	_, _, errno := syscall.RawSyscall(number, 0, unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set)))
	if errno != 0 {
		fail(exitFailed, "cannot place the threads: %v", errno)
	}
}

// keepTo has the program run on the first `count` processors; the next one, or -1. It may start the
// program anew instead of returning.
func keepTo(count int) int {
	if text := os.Getenv(loadCPU); text != "" {
		cpu, _ := strconv.Atoi(text)
		return cpu
	}
	runtime.LockOSThread()
	var usable, mine cpuSet
	usable.call(syscall.SYS_SCHED_GETAFFINITY)
	spare := -1
	for cpu := 0; cpu < 8*len(usable) && spare < 0; cpu++ {
		bit := byte(1) << (cpu % 8)
		if usable[cpu/8]&bit == 0 {
			continue
		}
		if count == 0 {
			spare = cpu
			break
		}
		mine[cpu/8] |= bit
		count--
	}
	mine.call(syscall.SYS_SCHED_SETAFFINITY)
	os.Setenv(loadCPU, strconv.Itoa(spare))
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, os.Args, os.Environ())
	}
	fail(exitFailed, "cannot start anew: %v", err)
	return spare
}

// runLoad has the load do a row to the server at `port`, which is this process; its output is ours.
func runLoad(s setup, row string, port, cpu int) {
	path, err := os.Executable()
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	arguments := []string{row, strconv.Itoa(port), strconv.Itoa(os.Getpid()), strconv.Itoa(cpu)}
	if s.quick {
		arguments = append(arguments, "--quick")
	}
	load := exec.Command(filepath.Join(filepath.Dir(path), "sley-bench-load"), arguments...)
	load.Stdout, load.Stderr = os.Stdout, os.Stderr
	err = load.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		os.Exit(ended.ExitCode())
	}
	if err != nil {
		fail(exitFailed, "%v", err)
	}
}

func echoOn(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		size, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:size]); err != nil {
			return
		}
	}
}

// helperInput is kept from the garbage collector, which would close it.
var helperInput io.WriteCloser

// startHelper starts the program that is the load as a server, which ends with this process; its port.
func startHelper(arguments ...string) int {
	path, err := os.Executable()
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	helper := exec.Command(filepath.Join(filepath.Dir(path), "sley-bench-load"), arguments...)
	helper.Stderr = os.Stderr
	helperInput, err = helper.StdinPipe()
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	output, err := helper.StdoutPipe()
	if err == nil {
		err = helper.Start()
	}
	port := 0
	if err == nil {
		_, err = fmt.Fscan(output, &port)
	}
	if err != nil {
		if helper.Wait(); helper.ProcessState != nil && helper.ProcessState.ExitCode() == exitDeclined {
			os.Exit(exitDeclined) // it has said why
		}
		fail(exitFailed, "no %s: %v", arguments[0], err)
	}
	return port
}

func runEchoServer(s setup, row string) {
	cpu := keepTo(s.workers)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				fail(exitFailed, "accept: %v", err)
			}
			go echoOn(connection)
		}
	}()
	runLoad(s, row, listener.Addr().(*net.TCPAddr).Port, cpu)
}

func runEcho(s setup) {
	runEchoServer(s, "echo")
}

func runIdleConnections(s setup) {
	runEchoServer(s, "idle_connections")
}

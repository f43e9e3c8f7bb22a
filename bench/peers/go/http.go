// HTTP and names in Go: the standard library's server, client and resolver.
//
// http_server: net/http as it comes: a goroutine per connection.
//
// http_client: one http.Client, 64 goroutines; as many connections are kept for a host as there are
// goroutines, which is the one setting that everybody changes.
//
// dns: net.Resolver in Go itself (cgo is off, as nearly always), a socket per question. 1,000
// goroutines; the dot at the end of a name says that it is complete.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

func runHTTPServer(s setup) {
	processor := keepTo(s.workers)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(exitFailed, "%v", err)
	}
	hello := []byte("Hello, world!")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(hello)
	})
	go http.Serve(listener, handler)
	runLoad(s, "http_server", listener.Addr().(*net.TCPAddr).Port, processor)
}

// takeAll has `count` items taken by `takers` goroutines; how many were done well.
func takeAll(count, takers int, do func(n int) bool) int64 {
	var next, right atomic.Int64
	var finished sync.WaitGroup
	for i := 0; i < takers; i++ {
		finished.Add(1)
		go func() {
			for n := int(next.Add(1) - 1); n < count; n = int(next.Add(1) - 1) {
				if do(n) {
					right.Add(1)
				}
			}
			finished.Done()
		}()
	}
	finished.Wait()
	return right.Load()
}

func runHTTPClient(s setup) {
	const takers, fileSize = 64, 5000
	count := s.size(20000, 2000)
	url := "http://127.0.0.1:" + strconv.Itoa(startHelper("files")) + "/file"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: takers}}
	begin, used := now(), cpu()
	right := takeAll(count, takers, func(int) bool {
		response, err := client.Get(url)
		if err != nil {
			return false
		}
		size, err := io.Copy(io.Discard, response.Body)
		response.Body.Close()
		return err == nil && size == fileSize && response.StatusCode == 200
	})
	metric("ns_per_file", perItem(begin, count))
	metric("us_cpu_per_file", float64(cpu()-used)/float64(count)/1e3)
	check(right)
}

// question is the n-th name of bench/dns_rig.c: the name, its address, whether it exists.
func question(n int) (string, string, bool) {
	i := n / 2
	kind := "n"
	if n%2 != 0 {
		kind = "x"
	}
	return fmt.Sprintf("%s%d.bench.test.", kind, i), fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), n%2 == 0
}

func runDNS(s setup) {
	const takers = 1000
	count := s.size(100000, 10000)
	server := "127.0.0.1:" + strconv.Itoa(startHelper("names", strconv.Itoa(count)))
	var dialer net.Dialer
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, server)
	}}
	begin, used := now(), cpu()
	right := takeAll(count, takers, func(n int) bool {
		name, address, exists := question(n)
		found, err := resolver.LookupIP(context.Background(), "ip4", name)
		var why *net.DNSError
		if !exists {
			return errors.As(err, &why) && why.IsNotFound
		}
		return err == nil && len(found) == 1 && found[0].String() == address
	})
	metric("us_per_name", perItem(begin, count)/1e3)
	metric("us_cpu_per_name", float64(cpu()-used)/float64(count)/1e3)
	check(right)
}

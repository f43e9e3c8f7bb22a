// Downloads with net/http: as many goroutines as transfers, one transport, temporary names.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const tries = 6

var errFinal = errors.New("it makes no sense to try again")

type entry struct{ url, name string }

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func readList(path string) []entry {
	file, err := os.Open(path)
	if err != nil {
		fail(err)
	}
	defer file.Close()
	var entries []entry
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		url, name, _ := strings.Cut(lines.Text(), "\t")
		entries = append(entries, entry{url, name})
	}
	return entries
}

func newClient(row string, parallel int, authority string) *http.Client {
	transport := &http.Transport{MaxIdleConns: parallel, MaxIdleConnsPerHost: parallel, DisableCompression: true}
	if row == "tls" || row == "http2" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			fail(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
		transport.ForceAttemptHTTP2 = row == "http2"
	}
	return &http.Client{Transport: transport}
}

// One attempt.
func save(client *http.Client, e entry) error {
	answer, err := client.Get(e.url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusServiceUnavailable {
		return errors.New("the server is busy")
	}
	if answer.StatusCode != http.StatusOK {
		return errFinal
	}
	part := "." + e.name + ".part"
	file, err := os.Create(part)
	if err != nil {
		return errFinal
	}
	_, err = io.Copy(file, answer.Body)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part, e.name)
	}
	return err
}

func download(client *http.Client, e entry) bool {
	for attempt := 1; ; attempt++ {
		err := save(client, e)
		if err == nil || err == errFinal || attempt == tries {
			return err == nil
		}
		time.Sleep(time.Second)
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		fmt.Println("small\ntmpfs\nmany\nbig\ntls\nhttp2\nhosts\nactive")
		return
	}
	row, lists, authority := os.Args[2], os.Args[3], os.Args[5]
	parallel, err := strconv.Atoi(os.Args[4])
	if err != nil {
		fail(err)
	}
	entries := readList(filepath.Join(lists, "tsv"))
	client := newClient(row, parallel, authority)
	var next, failed atomic.Int64
	var all sync.WaitGroup
	for i := 0; i < parallel; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for at := next.Add(1) - 1; at < int64(len(entries)); at = next.Add(1) - 1 {
				if !download(client, entries[at]) {
					failed.Add(1)
				}
			}
		}()
	}
	all.Wait()
	if failed.Load() > 0 {
		os.Exit(1)
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connection is a client with one connection that it keeps. It knows just
// enough of HTTP/1.1 to cost little: what the load generator needs, the servers
// on the same computer lack.
type connection struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

type answer struct {
	status   int
	location string
	body     []byte
}

const answerTimeout = 20 * time.Second

// do sends a request and reads the answer.
func (c *connection) do(request []byte) (answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, answerTimeout)
		if err != nil {
			return answer{}, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(answerTimeout))
	_, err := c.conn.Write(request)
	if err != nil {
		c.close()
		return answer{}, err
	}
	a, err := readAnswer(c.in)
	if err != nil {
		c.close()
	}
	return a, err
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func readAnswer(in *bufio.Reader) (answer, error) {
	var a answer
	line, err := in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return a, fmt.Errorf("no status line: %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, err
	}
	length, chunked := 0, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		switch string(name) {
		case "":
			a.body, err = readBody(in, length, chunked)
			return a, err
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return a, err
			}
		case "Transfer-Encoding":
			chunked = true
		case "Location":
			a.location = string(value)
		}
	}
}

func readBody(in *bufio.Reader, length int, chunked bool) ([]byte, error) {
	if !chunked {
		body := make([]byte, length)
		_, err := io.ReadFull(in, body)
		return body, err
	}
	var body []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return nil, err
		}
		chunk := make([]byte, size+2) // with the line break behind it
		if _, err := io.ReadFull(in, chunk); err != nil || size == 0 {
			return body, err
		}
		body = append(body, chunk[:size]...)
	}
}

// get and post write requests down.
func get(path string, headers ...string) []byte { return write("GET", path, headers, "") }

func post(path string, form url.Values, headers ...string) []byte {
	return write("POST", path, append(headers, "Content-Type: application/x-www-form-urlencoded"), form.Encode())
}

func write(method, path string, headers []string, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n", method, path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// basic is the Authorization header of a seeded client.
func basic(id string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+id+"-secret"))
}

// expect is the error of an answer with another status.
func (a answer) expect(status int) error {
	if a.status != status {
		return fmt.Errorf("status %d, expected %d: %.200s", a.status, status, a.body)
	}
	return nil
}

// operation is what is counted: one request, or several that belong together.
type operation func() error

// same repeats one request.
func same(c *connection, request []byte, status int) operation {
	return func() error {
		a, err := c.do(request)
		return errors.Join(err, a.expect(status))
	}
}

// side is a server under load: the thing itself, or its ceiling.
type side struct {
	server *process
	client makeClient
}

// load is what came of a run.
type load struct {
	perSecond float64
	cpu       float64 // microseconds of the server per operation
	errors    int
	first     error
}

// run lets a number of connections repeat their operation until the time is
// over, or until so many were done; 0 means no such limit.
func (s side) run(connections int, duration time.Duration, limit int64) load {
	var done, failed atomic.Int64
	var first error
	var once sync.Once
	fail := func(err error) {
		failed.Add(1)
		once.Do(func() { first = err })
	}
	operations := make([]operation, connections)
	for i := range operations {
		c := &connection{address: s.server.address}
		defer c.close()
		operation, err := s.client(c)
		if err == nil {
			err = operation() // the connection is open, the code is warm
		}
		if err != nil {
			fail(err)
			continue
		}
		operations[i] = operation
	}
	var over atomic.Bool
	if duration > 0 {
		defer time.AfterFunc(duration, func() { over.Store(true) }).Stop()
	}
	var all sync.WaitGroup
	start, used := time.Now(), s.server.cpu()
	for _, operation := range operations {
		if operation == nil {
			continue
		}
		all.Go(func() {
			for !over.Load() && (limit == 0 || done.Load() < limit) {
				if err := operation(); err != nil {
					fail(err)
					continue
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	n := max(1, float64(done.Load()))
	return load{n / time.Since(start).Seconds(), float64((s.server.cpu() - used).Microseconds()) / n, int(failed.Load()), first}
}

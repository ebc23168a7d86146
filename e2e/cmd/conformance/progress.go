package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// progressEvery is how often it is said how far the suite is.
const progressEvery = 30 * time.Second

// progress counts the specs of which the suite has printed the end.
type progress struct {
	done, failed, skipped int
}

// tellProgress reads the suite's output to its end and tells how far it is.
func tellProgress(output io.Reader, out io.Writer, subject string) error {
	lines, ended := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		ended <- readLines(output, lines)
	}()
	var p progress
	started := time.Now()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return <-ended
			}
			p.count(line)
			if strings.HasPrefix(line, "Ran ") || strings.HasPrefix(line, "Will run ") {
				_, _ = fmt.Fprintf(out, "%s: %s", subject, line)
			}
		case <-ticker.C:
			_, _ = fmt.Fprintf(out, "%s: %s, %d specs done, %d of them failed, %d skipped themselves\n",
				subject, time.Since(started).Round(time.Second), p.done, p.failed, p.skipped)
		}
	}
}

func readLines(output io.Reader, lines chan<- string) error {
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			lines <- line
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read what the suite prints: %w", err)
		}
	}
}

// count looks for the line with which ginkgo begins what it prints of a spec.
func (p *progress) count(line string) {
	switch {
	case strings.HasPrefix(line, "S [SKIPPED]"):
		p.skipped++
	case strings.HasPrefix(line, "• ["):
		p.done++
		// A spec that passed has its duration there.
		if outcome := line[len("• ["):]; outcome != "" && (outcome[0] < '0' || outcome[0] > '9') {
			p.failed++
		}
	}
}

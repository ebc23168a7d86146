package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// readEvery is how often a log is read. Every second one is followed, and whoever
	// follows goes away in the middle.
	readEvery = 2 * time.Second
	followFor = time.Second
	// maxLog is how much of a log is read, in bytes.
	maxLog = 4096
)

// reads reads logs of pods on the virtual node, through its kubelet API.
func (l *load) reads(ctx context.Context) error {
	for turn := 0; pause(ctx, readEvery); turn++ {
		pod, found := l.world.shows(stream{l.home(), bareApp})
		if !found {
			continue
		}
		err := l.readsOf(ctx, pod, turn%2 == 1)
		switch {
		case ctx.Err() != nil || apierrors.IsNotFound(err):
			continue
		case err != nil:
			_ = l.fails(ctx, fmt.Errorf("cannot read the log of pod %s/%s: %w", pod.namespace, pod.name, err))
			l.notes(func(t *tally) { t.logFailures++ })
			continue
		}
		l.notes(func(t *tally) { t.logs++ })
	}
	return nil
}

func (l *load) readsOf(ctx context.Context, pod ref, follow bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	options := &corev1.PodLogOptions{Container: "app", Follow: follow}
	log, err := l.upstream.CoreV1().Pods(pod.namespace).GetLogs(pod.name, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	text := make([]byte, maxLog)
	n, err := io.ReadAtLeast(log, text, len("all is well"))
	if err != nil {
		return err
	}
	if !strings.Contains(string(text[:n]), "all is well") {
		return fmt.Errorf("it says %q", text[:n])
	}
	if follow {
		pause(ctx, followFor)
	}
	return nil
}

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// firstFrame is how long an event may be before more memory is asked for, bytes.
const firstFrame = 4 << 10

// events is the body of a watch. It passes events on one by one, whole, so that
// one more can be put behind the last.
type events struct {
	ctx    context.Context
	info   runtime.SerializerInfo
	source io.ReadCloser
	frames io.Reader // of source

	ready bytes.Buffer // what Read returns next
	err   error        // what Read returns after that

	// initial are the events of a streaming list that is to be shortened, gathered
	// up to its end.
	gathers bool
	missing float64
	initial [][]byte
}

// newEvents reads the events of a watch that ends with ctx. Of a streaming list the
// share missing is left off.
func newEvents(ctx context.Context, response *http.Response, x *exchange) (*events, error) {
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("cannot read a watch: %w", err)
	}
	info, known := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), mediaType)
	if !known || info.StreamSerializer == nil {
		return nil, fmt.Errorf("cannot read a watch of the media type %q", mediaType)
	}
	return &events{
		ctx: ctx, info: info, source: response.Body, frames: info.StreamSerializer.NewFrameReader(response.Body),
		gathers: x.streams && x.verdict.missing > 0, missing: x.verdict.missing,
	}, nil
}

// Read returns events. An expired watch has one more of its own.
func (e *events) Read(p []byte) (int, error) {
	for e.ready.Len() == 0 && e.err == nil {
		frame, err := readFrame(e.frames)
		if errors.Is(context.Cause(e.ctx), errExpired) {
			e.expire()
		} else if err != nil {
			e.err = err
		} else {
			e.err = e.take(frame)
		}
	}
	if e.ready.Len() > 0 {
		return e.ready.Read(p)
	}
	return 0, e.err
}

// Close ends the watch.
func (e *events) Close() error { return e.source.Close() }

func (e *events) expire() {
	last, err := expiredEvent(e.info)
	e.ready.Write(last)
	if e.err = err; err == nil {
		e.err = io.EOF
	}
}

// take has an event passed on, or gathers it.
func (e *events) take(frame []byte) error {
	if !e.gathers {
		return e.pass(frame)
	}
	var event metav1.WatchEvent
	if _, _, err := e.info.StreamSerializer.Decode(frame, nil, &event); err != nil {
		return fmt.Errorf("cannot read an event: %w", err)
	}
	if event.Type == string(watch.Added) {
		e.initial = append(e.initial, frame)
		return nil
	}
	// The end is a bookmark with an annotation, whose key is in it literally in
	// whatever encoding.
	if event.Type == string(watch.Bookmark) && bytes.Contains(event.Object.Raw, []byte(metav1.InitialEventsAnnotationKey)) {
		e.gathers = false
		for _, one := range e.initial[:kept(len(e.initial), e.missing)] {
			if err := e.pass(one); err != nil {
				return err
			}
		}
		e.initial = nil
	}
	return e.pass(frame)
}

func (e *events) pass(frame []byte) error {
	_, err := e.info.StreamSerializer.NewFrameWriter(&e.ready).Write(frame)
	if e.info.EncodesAsText {
		e.ready.WriteByte('\n')
	}
	return err
}

// readFrame returns the next frame whole.
func readFrame(frames io.Reader) ([]byte, error) {
	buffer := make([]byte, firstFrame)
	for filled := 0; ; {
		n, err := frames.Read(buffer[filled:])
		filled += n
		if errors.Is(err, io.ErrShortBuffer) {
			buffer = append(buffer, make([]byte, len(buffer))...)
			continue
		}
		return buffer[:filled], err
	}
}

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// kept is how many of n items are left when a share of them is missing.
func kept(n int, missing float64) int {
	return max(0, n-int(math.Ceil(float64(n)*missing)))
}

// askForWholeJSON changes a request for a list so that its answer can be shortened.
func askForWholeJSON(r *http.Request) {
	var accepted []string
	for _, header := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(header, ",") {
			mediaType, _, err := mime.ParseMediaType(one)
			if err == nil && mediaType == runtime.ContentTypeJSON {
				accepted = append(accepted, strings.TrimSpace(one))
			}
		}
	}
	if len(accepted) == 0 {
		accepted = []string{runtime.ContentTypeJSON}
	}
	r.Header.Set("Accept", strings.Join(accepted, ","))
	query := r.URL.Query()
	query.Del("limit")
	r.URL.RawQuery = query.Encode()
}

// shorten takes a share of the items off the end of a list, and all that tells of it.
func shorten(response *http.Response, missing float64) error {
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("cannot read a list: %w", err)
	}
	short, err := shortened(body, missing)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(short))
	response.ContentLength = int64(len(short))
	response.Header.Set("Content-Length", strconv.Itoa(len(short)))
	return nil
}

func shortened(list []byte, missing float64) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(list, &fields); err != nil {
		return nil, fmt.Errorf("cannot shorten a list: %w", err)
	}
	for _, key := range []string{"items", "rows"} { // a Table has rows
		if fields[key] == nil {
			continue
		}
		var items []json.RawMessage
		if err := json.Unmarshal(fields[key], &items); err != nil {
			return nil, fmt.Errorf("cannot shorten the %s of a list: %w", key, err)
		}
		left, err := json.Marshal(append([]json.RawMessage{}, items[:kept(len(items), missing)]...))
		if err != nil {
			return nil, fmt.Errorf("cannot shorten the %s of a list: %w", key, err)
		}
		fields[key] = left
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(fields["metadata"], &metadata); err != nil {
		return nil, fmt.Errorf("cannot shorten a list: %w", err)
	}
	delete(metadata, "continue")
	delete(metadata, "remainingItemCount")
	var err error
	if fields["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, fmt.Errorf("cannot shorten a list: %w", err)
	}
	return json.Marshal(fields)
}

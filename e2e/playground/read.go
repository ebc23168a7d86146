package playground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Read returns what a URL answers with status 200; other answers are errors.
func Read(ctx context.Context, url string) (_ string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", url, response.Status)
	}
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// KeepProfile writes a profile of a process into a file. server is the base URL of its
// --profile-address, and what is one of Go's below /debug/pprof, such as heap?gc=1.
func KeepProfile(ctx context.Context, server, what, file string) error {
	text, err := Read(ctx, server+"/debug/pprof/"+what)
	if err != nil {
		return fmt.Errorf("cannot take a profile: %w", err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot keep a profile: %w", err)
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

// full is a device without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"get", "is", "--help"}, {"completion", "bash"}} {
		var stderr bytes.Buffer
		code := run(t.Context(), &app{stdout: full{}, stderr: &stderr, now: clock}, args)
		if code != exitFailed || stderr.String() != "error: no space left\n" {
			t.Errorf("%s: exit code %d, %q", args, code, &stderr)
		}
	}
}

func TestInterrupted(t *testing.T) {
	server := httptest.NewServer(gitHTTP(t.TempDir()))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	code := run(ctx, &app{stdout: &stderr, stderr: &stderr, now: clock}, strings.Fields("sync --branch main --repo "+server.URL+"/apps.git"))
	if code != exitFailed || stderr.String() != "error: interrupted\n" {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
}

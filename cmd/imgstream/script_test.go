package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// clock is when every script runs.
func clock() time.Time { return time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC) }

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"imgstream": func() {
			os.Exit(run(context.Background(), &app{stdout: os.Stdout, stderr: os.Stderr, now: clock}, os.Args[1:]))
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Setup:         setup,
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// setup makes git the same everywhere, whatever the machine's configuration.
func setup(e *testscript.Env) error {
	date := clock().Format(time.RFC3339)
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	e.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		e.Setenv("GIT_"+who+"_NAME", "Ada")
		e.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
		e.Setenv("GIT_"+who+"_DATE", date)
	}
	return nil
}

// Package kill_test kills a daemon with SIGKILL, at named points and at random times, while
// tags move and people commit, and holds that it makes no difference. The daemon is this
// test binary, run again: a Loop over a real git server and a registry, both in the parent.
package kill_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

var (
	kills = flag.Int("kills", 0, "how often the daemon is killed (default: the environment's KILLS, else 200)")
	seed  = flag.Uint64("seed", 1, "of the order of events")
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil && *kills == 0 {
		*kills = n
	}
	if *kills == 0 {
		*kills = 200
	}
	os.Exit(m.Run())
}

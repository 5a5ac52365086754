package plan_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain has the properties searched from one seed, so that a run says about the code
// what the last one said. make soak searches far, from another seed each time.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" {
		if err := seed.Value.Set("1"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

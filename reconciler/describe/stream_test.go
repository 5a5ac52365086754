package describe

import "testing"

func TestStream(t *testing.T) {
	tree := treeOf(t, "describe.txtar")
	for _, s := range tree.Streams {
		golden(t, "describe-"+s.Name+".txt", Stream(tree, s, now))
	}
}

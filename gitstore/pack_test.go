package gitstore

import (
	"bytes"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What a pack holds, go-git's reader gives back, also where it was compressed
// for an earlier one.
func TestPack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p packer
		st := newStaging(nil)
		var order []plumbing.Hash
		for range 3 {
			for _, data := range rapid.SliceOfN(rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40), rapid.SliceOfN(rapid.Byte(), 2040, 2060)), 1, 4).Draw(t, "blobs") {
				known := len(st.Objects)
				if h := st.write(plumbing.BlobObject, data); len(st.Objects) > known {
					order = append(order, h)
				}
			}
			pack, err := p.pack(order, st)
			if err != nil {
				t.Fatal(err)
			}
			got := newStaging(nil)
			if err := unpack(bytes.NewReader(pack), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(blobs(t, st), blobs(t, got)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func blobs(t *rapid.T, st *staging) map[string]string {
	all := map[string]string{}
	for h, obj := range st.Objects {
		data, err := content(obj)
		if err != nil {
			t.Fatal(err)
		}
		all[h.String()] = string(data)
	}
	return all
}

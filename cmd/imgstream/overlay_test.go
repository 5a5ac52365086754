package main

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// What lies over a tree shows as if it were one.
func TestOverlay(t *testing.T) {
	o := overlay{
		under: fstest.MapFS{"a/b": {Data: []byte("1")}, "a/gone": {Data: []byte("2")}, "c": {Data: []byte("3")}},
		files: map[string][]byte{"a/b": []byte("new"), "a/gone": nil, "a/d/e": []byte("4"), "f": []byte("5"), "x/y": nil},
	}
	got := map[string]string{}
	dirs := []string{"."}
	for len(dirs) > 0 {
		entries, err := fs.ReadDir(o, dirs[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := e.Name()
			if dirs[0] != "." {
				name = dirs[0] + "/" + name
			}
			info, err := fs.Stat(o, name)
			if err != nil || info.IsDir() != e.IsDir() {
				t.Fatal(name, info, err)
			}
			if e.IsDir() {
				dirs = append(dirs, name)
				continue
			}
			data, err := fs.ReadFile(o, name)
			if err != nil || int64(len(data)) != info.Size() {
				t.Fatal(name, err)
			}
			got[name] = string(data)
		}
		dirs = slices.Delete(dirs, 0, 1)
	}
	if diff := cmp.Diff(map[string]string{"a/b": "new", "a/d/e": "4", "c": "3", "f": "5"}, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"x", "x/y", "a/gone"} {
		if _, err := o.Stat(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

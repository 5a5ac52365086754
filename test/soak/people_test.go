package soak_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/test/internal/fixture"
	"github.com/imgstream/imgstream/test/internal/ledger"
)

// disturb is what happens between two passes. The first stream flaps between two images
// all the time; to the others happens everything.
func (w *world) disturb(t *testing.T) {
	t.Helper()
	w.flap(t)
	for range w.random.IntN(6) {
		w.move(t, w.one())
	}
	switch w.random.IntN(5) {
	case 0:
		w.note(t)
	case 1:
		w.takeBack(t, w.one())
	case 2:
		w.breakFile(t, w.one())
	}
	rates := []int{0, 0, 40, 12, 4}
	var race func()
	if w.random.IntN(3) == 0 {
		race = func() { w.note(t) }
	}
	w.faults.set(rates[w.random.IntN(len(rates))], rates[w.random.IntN(len(rates))], race)
}

// one is any stream but the one that flaps.
func (w *world) one() fixture.Stream { return w.streams[1+w.random.IntN(len(w.streams)-1)] }

// flap puts the image before the last under the tag of the first stream.
func (w *world) flap(t *testing.T) {
	t.Helper()
	s := w.streams[0]
	if len(w.images[s.Name]) < 2 {
		w.move(t, s)
	}
	has := w.images[s.Name]
	slices.Reverse(has)
	if err := w.registry.Point(t.Context(), s.Repository, "1.0", has[1]); err != nil {
		t.Fatal(err)
	}
	w.books.Flaps(s, has[1])
}

// resume does what imgstream resume does to the tag that flaps, where that paused itself.
func (w *world) resume(t *testing.T, problems []stream.Problem) bool {
	t.Helper()
	if !slices.ContainsFunc(problems, func(p stream.Problem) bool {
		return strings.Contains(p.Message, "went back to a digest of the last hour")
	}) {
		return false
	}
	w.resumed++
	path := stream.StatusPath(stream.DefaultSettings().Streams.StatusDirectory, stream.Ref{Namespace: w.streams[0].Namespace, Name: w.streams[0].Name, Tag: "1.0"})
	w.push(t, func(tip string) (map[string]string, error) {
		text, err := w.repo.File(t.Context(), tip, path)
		before, rest, _ := strings.Cut(text, "conditions:\n")
		_, pending, waits := strings.Cut(rest, "pending:\n")
		if waits {
			before += "pending:\n" + pending
		}
		return map[string]string{path: before}, err
	})
	return true
}

// note adds a file.
func (w *world) note(t *testing.T) {
	t.Helper()
	w.count++
	text := fmt.Sprintf("note %d\n", w.count)
	w.push(t, func(string) (map[string]string, error) {
		return map[string]string{fmt.Sprintf("notes/%d.md", w.count%20): text}, nil
	})
}

func (w *world) push(t *testing.T, edit func(tip string) (map[string]string, error)) {
	t.Helper()
	commit, err := w.repo.Push(t.Context(), "a person's change", edit)
	if err != nil {
		t.Error(err)
		return
	}
	w.books.Person(commit)
}

// takeBack reverts the import of what the registry still serves, where it is one stream's.
func (w *world) takeBack(t *testing.T, s fixture.Stream) {
	t.Helper()
	if !w.books.Quiet(s) || w.isBroken(s) {
		return
	}
	digest := w.books.Latest(s)
	head, err := ledger.Head(t.Context(), w.repo, s)
	if err != nil || head != digest {
		return // not imported yet
	}
	commit, err := ledger.Import(t.Context(), w.repo, digest)
	if err != nil {
		t.Fatal(err)
	}
	message, err := w.repo.Git(t.Context(), "log", "-1", "--format=%B", commit)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(message, "\nImage-Stream: ") != 1 {
		return
	}
	reverted, err := w.repo.Revert(t.Context(), commit)
	if err = tolerate(err); err != nil {
		t.Fatal(err)
	}
	if reverted != "" {
		w.books.Person(reverted)
		w.books.TookBack(s, digest)
	}
}

// breakable are the files of a stream, each with what a person makes of it.
func breakable(s fixture.Stream) map[string]string {
	return map[string]string{
		s.Spec:                       "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: [\n",
		s.Kustomization:              "images: {\n",
		ledger.StatusPath(s, "1.0"):  "<<<<<<< HEAD\nitems:\n",
		ledger.StatusPath(s, "live"): "kind: ImageStreamTagStatus\nitems: 7\n",
	}
}

func (w *world) isBroken(s fixture.Stream) bool {
	for path := range breakable(s) {
		if w.broken[path] != "" {
			return true
		}
	}
	return false
}

// breakFile has a person break one of the files of a stream.
func (w *world) breakFile(t *testing.T, s fixture.Stream) {
	t.Helper()
	if w.isBroken(s) {
		return
	}
	wrong := breakable(s)
	paths := slices.Sorted(maps.Keys(wrong))
	path := paths[w.random.IntN(len(paths))]
	w.push(t, func(tip string) (map[string]string, error) {
		text, err := w.repo.File(t.Context(), tip, path)
		w.broken[path] = text
		return map[string]string{path: wrong[path]}, err
	})
}

// mend puts back what people broke.
func (w *world) mend(t *testing.T) {
	t.Helper()
	if len(w.broken) > 0 {
		was := maps.Clone(w.broken)
		w.push(t, func(string) (map[string]string, error) { return was, nil })
	}
	clear(w.broken)
}

package describe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/imgstream/imgstream/reconciler/stream"
)

var historyTag = stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"}

var ann = Author{Name: "Ann", Email: "ann@example.com"}

func digest(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

// item is what a script calls "a1": image a, recorded in the first hour.
func item(name string) stream.Item {
	return stream.Item{
		Image: digest(name[:1]), DockerImageReference: "quay.io/keycloak/keycloak@" + digest(name[:1]),
		Created: fmt.Sprintf("2026-11-20T%02s:00:00Z", name[1:]), From: "quay.io/keycloak/keycloak:25.0." + name[1:], Cause: stream.CauseImport,
	}
}

// version is a commit that leaves the file with items, newest first: "b2 a1". "gone" is
// no file, "bad" one that cannot be read. What follows a bar is the commit's message.
func version(n int, script string) Version {
	script, message, _ := strings.Cut(script, "|")
	v := Version{
		Commit: fmt.Sprintf("%040x", n), When: time.Date(2026, 11, 20, n, 0, 0, 0, time.FixedZone("", 3600)),
		Author: ann, Message: strings.ReplaceAll(message, "; ", "\n"),
	}
	switch strings.TrimSpace(script) {
	case "gone":
	case "bad":
		v.Status = []byte("<<<<<<< HEAD\n")
	default:
		st := stream.Status{Ref: historyTag, Source: &stream.Source{Kind: stream.KindDockerImage, Name: "quay.io/keycloak/keycloak:25.0"}}
		for name := range strings.FieldsSeq(script) {
			st.Items = append(st.Items, item(name))
		}
		v.Status = st.Encode()
	}
	return v
}

// The versions go oldest first; the moves as well: commit, digest, cause.
func TestHistoryOf(t *testing.T) {
	for name, tt := range map[string]struct {
		versions []string
		want     string
	}{
		"moves":                          {[]string{"a1", "b2 a1", "c3 b2 a1"}, "1a import, 2b import, 3c import"},
		"dropped beyond the limit":       {[]string{"b2 a1", "c3 b2", "d4 c3"}, "1a import, 1b import, 2c import, 3d import"},
		"back to an older digest anew":   {[]string{"a1", "b2 a1", "a3 b2 a1"}, "1a import, 2b import, 3a import"},
		"revert":                         {[]string{"a1", "b2 a1", "a1"}, "1a import, 2b import, 3a revert"},
		"revert brings an item back":     {[]string{"a1", "b2 a1", "c3 b2", "b2 a1"}, "1a import, 2b import, 3c import, 4b revert"},
		"revert, then another":           {[]string{"a1", "b2 a1", "a1", "c3 a1"}, "1a import, 2b import, 3a revert, 4c import"},
		"revert of a revert":             {[]string{"a1", "b2 a1", "a1", "b2 a1"}, "1a import, 2b import, 3a revert, 4b revert"},
		"revert of the first":            {[]string{"a1", ""}, "1a import, 2- revert"},
		"deleted":                        {[]string{"a1", "gone"}, "1a import, 2- delete"},
		"deleted, rejected":              {[]string{"a1", "gone", ""}, "1a import, 2- delete"},
		"deleted, restored":              {[]string{"b2 a1", "gone", "b2 a1"}, "1a import, 1b import, 2- delete, 3b revert"},
		"deleted, imported again":        {[]string{"a1", "gone", "a2"}, "1a import, 2- delete, 3a import"},
		"several at once":                {[]string{"a1", "d4 c3 b2 a1"}, "1a import, 2b import, 2c import, 2d import"},
		"several at once, one a return":  {[]string{"a1", "b2 a1", "a1", "c3 b2 a1"}, "1a import, 2b import, 3a revert, 4c import"},
		"no digest yet":                  {[]string{"", "a1"}, "2a import"},
		"conditions alone":               {[]string{"a1", "a1", "a1"}, "1a import"},
		"written by hand in between":     {[]string{"a1", "bad", "b2 a1"}, "1a import, 3b import"},
		"broken, restored":               {[]string{"a1", "bad", "a1"}, "1a import"},
		"broken all the time":            {[]string{"bad"}, ""},
		"rollback by its trailer":        {[]string{"a1", "b2 a1", "a1|x; ; Image-Stream: sso/keycloak; Image-Stream-Tag: 25.0 " + digest("b") + " " + digest("a") + "; Image-Stream-Cause: rollback"}, "1a import, 2b import, 3a rollback"},
		"a trailer of another tag":       {[]string{"a1", "b2 a1", "a1|x; ; Image-Stream: sso/keycloak; Image-Stream-Tag: latest " + digest("b") + " " + digest("a") + "; Image-Stream-Cause: rollback"}, "1a import, 2b import, 3a revert"},
		"a trailer does not beat a item": {[]string{"a1", "b2 a1|x; ; Image-Stream: sso/keycloak; Image-Stream-Tag: 25.0 - " + digest("b") + "; Image-Stream-Cause: rollback"}, "1a import, 2b import"},
	} {
		t.Run(name, func(t *testing.T) {
			var versions []Version
			bad := 0
			for i, script := range tt.versions {
				versions = append([]Version{version(i+1, script)}, versions...)
				if script == "bad" {
					bad++
				}
			}
			h, notices := HistoryOf(historyTag, versions)
			var got []string
			for _, m := range h.Moves {
				letter := "-"
				if m.Digest != "" {
					letter = m.Digest[7:8]
				}
				got = append([]string{strings.TrimLeft(m.Commit, "0") + letter + " " + m.Cause}, got...)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
			if len(notices) != bad {
				t.Errorf("%d notices for %d bad files: %q", len(notices), bad, notices)
			}
		})
	}
}

func TestHistoryNotices(t *testing.T) {
	newer := version(2, "a1")
	newer.Status = []byte(strings.Replace(string(newer.Status), "imgstream.dev/v1", "imgstream.dev/v2", 1))
	_, got := HistoryOf(historyTag, []Version{newer, version(1, "bad")})
	want := []string{
		"the status file of sso/keycloak:25.0 at commit 0000000 does not count: line 1: the document is not a mapping (write it as a mapping of keys and values)",
		"the status file of sso/keycloak:25.0 at commit 0000000 does not count: line 2: apiVersion imgstream.dev/v2: written by a newer imgstream; left alone",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryText(t *testing.T) {
	commit := func(n int, letter string) string { return fmt.Sprintf("%s%039x", letter, n) }
	h := History{Tag: historyTag.String(), Moves: []Move{
		{When: "2026-11-20T11:58:00Z", Cause: "delete", Commit: commit(6, "f"), Author: ann},
		{Digest: digest("b"), When: "2026-11-20T11:00:00Z", Cause: "revert", From: "quay.io/keycloak/keycloak:25.0.3", Commit: commit(5, "e"), Author: Author{Name: "Zoë\x1b[31m\tEvil\n"}},
		{Digest: digest("c"), When: "2026-11-20T10:00:00Z", Cause: "tag", From: "sso/keycloak@" + digest("c"), Commit: commit(4, "d"), Author: ann},
		{Digest: digest("d"), When: "2026-11-19T10:00:00Z", Cause: "follow", From: "build/keycloak:25.0", Commit: commit(3, "c"), Author: Author{Email: "x@example.com"}},
		{Digest: digest("e"), When: "2026-10-20T10:00:00Z", Cause: "adopt", From: "quay.io/keycloak/keycloak", Commit: commit(2, "b"), Author: ann},
	}}
	golden(t, "history.txt", h.Table(now))
	j, err := JSON(h)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "history.json", j)
}

// An export's items have no source of their own.
func TestHistoryOfAnAdoptedItem(t *testing.T) {
	st := stream.Status{Ref: historyTag, Items: []stream.Item{item("a1")}}
	st.Items[0].From, st.Items[0].Cause = "", stream.CauseAdopt
	v := version(1, "gone")
	v.Status = st.Encode()
	got, _ := HistoryOf(historyTag, []Version{v})
	want := History{Tag: "sso/keycloak:25.0", Moves: []Move{{
		Digest: digest("a"), When: "2026-11-20T00:00:00Z", Cause: "adopt", From: "quay.io/keycloak/keycloak", Commit: v.Commit, Author: ann,
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the tag did: the moves of each commit lead to what its file says, so that
// the newest move is what consumers get now; and no digest of any file is left out.
func TestHistoryIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 20).Draw(t, "steps")
		var names []string // the items now, newest first
		var versions []Version
		digests := map[string]bool{}
		for i, step := range steps {
			switch {
			case step < 3 || len(names) == 0:
				names = append([]string{fmt.Sprintf("%c%02d", 'a'+step%3, i)}, names...)
			case step == 3:
				names = names[1:]
			case step == 4:
				names = names[:1]
			case step == 5:
				names = append([]string{fmt.Sprintf("e%02d", i), fmt.Sprintf("f%02d", i)}, names...)
			default:
				names = nil
			}
			for _, n := range names {
				digests[digest(n[:1])] = true
			}
			versions = append([]Version{version(i+1, strings.Join(names, " "))}, versions...)
		}
		h, _ := HistoryOf(historyTag, versions)
		at := map[string]string{} // the digest that the newest move of a commit leads to
		for _, m := range h.Moves {
			if _, ok := at[m.Commit]; !ok {
				at[m.Commit] = m.Digest
			}
			delete(digests, m.Digest)
		}
		head := ""
		for _, v := range slices.Backward(versions) {
			if to, moved := at[v.Commit]; moved {
				head = to
			}
			st, err := stream.ParseStatus(v.Status)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if len(st.Items) > 0 {
				want = st.Items[0].Image
			}
			if head != want {
				t.Fatalf("at %s the history is at %q, the file at %q", v.Commit, head, want)
			}
		}
		if len(digests) > 0 {
			t.Fatalf("left out: %v", digests)
		}
	})
}

// FuzzCauseIn looks for messages that give a cause which no trailer of the tag states.
func FuzzCauseIn(f *testing.F) {
	f.Add("x\n\nImage-Stream: sso/keycloak\nImage-Stream-Tag: 25.0 - " + digest("a") + "\nImage-Stream-Cause: rollback\n")
	f.Add("Image-Stream: sso/keycloak\nImage-Stream-Cause: rollback\nImage-Stream-Tag: 25.0 - -\n")
	f.Fuzz(func(t *testing.T, message string) {
		got := causeIn(message, historyTag, digest("a"))
		if got == "" {
			return
		}
		for _, line := range []string{"Image-Stream: sso/keycloak", "Image-Stream-Tag:", digest("a"), "Image-Stream-Cause: " + got} {
			if !strings.Contains(message, line) {
				t.Errorf("cause %s without %q", got, line)
			}
		}
	})
}

// FuzzHistoryOf looks for files and messages of which no table can be made.
func FuzzHistoryOf(f *testing.F) {
	f.Add(version(1, "b2 a1").Status, version(1, "a1").Status, "x", "Ann")
	f.Add([]byte("a: b"), []byte(nil), "", "\x1b[0m\n\t")
	f.Fuzz(func(t *testing.T, newer, older []byte, message, author string) {
		h, notices := HistoryOf(historyTag, []Version{
			{Commit: "2", Status: newer, Message: message, Author: Author{Name: author}}, {Commit: "1", Status: older},
		})
		lines := strings.Split(h.Table(now), "\n")
		if len(lines) != len(h.Moves)+2 || len(notices) > 2 {
			t.Errorf("%d lines for %d moves, %d notices", len(lines), len(h.Moves), len(notices))
		}
		for _, line := range lines {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q could steer a terminal", line)
			}
		}
	})
}

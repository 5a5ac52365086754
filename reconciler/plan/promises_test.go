package plan_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/stream"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// What OpenShift does not keep, and imgstream does (openshift.md 6, pains 2 to 4).

// branch is a repository in which imgstream passes.
type branch struct {
	tip       fstest.MapFS
	now, base *plan.View        // of the tip, nil until it is read, and of imgstream's last push
	serves    map[string]string // digest by reference; "" is a registry that is down
	clock     time.Time
}

func newBranch(files map[string]string) *branch {
	b := &branch{tip: fstest.MapFS{}, serves: map[string]string{}, clock: noon}
	for path, text := range files {
		b.write(path, text)
	}
	return b
}

func (b *branch) write(path, text string) {
	b.now = nil
	b.tip[path] = &fstest.MapFile{Data: []byte(text)}
}

// pass runs a pass a minute after the last one, and gives the subjects of its commits.
func (b *branch) pass(t *testing.T) []string {
	t.Helper()
	b.clock = b.clock.Add(time.Minute)
	present := plan.Look(b.view(t), b.base, plan.Operator{})
	got := plan.Answers{}
	for _, q := range present.Imports(plan.Always, nil) {
		if digest := b.serves[q.Import.Reference]; digest == "" {
			got[q.Import] = plan.Answer{Failure: &plan.Failure{Message: "connection refused"}}
		} else {
			got[q.Import] = plan.Answer{Digest: digest}
		}
	}
	out, err := present.Next(plan.Always, got, nil, nil, b.clock).Edits(b.tip)
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, c := range out.Changes {
		subject, _, _ := strings.Cut(c.Message, "\n")
		subjects = append(subjects, subject)
	}
	if len(out.Changes) > 0 {
		b.tip, b.now = apply(b.tip, out), nil
		b.base = b.view(t)
	}
	return subjects
}

// view is what the tip says.
func (b *branch) view(t *testing.T) *plan.View {
	t.Helper()
	if b.now == nil {
		s, err := survey.Read(b.tip)
		if err != nil {
			t.Fatal(err)
		}
		b.now = &s.View
	}
	return b.now
}

// heads are the digests that tags have.
func (b *branch) heads(t *testing.T) map[stream.Ref]string {
	t.Helper()
	heads := map[stream.Ref]string{}
	for ref, st := range b.view(t).Tree.Status {
		if head := st.Head(); head != nil {
			heads[ref] = head.Image
		}
	}
	return heads
}

func tagRef(name, tag string) stream.Ref {
	return stream.Ref{Namespace: stream.DefaultNamespace, Name: name, Tag: tag}
}

func spec(name, tags string) string {
	return "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: " + name + "}\nspec:\n  tags:\n" + tags
}

func fromImage(tag, reference string) string {
	return fmt.Sprintf("  - name: %q\n    from: {kind: DockerImage, name: %q}\n    importPolicy: {scheduled: true}\n", tag, reference)
}

func fromTag(tag, source string) string {
	return fmt.Sprintf("  - name: %q\n    from: {kind: ImageStreamTag, name: %q}\n", tag, source)
}

// An alias of an alias follows every time: in 1,000 random graphs over several streams,
// every tag shows what its source came to, in the pass in which that moved.
func TestAliasOfAliasFollowsEveryTime(t *testing.T) {
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 0))
		tags := 2 + random.IntN(14)
		home := func(i int) string { return fmt.Sprintf("s%d", i*7%3) }
		root := make([]int, tags) // of each tag, the tag that is imported
		entries := map[string][]string{}
		for i := range tags {
			name := fmt.Sprintf("t%d", i)
			if i == 0 || random.IntN(4) == 0 {
				root[i] = i
				entries[home(i)] = append(entries[home(i)], fromImage(name, fmt.Sprintf("r.io/app:%d", i)))
				continue
			}
			followed := random.IntN(i)
			root[i] = root[followed]
			entries[home(i)] = append(entries[home(i)], fromTag(name, fmt.Sprintf("%s:t%d", home(followed), followed)))
		}
		b := newBranch(nil)
		for name, list := range entries {
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			b.write("imagestreams/"+name+".yaml", spec(name, strings.Join(list, "")))
		}
		for range 2 {
			for i := range tags {
				if b.serves[fmt.Sprintf("r.io/app:%d", i)] == "" || random.IntN(2) == 0 {
					b.serves[fmt.Sprintf("r.io/app:%d", i)] = fmt.Sprintf("sha256:%064x", random.Uint64())
				}
			}
			b.pass(t)
			heads := b.heads(t)
			for i := range tags {
				want := b.serves[fmt.Sprintf("r.io/app:%d", root[i])]
				if got := heads[tagRef(home(i), fmt.Sprintf("t%d", i))]; got != want {
					t.Fatalf("seed %d: t%d shows %s, its source t%d is at %s", seed, i, got, root[i], want)
				}
			}
			if again := b.pass(t); again != nil {
				t.Fatalf("seed %d: a second pass commits %q", seed, again)
			}
		}
	}
}

// A chain of ten aliases across three streams moves in one push, sources first; two tags
// that follow each other are reported, and keep nobody.
func TestTenAliases(t *testing.T) {
	entries := map[string]string{"a": fromImage("0", "r.io/app:1")}
	for i := 1; i <= 10; i++ {
		entries[string("abc"[i%3])] += fromTag(fmt.Sprint(i), fmt.Sprintf("%c:%d", "abc"[(i-1)%3], i-1))
	}
	entries["b"] += fromTag("x", "c:y")
	entries["c"] += fromTag("y", "b:x")
	b := newBranch(nil)
	for name, tags := range entries {
		b.write("imagestreams/"+name+".yaml", spec(name, tags))
	}
	for _, digest := range []string{digest(1), digest(2)} {
		b.serves["r.io/app:1"] = digest
		b.pass(t)
		for i := 0; i <= 10; i++ {
			if got := b.heads(t)[tagRef(string("abc"[i%3]), fmt.Sprint(i))]; got != digest {
				t.Errorf("%d hops: %s, want %s", i, got, digest)
			}
		}
	}
	for _, ref := range []stream.Ref{tagRef("b", "x"), tagRef("c", "y")} {
		st := b.view(t).Tree.Status[ref]
		if st.Head() != nil || len(st.Conditions) != 1 || st.Conditions[0].Reason != stream.ReasonCycle {
			t.Errorf("%s: %+v", ref, st)
		}
	}
}

// A changed source together with a new alias in one commit loses nothing: both show the
// new image (openshift.md 2.5.1, P6).
func TestSourceAndAliasInOneCommit(t *testing.T) {
	b := newBranch(map[string]string{"imagestreams/app.yaml": spec("app", fromImage("1", "r.io/app:1"))})
	b.serves["r.io/app:1"], b.serves["r.io/app:2"] = digest(1), digest(2)
	b.pass(t)
	b.write("imagestreams/app.yaml", spec("app", fromTag("latest", "1")+fromImage("1", "r.io/app:2")))
	b.pass(t)
	for _, tag := range []string{"1", "latest"} {
		if got := b.heads(t)[tagRef("app", tag)]; got != digest(2) {
			t.Errorf("%s: %s", tag, got)
		}
	}
}

// A failed import recovers by itself, scheduled or not, and keeps the known-good meanwhile.
func TestFailedImportRecovers(t *testing.T) {
	once := strings.Replace(fromImage("once", "r.io/app:2"), "    importPolicy: {scheduled: true}\n", "", 1)
	b := newBranch(map[string]string{"imagestreams/app.yaml": spec("app", fromImage("often", "r.io/app:1")+once)})
	b.serves["r.io/app:1"] = digest(1)
	b.pass(t)
	b.serves["r.io/app:1"] = ""
	if subjects := b.pass(t); subjects != nil {
		t.Errorf("a host that is down is committed: %q", subjects)
	}
	if got := b.heads(t)[tagRef("app", "often")]; got != digest(1) {
		t.Errorf("often, while the host is down: %s", got)
	}
	b.serves["r.io/app:1"], b.serves["r.io/app:2"] = digest(3), digest(2)
	b.pass(t)
	for tag, want := range map[string]string{"often": digest(3), "once": digest(2)} {
		if got := b.heads(t)[tagRef("app", tag)]; got != want {
			t.Errorf("%s, after the host is back: %s, want %s", tag, got, want)
		}
	}
}

// A rollback is not overridden: the digest that was taken back stays away for as long as
// the registry serves it, the next other one flows.
func TestRollbackIsNotOverridden(t *testing.T) {
	const kustomization = "images:\n- name: app # {\"$imagestream\": \"app:1\"}\n  newTag: x\n"
	b := newBranch(map[string]string{"imagestreams/app.yaml": spec("app", fromImage("1", "r.io/app:1")), "apps/kustomization.yaml": kustomization})
	b.serves["r.io/app:1"] = digest(1)
	b.pass(t)
	good := b.tip
	b.serves["r.io/app:1"] = digest(2)
	b.pass(t)
	if got := b.heads(t)[tagRef("app", "1")]; got != digest(2) {
		t.Fatal(got)
	}
	b.tip, b.now = good, nil // git revert of the move
	for range 20 {
		b.pass(t)
		if got := b.heads(t)[tagRef("app", "1")]; got != digest(1) {
			t.Fatalf("the rollback is overridden by %s", got)
		}
		if got := string(b.tip["apps/kustomization.yaml"].Data); !strings.Contains(got, digest(1)) {
			t.Fatalf("what runs is not what was rolled back to:\n%s", got)
		}
	}
	b.serves["r.io/app:1"] = digest(3)
	b.pass(t)
	if got := b.heads(t)[tagRef("app", "1")]; got != digest(3) {
		t.Errorf("the next digest does not flow: %s", got)
	}
}
